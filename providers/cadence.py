"""How often which kind of question is asked."""

import msgspec

from posture.clock import Seconds
from posture.source import COLD, LIVE, WARM


class Cadence(msgspec.Struct, frozen=True):
    """`[poll]`: the three cadences, in seconds."""

    live: Seconds = LIVE
    warm: Seconds = WARM
    cold: Seconds = COLD
