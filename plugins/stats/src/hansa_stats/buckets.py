"""Buckets of durations on a logarithmic scale, as HdrHistogram has them: exact below 32 us, and 16
buckets for each power of two above, so that a bucket is at most 1/16 as wide as its values are
long.
"""

from __future__ import annotations

from collections.abc import Mapping

EXACT = 32
"""Durations below this, in microseconds, have a bucket each."""
BITS = 5
HALF = 16
LONGEST = 1 << 40
"""Longer durations, of more than 12 days, are counted as this one, in microseconds."""

Buckets = dict[int, int]
"""Number of durations by the index of their bucket."""


def bucket_of(micros: int) -> int:
    """Return the index of the bucket of a duration in microseconds."""
    if micros < EXACT:
        return max(0, micros)
    shown = min(micros, LONGEST)
    shift = shown.bit_length() - BITS
    return shift * HALF + (shown >> shift)


def lowest_of(bucket: int) -> int:
    """Return the shortest duration of a bucket, in microseconds."""
    if bucket < EXACT:
        return bucket
    shift = bucket // HALF - 1
    return (bucket - shift * HALF) << shift


def highest_of(bucket: int) -> int:
    """Return the longest duration of a bucket, in microseconds."""
    return lowest_of(bucket + 1) - 1


def percentile(buckets: Mapping[int, int], percent: float) -> float:
    """Return the duration, in microseconds, that this share of all durations does not exceed; 0 if
    there are none.

    It is the middle of the bucket of the one at the nearest rank, at most 1/32 away from it.
    """
    total = sum(buckets.values())
    wanted = total * percent / 100
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= wanted:
            return (lowest_of(bucket) + highest_of(bucket)) / 2
    return 0.0


def count_up_to(buckets: Mapping[int, int], micros: int) -> int:
    """Return how many durations are in buckets that end at most there."""
    return sum(number for bucket, number in buckets.items() if highest_of(bucket) <= micros)
