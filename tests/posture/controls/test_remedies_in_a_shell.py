"""Every remedy of every control, filled in with what strangers may have named their resources, given to a real bash:
none of the names is run.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from posture.controls.registry import BLANK, Control, _quoted_blank, registry
from posture.controls.remedy import remedy_for
from posture.resource import Encryption, KeyClass, Link, Resource

NAMES = (
    *(
        "$(marked)",
        "`marked`",
        ";marked;",
        "|marked",
        "&marked&",
        "\nmarked\n",
        "'$(marked)'",
        '"$(marked)"',
        "';marked;'",
        '";marked;"',
        "\\';marked;'",
    ),
    *(
        "a b$(marked)",
        "#\nmarked",
        "${x:-$(marked)}",
        "$((`marked`))",
        "<(marked)",
        ">marked",
        "!(marked)",
        "{marked,;marked}",
        "\\\n;marked",
        "a\x00;marked",
    ),
    *(
        "\u2028marked",
        "\r\nmarked\r\n",
        "x'\"';marked;'\"'",
        "-x$(marked)",
        "$'\\n'marked",
        "~$(marked)",
        "*[$(marked)]",
        "=$(marked)",
        "%;marked",
        "\x1b]52;c;bWFya2Vk\x07;marked",
    ),
)


def filled(control: Control, name: str) -> str:
    fields = {field: name for field in BLANK.findall(control.remedy) if field[0].isupper()}
    encryption = Encryption(True, None, KeyClass.UNKNOWN, name)
    resource = Resource(
        id=name,
        kind="volume",
        type=control.applies[0],
        name=name,
        tenant=name,
        provider="x",
        scope=name,
        region=name,
        source="x",
        encryption=encryption,
        fields=fields,
        links=(Link("key", name),),
    )
    return remedy_for(control, resource)


def remedies() -> Iterator[tuple[str, str, str]]:
    for control in registry():
        for name in NAMES:
            yield control.id, name, filled(control, name)


def test_no_name_is_run_by_a_shell_that_is_given_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "marked").write_text(f'#!/bin/sh\necho "$AT" >> {tmp_path}/ran\n')
    (tmp_path / "bin" / "marked").chmod(0o755)
    (tmp_path / "here").mkdir()
    loop = (
        'while IFS= read -r -d "" AT && IFS= read -r -d "" text; do export AT; ( eval "$text" ) </dev/null >/dev/null'
        " 2>&1; done"
    )
    cases = [(f"{control} {name!r}", text) for control, name, text in remedies()]
    body = "".join(f"{at}\0{text}\0" for at, text in [*cases, ("control", "true $(marked)")])
    subprocess.run(
        ["/bin/bash", "-c", loop],
        input=body.encode(),
        cwd=tmp_path / "here",
        env={"PATH": str(tmp_path / "bin")},
        check=True,
        timeout=300,
    )
    assert (tmp_path / "ran").read_text() == "control\n", "the last one shows that the trap works"
    assert not [path for path in (tmp_path / "here").iterdir() if "marked" in path.name]


def test_every_remedy_without_open_words_is_bash() -> None:
    """`<word>` is what is to be filled in by hand, and no shell takes it."""
    texts = {re.sub(r"<[a-z0-9 -]+>", "word", text) for _, _, text in remedies()}
    for text in texts:
        done = subprocess.run(["/bin/bash", "-n"], input=text.encode(), capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b""), text


@pytest.mark.parametrize(
    "remedy", ["a 'x{name}'", 'a "{Name}"', "a `b {id}`", "a $(b {id})", "a \"it's\" '{id}'", "# it's\na '{id}'"]
)
def test_a_remedy_that_leaves_a_blank_inside_quotes_is_refused(remedy: str) -> None:
    assert _quoted_blank(remedy)


@pytest.mark.parametrize(
    "remedy", ["a {id} 'b' \"c\" # {id}", "# it's {id}\nb {name}", "gs://{name}/'<object>'", "a \\' {id}"]
)
def test_one_that_leaves_it_in_the_open_is_taken(remedy: str) -> None:
    assert not _quoted_blank(remedy)


def test_the_registry_says_which_control_does() -> None:
    from posture.controls.registry import Metadata, joined

    control = next(iter(registry()))
    fields = {
        name: getattr(control, name)
        for name in Metadata.__struct_fields__
        if name not in ("severity", "states", "remedy")
    }
    data = msgspec.convert(
        {
            **fields,
            "severity": "high",
            "states": {},
            "remedy": "a '{name}'",
            "evidence_class": control.evidence_class.value,
        },
        Metadata,
    )
    with pytest.raises(ValueError, match=r"x\.toml: .* leaves \{name\} inside quotes"):
        joined({control.id: (control.applies, control.judge)}, {"x": {control.id: data}}, registry().sentences)
