"""The chain: whatever is changed, removed or inserted is found, and retention breaks nothing."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hansa import JournalRecord
from hansa_audit.early import AuditSection
from hansa_audit.record import Entry
from hansa_audit.trail import JOURNAL, AuditTrail
from hansa_audit.verification import Verification, Verifier
from hansa_devkit import LocalServer
from hansa_devkit.local.journal import LocalJournal
from hypothesis import HealthCheck, given, settings, strategies as st


class Log:
    """An audit log in memory."""

    def __init__(self, records: int = 0, **section: Any) -> None:
        self.server = LocalServer(sections={"audit": AuditSection(**section)})
        self.trail = AuditTrail(self.server)
        for number in range(records):
            self.trail.write(Entry(by="ann", service=f"admin.x.{number}"))

    @property
    def records(self) -> list[JournalRecord]:
        journal = self.server.journal(JOURNAL)
        assert isinstance(journal, LocalJournal)
        return journal.records

    def verify(self, *, with_head: bool = True) -> Verification:
        verifier = Verifier()
        verifier.read(self.server.journal(JOURNAL).read(limit=10_000))
        return verifier.end(self.trail.head() if with_head else None)

    def faults(self) -> dict[int, str]:
        return {fault.number: fault.fault for fault in self.verify().faults}


@pytest.fixture
def log() -> Callable[..., Log]:
    return Log


def changed(record: JournalRecord, **values: Any) -> JournalRecord:
    data = {**json.loads(record.text), **values}
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return JournalRecord(record.number, text)


def test_each_record_has_the_digest_of_the_one_before():
    log = Log(3)
    first, second, third = (record.text for record in log.records)
    assert json.loads(first)["previous"] == ""
    assert json.loads(second)["previous"] == hashlib.sha256(first.encode()).hexdigest()
    assert json.loads(third)["previous"] == hashlib.sha256(second.encode()).hexdigest()
    found = log.verify()
    assert (found.records, found.first, found.faults) == (3, 1, [])
    assert found.last == (3, hashlib.sha256(third.encode()).hexdigest())
    assert Log().verify().faults == []


def test_what_was_changed_is_found():
    log = Log(5)
    log.records[2] = changed(log.records[2], by="bob")
    assert log.faults() == {
        4: "does not follow the record 3: that one was changed, or this one was put in its place"
    }
    log = Log(5)
    log.records[4] = changed(log.records[4], by="bob")
    assert log.faults() == {5: "was changed"}
    log = Log(2)
    log.records[0] = JournalRecord(1, "{")
    assert list(log.faults()) == [1, 2]


def test_what_was_removed_is_found():
    log = Log(9)
    del log.records[3:6]
    assert log.faults() == {7: "the records 4 to 6 are missing"}
    log = Log(9)
    del log.records[0]
    assert log.faults() == {2: "the record 1 is missing"}
    log = Log(9)
    del log.records[7:]
    assert log.faults() == {9: "the records 8 to 9 are missing"}
    assert log.verify(with_head=False).faults == []
    log = Log(9)
    log.records.clear()
    assert log.faults() == {9: "the records 1 to 9 are missing"}


def test_what_was_removed_at_the_end_shows_even_when_others_were_added():
    log = Log(9)
    del log.records[7:]
    log.trail.write(Entry(by="ann"))
    assert log.faults() == {8: "the record 9 was gone, or changed, when this one was written"}


def test_what_was_inserted_is_found():
    log = Log(5)
    inserted = changed(log.records[2], by="bob", number=4)
    later = [changed(one, number=one.number + 1) for one in log.records[3:]]
    renumbered = [JournalRecord(one.number + 1, one.text) for one in later]
    log.records[3:] = [JournalRecord(4, inserted.text), *renumbered]
    assert min(log.faults()) == 4


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
@given(
    count=st.integers(1, 5),
    data=st.data(),
    how=st.sampled_from(["change", "remove", "swap", "duplicate"]),
)
def test_nothing_that_was_done_to_it_goes_unnoticed(
    log: Callable[..., Log], count: int, data: st.DataObject, how: str
):
    kept = log(count)
    where = data.draw(st.integers(0, count - 1))
    records = kept.records
    if how == "change":
        key = data.draw(st.sampled_from(["by", "at", "outcome", "number", "previous", "names"]))
        records[where] = changed(records[where], **{key: "x"})
    elif how == "remove":
        del records[where]
    elif how == "swap":
        other = data.draw(st.integers(0, count - 1).filter(lambda n: n != where or count == 1))
        if other == where:
            return
        first = JournalRecord(records[where].number, records[other].text)
        records[other] = JournalRecord(records[other].number, records[where].text)
        records[where] = first
    else:
        records.append(JournalRecord(count + 1, records[where].text))
    assert kept.verify().faults


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of records, which tests set."""
    now = [time.time()]
    monkeypatch.setattr("hansa_audit.trail.time.time", lambda: now[0])
    return now


def test_what_is_older_than_the_retention_is_dropped_and_the_chain_holds(clock: list[float]):
    log = Log(4, retention_days=10)
    clock[0] += 6 * 86_400
    log.trail.write(Entry(by="bob"))
    assert len(log.records) == 5
    clock[0] += 6 * 86_400
    log.trail._prune_at = 0.0
    log.trail.write(Entry(by="cid"))
    assert [record.number for record in log.records] == [5, 6, 7]
    assert json.loads(log.records[-1].text)["checkpoint"][0] == 4
    assert log.faults() == {}
    clock[0] += 5 * 86_400
    log.trail._prune_at = 0.0
    log.trail.write(Entry(by="dan"))
    assert [record.number for record in log.records] == [6, 7, 8, 9]
    assert log.faults() == {}
    del log.records[0]
    assert log.faults() == {7: "the record 6 is missing"}


def test_records_are_kept_for_good_with_a_retention_of_0(clock: list[float]):
    log = Log(3, retention_days=0)
    clock[0] += 10_000 * 86_400
    log.trail.write(Entry())
    assert len(log.records) == 4


def test_an_outcome_with_a_lone_surrogate_is_recorded():
    log = Log()
    log.trail.note(Entry(by="ann", outcome="\ud800", cid="\udfff"))
    assert [json.loads(record.text)["outcome"] for record in log.records] == ["?"]
