"""Whether beacons are lit."""

from posture.context import Context
from posture.controls.registry import control
from posture.reading import field_of
from posture.resource import Resource
from posture.verdict import Verdict, failed, passed, unknown


@control("toy.beacon.lit", on="toy.beacon")
def lit(beacon: Resource, context: Context) -> Verdict:
    """Dark is a FAIL; a light that nobody saw is UNKNOWN."""
    match field_of(beacon, "toy:ListBeacons", "Lit"):
        case True:
            return passed("the light is on")
        case False:
            return failed("the light is off", {"toy:ListBeacons.Lit": False})
    return unknown("ListBeacons answered without Lit")
