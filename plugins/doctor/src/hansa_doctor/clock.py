"""Whether two clocks agree."""

from __future__ import annotations

from typing import Final

from hansa import Finding

AGREED: Final = 0.5
"""Seconds of difference that do not matter."""
TOO_MUCH: Final = 5.0
"""Seconds from which leases, tokens and jobs go wrong."""


def judge_clock(whose: str, theirs: float, ours: float) -> Finding:
    """Return what is to be said of another clock, in seconds since 1970 as ours."""
    difference = theirs - ours
    text = (
        f"the clock of {whose} is {abs(difference):.2f} s {'ahead' if difference > 0 else 'behind'}"
    )
    remedy = "have both machines follow the same time servers (chrony, systemd-timesyncd)"
    if abs(difference) < AGREED:
        return Finding("ok", text)
    return Finding("fault" if abs(difference) > TOO_MUCH else "warning", text, remedy)
