"""The filter language: every form a person may type, and what is said where it cannot be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posture.fault import FilterError
from posture.filter import FIELDS, Term, parse

THING = {
    "status": "fail",
    "severity": "critical",
    "key": "customer-foreign",
    "kind": "volume",
    "type": "aws.ebs.volume",
    "tenant": "acme",
    "provider": "aws",
    "scope": "111122223333",
    "region": "eu-west-1",
    "source": "acme/aws/111122223333/eu-west-1/ebs",
    "name": "PG Data, primary",
    "id": "tls://[::1]:443",
    "control": "aws.ebs.volume-encrypted",
    "": "PG Data, primary Encrypted is false",
}


def holds(text: str, **other: str) -> bool:
    thing = THING | other
    return parse(text).matcher()(lambda field: thing.get(field, ""))


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", True),
        ("   ", True),
        ("status:fail", True),
        ("status:FAIL", True),
        ("STATUS:fail", True),
        ("status:pass", False),
        ("status:pass,fail", True),
        ("status:pass,,fail,", True),
        ("status:f*", True),
        ("severity:critical", True),
        ("severity:high,medium", False),
        ("key:customer", False),  # whole words: customer-foreign is another class
        ("key:customer*", True),
        ("kind:volume", True),
        ("kind:vol", False),
        ("kind:vol*", True),
        ("kind:v?lume", True),
        ("type:aws.ebs.*", True),
        ("tenant:acme", True),
        ("provider:aws,gcp", True),
        ("scope:1111*", True),
        ("region:eu*", True),
        ("region:us*", False),
        ("source:*/ebs", True),
        ("control:aws.ebs.*", True),
        ("id:tls://[::1]:443", True),  # brackets are not wild
        ("id:tls://[::1]:*", True),
        ("id:tls://[:1]:443", False),
        ('name:"pg data, primary"', True),
        ("name:'pg data, primary'", True),
        ('name:"other, name","pg data, primary"', True),
        ('name:"pg data*"', True),
        ("name:pg", False),
        ("encrypted", True),
        ("ENCRYPTED is", True),
        ('"encrypted is false"', True),
        ('"encrypted false"', False),
        ("is encrypted", True),  # two words, in any order
        ("status:fail kind:volume region:eu* data", True),
        ("status:fail kind:bucket", False),
        ("-status:pass", True),
        ("!status:fail", False),
        ("-data", False),
        ('-"no such text"', True),
        ('!name:"pg data, primary"', False),
        ("-", True),
        ("!", True),
        ('""', True),
        ('-""', True),
        ('"status:fail"', False),  # quoted: looked for as it stands
    ],
)
def test_what_a_filter_lets_through(text: str, passes: bool) -> None:
    assert holds(text) is passes


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:s3:::b",
        "aws:kms",
        "tls://h:443",
        "vault://h/x",
        "cert://ab",
        "k8s://c/n",
        "https://h",
        "enctop://acme",
        "10.0.0.1:443",
    ],
)
def test_ids_and_addresses_are_looked_for_as_they_stand(text: str) -> None:
    assert parse(text).terms == (Term("", (text,), False),)


def test_an_apostrophe_inside_a_word_is_a_letter() -> None:
    assert parse("it's don't").terms == (Term("", ("it's",), False), Term("", ("don't",), False))


def test_a_tenants_filter_holds_for_what_it_shares_and_its_negation_does_not() -> None:
    assert holds("tenant:acme", tenant="acme+beta")
    assert holds("tenant:be*", tenant="acme+beta")
    assert not holds("-tenant:beta", tenant="acme+beta")
    assert not holds("tenant:acme", tenant="acme-2")


def test_not_applicable_may_be_written_with_a_dash() -> None:
    assert holds("status:not-applicable", status="not_applicable")


def test_a_filter_keeps_what_was_typed_and_reads_it_again_alike() -> None:
    typed = '  name:"two  spaces"   -x '
    assert parse(typed).text == typed.strip()
    assert parse(parse(typed).text) == parse(typed)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("statsu:fail", "filter: no field 'statsu'; did you mean status:? fields are " + ", ".join(FIELDS)),
        ("zzz:1", "filter: no field 'zzz'; fields are " + ", ".join(FIELDS)),
        ("status:", "filter: status: needs a value, as in status:fail"),
        ("kind:", "filter: kind: needs a value, as in kind:acme"),
        ("-status:,", "filter: status: needs a value, as in status:fail"),
        ('name:""', "filter: name: needs a value, as in name:acme"),
        (
            "status:bad",
            "filter: status:bad matches nothing; status is one of fail, unknown, warn, pass, not_applicable",
        ),
        (
            "status:pass,bad",
            "filter: status:bad matches nothing; status is one of fail, unknown, warn, pass, not_applicable",
        ),
        (
            "status:[fp]*",
            "filter: status:[fp]* matches nothing; status is one of fail, unknown, warn, pass, not_applicable",
        ),
        (
            "severity:urgent",
            "filter: severity:urgent matches nothing; severity is one of critical, high, medium, low, info",
        ),
        (
            "key:mine",
            (
                "filter: key:mine matches nothing; key is one of none, provider, provider-visible, customer,"
                " customer-foreign, supplied, double, unknown"
            ),
        ),
        ('name:"pg', "filter: a quote is not closed in 'name:\"pg'"),
        ("'", 'filter: a quote is not closed in "\'"'),
    ],
)
def test_a_filter_that_cannot_be_read_names_the_word_and_what_is_allowed(text: str, says: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert str(caught.value) == says


PIECES = st.sampled_from([*"ab:,-!\"' *?[]\\", "status:", "name:", "fail"])


@given(st.lists(PIECES, max_size=8).map("".join))
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    try:
        read = parse(text)
    except FilterError:
        return
    assert read.matcher()(lambda field: "fail") in (True, False)
    assert parse(read.text) == read
