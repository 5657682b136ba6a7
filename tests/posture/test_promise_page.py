"""The page for a customer: its JSON is as its schema says, it names nothing unless asked to, and what others chose is
text in it and nothing else.
"""

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt

from posture.controls.registry import claims
from posture.fault import Fault
from posture.frozen import frozen
from posture.model import Model
from posture.promise_markdown import code, escaped, markdown
from posture.promise_page import MOST_NAMED, Page, page, schema, to_json
from posture.promises import Promises
from posture.resource import Resource
from posture.snapshot import take
from posture.text import one_line
from posture.verdict import Status
from tests.posture.controls.world import HOME, NOW, key, refused, volume
from tests.posture.models import FAULTS, KEYS, VOLUMES, Feed, fed, worlds

VALIDATOR = Draft202012Validator(schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)
HOSTILE = (
    "<script>alert(1)</script>",
    "](https://evil.example) [x",
    "`; rm -rf ~ `` ` ",
    "a | b | c",
    "line\nbreak\r\n# heading",
    "![p](http://evil.example/p.png)",
    "https://evil.example/login @everyone www.evil.example",
    "&lt;b&gt; *bold* _it_ ~~no~~ $x$",
    "\u202e\x1b[31m`",
    " ",
)
TEXT = st.one_of(st.sampled_from(HOSTILE), st.text(alphabet=st.sampled_from("`|\\*_<>[]()!#&~$@:/. ax\n"), max_size=12))


def made(model: Model, *, names: bool = False, at: float = NOW) -> tuple[Page, Promises]:
    promises = Promises.of(model)
    return page(promises, model, at, "1", promises.tenants(), names=names), promises


def feed(*names: str) -> Feed:
    """Plaintext volumes of these names, one of them excepted, and one that could not be read."""
    volumes = [msgspec.structs.replace(volume(f"vol-{number}"), name=name) for number, name in enumerate(names, 1)]
    return (
        Feed(VOLUMES, KEYS).poll(KEYS, key()).poll(VOLUMES, *volumes, refused(volume("vol-0"), "ec2:DescribeVolumes"))
    )


# ---------------------------------------------------------------- JSON


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema())


@settings(max_examples=4, deadline=None)
@given(world=worlds(), faults=FAULTS, names=st.booleans())
def test_the_json_is_as_its_schema_says_and_equal_but_for_times(
    world: dict[str, list[Resource]], faults: dict[str, Fault], names: bool
) -> None:
    model = fed(world, faults).model
    first, second = (to_json(made(model, names=names, at=at)[0]) for at in (NOW, NOW + 3600))
    VALIDATOR.validate(json.loads(first))
    assert first.replace(b"2026-11-23T14:00:00Z", b"") == second.replace(b"2026-11-23T15:00:00Z", b"")
    assert msgspec.json.decode(first, type=Page).tenants.keys() == set(Promises.of(model).tenants())


def test_the_order_is_that_of_the_page() -> None:
    whole, _ = made(feed("a").model)
    assert [one.sentence for one in whole.tenants["acme"].promises] == list(claims().sentences)
    assert list(whole.tenants) == sorted(whole.tenants)
    assert set(whole.sentences["S25"].controls) >= {"aws.ebs.volume-encrypted"}


def test_what_is_named_is_the_worst_first_and_not_without_end() -> None:
    whole, _ = made(feed(*(f"v{number}" for number in range(MOST_NAMED + 5))).model, names=True)
    promise = next(one for one in whole.tenants["acme"].promises if one.sentence == "S25")
    assert promise.named is not None
    assert len(promise.named) == MOST_NAMED < sum(promise.findings.values())
    statuses = [Status[one.status.upper()] for one in promise.named]
    assert statuses == sorted(statuses)


# ---------------------------------------------------------------- Markdown


@pytest.mark.parametrize("form", ["json", "md"])
def test_no_name_account_or_host_is_on_the_page_unless_asked_for(form: str) -> None:
    model = feed("customer-ledger", "payroll").model
    for names in (False, True):
        whole, promises = made(model, names=names)
        text = to_json(whole).decode() if form == "json" else markdown(whole, promises)
        for secret in ("customer-ledger", "payroll", HOME, "vol-1", "us-east-1", "scratch", "j.doe"):
            assert secret not in text or (names and secret not in {"scratch", "j.doe"}), secret
        assert ("customer-ledger" in text) is names


def test_the_page_says_what_a_customer_asks() -> None:
    whole, promises = made(feed("a", "b").model)
    text = markdown(whole, promises)
    assert text.startswith("# Encryption, as promised and as seen: `acme`\n\nAs of 2026-11-23T14:00:00Z (UTC), ")
    rows = [line for line in text.splitlines() if re.match(r"\| S\d\d ", line)]
    assert len(rows) == 32 * len(whole.tenants)
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 5 for row in rows)
    section = text.partition("## S25: ")[2].partition("## S26")[0]
    assert "It does not hold: 1 of 3 checks fails." in section
    assert "- **Fails**: Every EBS volume is encrypted: 1 of 3" in section
    assert "- **Exceptions**: 1 check excepted until 2026-11-23" in section
    assert "- **Not seen**: 1 unknown: denied ec2:DescribeVolumes" in section
    assert "- **Attested**: A data key for each volume, and AES-256, are AWS's word" in section
    assert "## S26" not in text, "what does not apply has its row, and no section"


MARKDOWN = MarkdownIt("gfm-like")
assert MARKDOWN.linkify is not None
MARKDOWN.linkify.set({"fuzzy_link": False, "fuzzy_email": False})  # which are no links on GitHub


def tokens(text: str) -> list[Any]:
    return [
        part
        for token in MARKDOWN.parse(text)
        for part in (token, *(token.children or ()))
        if part.type not in {"text", "inline", "softbreak"}
    ]


@settings(max_examples=60, deadline=None)
@given(TEXT)
def test_a_name_in_a_code_span_is_itself(text: str) -> None:
    (span,) = [part for part in tokens(f"- FAIL {code(text)}: x") if part.type == "code_inline"]
    assert span.content.strip() == one_line(text).strip()


@settings(max_examples=60, deadline=None)
@given(TEXT)
def test_escaped_text_is_itself_and_no_markup(text: str) -> None:
    (inline,) = [token for token in MARKDOWN.parse(f"x{escaped(text)}x") if token.type == "inline"]
    parts = inline.children or []
    assert {part.type for part in parts} <= {"text", "text_special"}
    assert "".join(part.content for part in parts) == f"x{one_line(text)}x"


def test_hostile_names_versions_and_days_of_a_file_are_text() -> None:
    model = feed(*HOSTILE).model
    snapshot = take(model, NOW, "1")
    for finding in snapshot.findings:
        if finding.exception is not None:
            finding.exception = msgspec.structs.replace(finding.exception, until="<b>`|[x](http://e.example)")
    for source in snapshot.sources:
        source.service, source.state = "<img src=x> | [y](http://e.example)", "denied"
    model = frozen(snapshot)
    promises = Promises.of(model)
    whole = page(promises, model, NOW, "`1` <i>", ["acme"], names=True)
    kinds = {part.type for part in tokens(markdown(whole, promises))}
    assert not {kind for kind in kinds if "html" in kind or "link" in kind or "image" in kind}
    names = {part.content for part in tokens(markdown(whole, promises)) if part.type == "code_inline"}
    assert {one_line(name) for name in HOSTILE if name.strip()} <= names
    VALIDATOR.validate(json.loads(to_json(whole)))
