"""Records in files of one server: whole values, counters that a crash cannot leave half written."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hansa.cluster.file_records import SWEEP, FileRecords
from hypothesis import given, strategies as st


@pytest.fixture
def records(tmp_path: Path) -> FileRecords:
    return FileRecords(tmp_path / "records")


def test_a_value_is_kept_for_the_next_process_and_forgotten_when_told(
    records: FileRecords, tmp_path: Path
):
    assert records.read("a") is None
    records.write("a", b"one")
    records.write("a", b"two")
    assert FileRecords(tmp_path / "records").read("a") == b"two"
    records.delete("a")
    records.delete("a")
    assert records.read("a") is None
    assert os.listdir(tmp_path / "records") == []


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_two_names_are_two_records(
    tmp_path_factory: pytest.TempPathFactory, one: str, other: str
):
    records = FileRecords(tmp_path_factory.mktemp("records"))
    records.write(one, b"one")
    if one != other:
        assert records.read(other) is None
        records.write(other, b"other")
    assert records.read(one) == b"one"


def test_a_name_is_claimed_once_by_whoever_is_first(records: FileRecords, tmp_path: Path):
    claimed: list[bool] = []

    def claim() -> None:
        mine = FileRecords(tmp_path / "records")
        claimed.extend(mine.claim(f"nonce {number}", 60) for number in range(25))

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (claimed.count(True), len(claimed)) == (25, 100)
    assert records.count("nonce 1", 60) == 2, "it is a counter"
    records.delete("nonce 1")
    assert records.claim("nonce 1", 60)


def test_a_counter_counts_for_everybody_at_once(records: FileRecords, tmp_path: Path):
    seen: list[int] = []

    def count() -> None:
        mine = FileRecords(tmp_path / "records")
        seen.extend(mine.count("message", 60) for _ in range(25))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert records.count("message", 60) == 101
    assert max(seen) == 100
    records.delete("message")
    assert records.count("message", 60) == 1


def test_counters_of_long_ago_are_dropped_by_a_new_process(records: FileRecords, tmp_path: Path):
    records.count("old", 60)
    records.write("old", b"a value stays")
    (counter,) = (tmp_path / "records").glob("*.count")
    hour = time.time() - 3600
    os.utime(counter, (hour, hour))
    assert FileRecords(tmp_path / "records").count("new", 60) == 1
    assert len(list((tmp_path / "records").glob("*.count"))) == 1
    assert records.count("old", 60) == 1
    assert records.read("old") == b"a value stays"


def test_each_counter_expires_by_itself_while_the_process_runs(
    records: FileRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    now = time.time()
    monkeypatch.setattr("hansa.cluster.file_records.time.time", lambda: now)
    records.count("short", 1)
    records.count("long", 3600)
    now += 2 * SWEEP + 1
    assert records.count("short", 1) == 1
    assert records.count("long", 1) == 2
    assert len(list((tmp_path / "records").glob("*.count"))) == 2
    now += 2 * SWEEP + 1
    records.count("other", 1)
    assert len(list((tmp_path / "records").glob("*.count"))) == 1


def test_nobody_else_reads_them(records: FileRecords, tmp_path: Path):
    records.write("a", b"1")
    assert (tmp_path / "records").stat().st_mode & 0o777 == 0o700
    (file,) = (tmp_path / "records").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_folder_is_there_for_whoever_counts_while_it_is_made(tmp_path, monkeypatch):
    records = FileRecords(tmp_path / "counted")
    mkdir, first = Path.mkdir, [True]

    def slow(path, *arguments, **options):
        if first:
            first.clear()
            with ThreadPoolExecutor(1) as other:
                assert other.submit(records.count, "other", 60).result(30) == 1
        mkdir(path, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", slow)
    assert records.count("one", 60) == 1
    assert (records.count("one", 60), records.count("other", 60)) == (2, 2)
