"""What a class asked for, compared with what the volume is."""

from collections.abc import Mapping

from posture.controls.kubernetes.provisioners import Asked
from posture.verdict import Status

DRIFT: Mapping[tuple[Asked, bool | None], tuple[Status, str]] = {
    (Asked.ENCRYPTED, True): (Status.PASS, "the class asks for encryption, and the volume is encrypted"),
    (Asked.PLATFORM, True): (Status.PASS, "the platform encrypts, and the volume is encrypted"),
    (Asked.DEFAULT, True): (Status.PASS, "encrypted by the region's default"),
    (Asked.PLAINTEXT, True): (Status.WARN, "the class asks for no encryption, the volume is encrypted all the same"),
    (Asked.UNKNOWN, True): (Status.PASS, "the volume is encrypted"),
    (Asked.ENCRYPTED, False): (Status.FAIL, "the class asks for encryption, the volume is not"),
    (Asked.PLATFORM, False): (Status.FAIL, "the platform encrypts, the volume is not encrypted"),
    (Asked.DEFAULT, False): (Status.FAIL, "the class leaves it to the region's default, the volume is not encrypted"),
    (Asked.PLAINTEXT, False): (Status.FAIL, "the class asks for no encryption, the volume has none"),
    (Asked.UNKNOWN, False): (Status.FAIL, "the volume is not encrypted"),
    **{(asked, None): (Status.UNKNOWN, "whether the volume is encrypted is not known") for asked in Asked},
}
"""(What the class asks for, whether the volume is encrypted; None: not known) -> status and reason."""
