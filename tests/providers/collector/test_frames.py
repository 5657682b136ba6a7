"""Frames hold whatever a server told."""

from typing import Any

import pytest

from posture.resource import Resource
from posture.verdict import Status
from providers.collector.frames import Decoder, Detail, Encoder, Frame


@pytest.mark.parametrize("number", [1 << 64, -(1 << 63) - 1, 10**400])
def test_a_number_beyond_64_bits_ends_no_stream(number: int) -> None:
    resource = Resource(
        id="id",
        kind="volume",
        type="x.volume",
        name="n",
        tenant="acme",
        provider="x",
        scope="s",
        region="r",
        source="src",
        encryption=None,
        fields={"N": {"deep": [number, True, 5]}},
    )
    sent = Encoder().encode(Detail("id", resource, Status.PASS, 0.0, (), (), (), 0))
    got: list[Any] = list(Decoder(Frame).feed(sent))
    assert got[0].resource.fields == {"N": {"deep": [max(-(1 << 63), min(number, (1 << 64) - 1)), True, 5]}}
