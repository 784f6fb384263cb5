"""The accounting itself: each word means what it should, whatever the messages did."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter

import pytest
from hypothesis import given, strategies as st

from tests.cluster.accounting import Account, Receipts, bound, percentile


def account(attempted, acknowledged):
    made = Account()
    made.attempt(attempted)
    made.acknowledge(acknowledged)
    return made


def test_every_word_once():
    # 1 arrives, 2 is lost, 3 arrives unacknowledged, 4 neither, 5 comes three times, 9 was never
    # sent
    result = account(5, [1, 2, 5]).result([1, 3, 5, 5, 5, 9])
    assert (result.attempted, result.acknowledged, result.received) == (5, 3, 4)
    assert result.lost == {2}
    assert result.unexpected == {9}
    assert result.recovered == {3}
    assert result.duplicated == {5: 2}
    assert result.duplicates == 2
    assert str(result) == (
        "attempted 5, acknowledged 3, received 4, lost 1, unexpected 1, duplicated 2, recovered 1"
    )


@given(st.integers(0, 30), st.sets(st.integers(1, 30)), st.lists(st.integers(1, 40)))
def test_whatever_arrives_the_sums_are_right(attempted, acknowledged, received):
    acknowledged = {number for number in acknowledged if number <= attempted}
    result = account(attempted, acknowledged).result(received)
    kept = result.acknowledged - len(result.lost)
    assert result.received == kept + len(result.recovered) + len(result.unexpected)
    assert len(received) == result.received + result.duplicates
    assert not result.lost & set(received)
    assert result.unexpected == {number for number in received if number > attempted}
    assert all(
        Counter(received)[number] == times + 1 for number, times in result.duplicated.items()
    )


def test_numbers_are_handed_out_once_to_many_threads():
    made, given_out = Account(), []

    def attempt() -> None:
        for _ in range(200):
            given_out.extend(made.attempt(7))

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given_out) == len(set(given_out)) == len(made.attempted) == 8 * 200 * 7


def test_what_was_never_attempted_cannot_be_acknowledged():
    with pytest.raises(ValueError, match="never attempted"):
        account(3, [4])


def test_receipts_are_read_as_they_grow_and_a_line_in_the_making_waits(tmp_path):
    receipts = Receipts(tmp_path / "file")
    assert receipts.lines() == []
    handle = os.open(tmp_path / "file", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, b'{"number": 1, "what": "done"}\n{"number": 2, "wh')
    assert receipts.numbers() == [1]
    os.write(handle, b'at": "begun"}\n')
    os.close(handle)
    assert receipts.numbers() == [1, 2]
    assert receipts.numbers(what="done") == [1]
    assert receipts.lines(number=2) == [{"number": 2, "what": "begun"}]


def test_a_torn_line_is_no_receipt(tmp_path):
    (tmp_path / "file").write_bytes(b'{"number": 1{"number": 2}\n')
    with pytest.raises(json.JSONDecodeError):
        Receipts(tmp_path / "file").lines()


def test_what_a_number_of_faults_without_loss_says():
    assert bound(50) == pytest.approx(0.06)
    assert bound(300) == pytest.approx(0.01)
    assert (bound(0), bound(2)) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.95, 0.0),
        ([3.0], 0.95, 3.0),
        (range(1, 101), 0.95, 95),
        (range(1, 101), 1, 100),
        ([2, 1], 0.5, 1),
    ],
)
def test_percentiles(values, share, expected):
    assert percentile(values, share) == expected
