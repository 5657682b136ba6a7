"""What a source reports while it is polled."""

from collections.abc import Iterable
from typing import Union

import msgspec

from posture.fault import Fault
from posture.resource import Resource


class Batch(msgspec.Struct, frozen=True):
    """Resources seen just now: a page of a listing, or one that was read again."""

    resources: tuple[Resource, ...]

    @classmethod
    def of(cls, resources: Iterable[Resource]) -> "Batch":
        """A batch of whatever can be iterated."""
        return cls(tuple(resources))


class Complete(msgspec.Struct, frozen=True):
    """This poll has now named every resource of `types`: what the source reported before and did not name since is
    gone.

    But for what points at one of `unless` (ids): what is below those was not listed.
    """

    types: tuple[str, ...]
    unless: frozenset[str] = frozenset()


class ReadRefused(msgspec.Struct, frozen=True):
    """The poll goes on, but this read was refused; the source ends as `partial`."""

    fault: Fault


class NotRead(msgspec.Struct, frozen=True):
    """These exist, but nobody answered what they are like now: what was seen before stays as it was and ages; what
    never was is taken in as it is here.
    """

    resources: tuple[Resource, ...]


class Gone(msgspec.Struct, frozen=True):
    """The resources of these ids are gone, where this source reported them last."""

    ids: tuple[str, ...]


class StillSo(msgspec.Struct, frozen=True):
    """All that this source has reported and not taken back is so now, as if it were named once more. What its last
    poll left out, or nobody answered for (`NotRead`), is not among it.
    """


Report = Union[Batch, Complete, ReadRefused, NotRead, Gone, StillSo]
