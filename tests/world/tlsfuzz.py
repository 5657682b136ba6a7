"""Inputs for whatever reads what a server sends: how many, and how proper bytes are spoilt. Seeded, so that what
fails fails again.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence

TOTAL = int(os.environ.get("ENCTOP_FUZZ", "3000"))
"""Inputs of all fuzz tests together: a smoke in the usual run; `make bench` gives them 200,000."""
COUNTED: Counter[str] = Counter()
"""By test, how many there were."""


def spoilt(name: str, share: float, proper: Sequence[bytes]) -> Iterator[bytes]:
    """So much of the total: proper bytes with some changed, a piece doubled or left out, cut short, or with rubbish
    behind them.
    """
    chance = random.Random(name)
    for _ in range(round(TOTAL * share)):
        COUNTED[name] += 1
        yield spoil(chance, chance.choice(proper))


def spoil(chance: random.Random, proper: bytes) -> bytes:
    """One of them."""
    stream = bytearray(proper)
    for _ in range(chance.choice((0, 1, 1, 2, 4, 9))):
        if stream:
            stream[chance.randrange(len(stream))] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
    if stream and chance.random() < 0.2:
        start, size = chance.randrange(len(stream)), chance.randrange(1, 60)
        stream[start : start + size] = stream[start : start + size] * chance.choice((0, 2, 3))
    end = chance.randrange(len(stream) + 1) if chance.random() < 0.3 else len(stream)
    return bytes(stream[:end]) + chance.randbytes(chance.choice((0, 0, 0, 3, 200)))
