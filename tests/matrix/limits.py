"""The limits of every room while the matrix runs: a matter of seconds and of a few MB."""

from providers.kubernetes.client import KubeLimits

SHORT = KubeLimits(
    connect=1.5,
    read=3.0,
    whole=4.0,
    most_bytes=1 << 19,
    most_pages=10,
    attempts=2,
    transient_attempts=2,
    pace=60.0,  # Azure's budget of five minutes is less than a cadence there, and a hundred of the matrix's
    silence=4.0,
    settle=0.2,
    backoff=(0.1, 0.5),
)
LONGEST = 2 * SHORT.whole + 1.0
"""Seconds; of what is asked twice, and the pause between."""
