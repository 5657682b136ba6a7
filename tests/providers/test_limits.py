"""The bounds of any answer, and the way it may travel."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from posture.fault import Refused
from posture.loopback import is_loopback
from providers.limits import Pages, TooLongError, proxies_for, proxy_for, read_all, read_whole, whole_answer
from providers.refusals import masked, retry_after, told, without


async def _chunks(count: int, pause: float = 0.0) -> AsyncIterator[bytes]:
    for _ in range(count):
        await asyncio.sleep(pause)
        yield b"x" * 10


async def test_an_answer_is_read_up_to_the_limit_and_not_beyond() -> None:
    assert await read_all(_chunks(10), 100) == b"x" * 100
    with pytest.raises(TooLongError, match="longer than 100 bytes"):
        await read_all(_chunks(1_000_000_000), 100)


def test_a_client_that_blocks_is_held_to_bytes_and_time() -> None:
    assert read_whole(iter([b"ab", b"c"]), 10.0, lambda: 0.0) == b"abc"
    with pytest.raises(TooLongError):
        read_whole(iter([b"ab", b"c"]), 10.0, lambda: 0.0, 2)
    with pytest.raises(TimeoutError, match="not whole"):
        read_whole(iter([b"ab", b"c"]), 10.0, lambda: 11.0)


async def test_a_drip_ends_when_its_time_is_over() -> None:
    with pytest.raises(TimeoutError, match="not whole after"):
        async with whole_answer(0.05):
            await read_all(_chunks(1_000_000, 0.01))


def test_a_listing_that_leads_back_or_never_ends_is_ended() -> None:
    pages = Pages("x:List", 5)
    pages.follow("a")
    pages.follow("b")
    with pytest.raises(Refused) as looping:
        pages.follow("a")
    assert looping.value.fault.code == "LoopingListing"
    pages.follow("c")
    pages.follow("d")
    with pytest.raises(Refused) as endless:
        pages.follow("e")
    assert endless.value.fault.code == "EndlessListing"


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_this_machine_is_told_by_its_address(host: str, ours: bool) -> None:
    assert is_loopback(host) is ours


def test_no_proxy_is_asked_for_what_is_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert (
        proxies_for("http://127.0.0.1:8200")
        == proxies_for("http://[::1]:1")
        == proxies_for("https://inside.example/x")
        == {}
    )
    assert proxy_for("https://vault.example:8200") == "http://proxy.example:3128"


@pytest.mark.parametrize(
    "secret",
    [
        "hvs.CAESIJabcdefghijklmnopqrstuvwxyz",
        "s.abcdefghijklmnopqrstuvwx",
        "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln",
        "ya29.abcdefghijk",
        "Bearer abcdefghijklmnop",
    ],
)
def test_what_looks_like_a_token_is_masked(secret: str) -> None:
    assert secret not in masked(f"you sent {secret}, which is wrong")


def test_our_own_secrets_are_masked_whatever_they_look_like() -> None:
    assert masked("the token plain-words-0 is wrong", "plain-words-0", None, "") == "the token [secret] is wrong"


@pytest.mark.parametrize("before", ["x" * 290, "x " * 32_700, "{} " * 2000, "y" * 65_500])
def test_a_secret_is_not_told_in_part_where_words_are_cut_however_long_they_are(before: str) -> None:
    secret = "opaque-canary-" + "0123456789" * 4
    for more in range(60):
        assert "canary" not in told(before.replace("{}", secret) + "z" * more + f" {secret} " + "w" * 10_000, secret)


def test_words_without_end_cost_no_time() -> None:
    began = time.process_time()
    for words in ("s." * (8 << 20), "eyJ " * (4 << 20), "Bearer " * (2 << 20)):
        assert len(told(words)) <= 300
    assert time.process_time() - began < 10


def test_an_answer_that_repeats_what_we_sent_is_read_without_it() -> None:
    assert (
        without(b'{"id": "Bearer long-enough-to-be-a-token"}', "long-enough-to-be-a-token", "")
        == b'{"id": "Bearer [secret]"}'
    )
    body = b'{"policies": ["root"]}'
    assert without(body, "root", "long-enough-to-be-a-token") is body


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("-3", 0.0),
        ("inf", None),
        ("nan", None),
        ("1e300", 86400.0),
        ("Mon, 01 Jan 99999 00:00:00 GMT", None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_a_wait_is_a_length_of_time_or_none(header: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": header}) == seconds


def test_a_wait_as_a_date_is_counted_from_now() -> None:
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 100))
    waited = retry_after({"Retry-After": date})
    assert waited is not None
    assert 90 < waited < 101
