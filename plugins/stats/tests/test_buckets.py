"""Durations in buckets: percentiles are within the width of a bucket, sums are exact however calls
are spread over workers and batches.
"""

from __future__ import annotations

import math

import msgspec
from hansa_stats.buckets import LONGEST, bucket_of, count_up_to, highest_of, lowest_of, percentile
from hansa_stats.tally import Tally
from hypothesis import given, strategies as st

durations = st.integers(0, LONGEST - 1)


def test_literal_buckets():
    expected = {0: 0, 1: 1, 31: 31, 32: 32, 33: 32, 34: 33, 63: 47, 64: 48}
    assert {micros: bucket_of(micros) for micros in expected} == expected
    assert (lowest_of(32), highest_of(32)) == (32, 33)
    assert (lowest_of(48), highest_of(48)) == (64, 67)
    assert bucket_of(-1) == 0
    assert bucket_of(LONGEST * 5) == bucket_of(LONGEST)


@given(durations)
def test_a_duration_is_in_its_bucket_which_is_narrow(micros: int):
    bucket = bucket_of(micros)
    assert lowest_of(bucket) <= micros <= highest_of(bucket)
    assert highest_of(bucket) - lowest_of(bucket) <= micros / 16
    assert highest_of(bucket) + 1 == lowest_of(bucket + 1)


@given(
    st.lists(st.lists(st.lists(durations, max_size=30), max_size=4), min_size=1, max_size=4).filter(
        lambda workers: any(any(batches) for batches in workers)
    ),
    st.sampled_from([50, 95, 99, 100]),
)
def test_merged_tallies_are_those_of_all_calls(workers: list[list[list[int]]], percent: int):
    merged = Tally()
    for batches in workers:
        of_worker = Tally()
        for batch in batches:
            tally = Tally()
            tally.add_durations(micros * 1000 + 999 for micros in batch)
            of_worker.merge(msgspec.json.decode(msgspec.json.encode(tally), type=Tally))
        merged.merge(of_worker)
    calls = sorted(micros for batches in workers for batch in batches for micros in batch)
    assert (merged.count, merged.timed) == (len(calls), len(calls))
    assert (merged.micros, merged.longest) == (sum(calls), calls[-1])
    exact = calls[max(1, math.ceil(len(calls) * percent / 100)) - 1]
    assert abs(percentile(merged.buckets, percent) - exact) <= exact / 32
    assert count_up_to(merged.buckets, LONGEST * 2) == len(calls)


def test_no_durations_have_no_percentile():
    assert percentile({}, 99) == 0
