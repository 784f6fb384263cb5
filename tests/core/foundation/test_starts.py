"""What is noted of starts, and what is blamed for the end of a process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hansa.foundation.starts import JOURNAL_SIZE, DeathLedger, Starts

DEADLY = """
import os, sys
from pathlib import Path
from hansa.foundation.starts import Starts
starts = Starts(Path(sys.argv[1]))
with starts.starting("harmless"):
    pass
with starts.starting("one"), starts.starting("two"):
    os._exit(7)
"""


@pytest.fixture
def ledger(tmp_path: Path) -> DeathLedger:
    return DeathLedger(tmp_path / "starts")


def die(ledger: DeathLedger, pid: int, *subjects: str) -> list[str]:
    """Blame what a process of this number was starting."""
    ledger.journal(pid).parent.mkdir(exist_ok=True)
    ledger.journal(pid).write_text("".join(f"+{subject}\n" for subject in subjects))
    return ledger.bury(pid, "ended with status 7")


def test_what_a_process_was_starting_when_it_died(ledger: DeathLedger, tmp_path: Path):
    child = subprocess.Popen([sys.executable, "-c", DEADLY, str(tmp_path / "starts")])
    assert child.wait(30) == 7
    assert ledger.bury(child.pid, "ended with status 7") == ["one", "two"]
    assert ledger.bury(child.pid, "ended with status 7") == [], "once"
    assert {subject: deaths.count for subject, deaths in ledger.all().items()} == {
        "one": 1,
        "two": 1,
    }


def test_what_was_blamed_before_is_blamed_alone_and_quarantined_the_third_time(ledger: DeathLedger):
    assert die(ledger, 1, "one", "two") == ["one", "two"]
    assert die(ledger, 2, "one", "three") == ["one"]
    assert ledger.quarantined("one") is None
    assert die(ledger, 3, "one") == ["one"]
    deaths = ledger.quarantined("one")
    assert str(deaths) == (
        "3 processes ended while it was started or soon after (the last ended with status 7)"
    )
    assert ledger.quarantined("two") is None
    ledger.forgive("one")
    assert ledger.quarantined("one") is None


def test_what_was_started_beside_others_is_not_quarantined_with_them(ledger: DeathLedger):
    for pid in range(1, 6):
        assert die(ledger, pid, "one", "two") == ["one", "two"]
    assert die(ledger, 6, "one") == ["one"]
    assert ledger.quarantined("one") and not ledger.quarantined("two")


def test_a_start_that_is_survived_clears_it_and_it_starts_alone(
    ledger: DeathLedger, tmp_path: Path
):
    die(ledger, 1, "one", "two")
    starts = Starts(tmp_path / "starts", aftermath=0)
    began = threading.Event()

    def start_two() -> None:
        with starts.starting("two"):
            began.set()

    with starts.starting("one"):
        other = threading.Thread(target=start_two)
        other.start()
        assert not began.wait(0.1), "it waits for the other one that was blamed"
        with starts.starting("three"):
            assert ledger.all().keys() == {"one", "two"}
    other.join(10)
    assert began.is_set() and ledger.all() == {}


def test_who_ends_a_process_is_blamed_alone_or_nobody(ledger: DeathLedger, tmp_path: Path):
    def end(by: str, *events: str) -> list[str]:
        ledger.journal(1).parent.mkdir(exist_ok=True)
        ledger.journal(1).write_text("\n".join([*events, f"*{by}"]))
        return ledger.bury(1, "ended with status 7")

    now = f"{time.monotonic():.2f}"
    assert end("two", "+one", "+two") == ["two"]
    assert end("two", f"~{now} one", f"~{now} two") == ["two"]
    assert end("two", "=one", "=two", f"!{now}") == ["two"]
    # what serves for long, or serves others, as the threads of a listener do
    assert end("two", "+one", "~1.0 two") == []
    assert end("plugin http (hansa_serve)", "+one", "=two", f"!{now}") == []
    assert {subject: deaths.count for subject, deaths in ledger.all().items()} == {"two": 3}

    starts = Starts(tmp_path / "starts", name="me")
    with starts.starting("one"), starts.starting("two"):
        starts.note_end("one")
        assert ledger.bury("me", "ended with status 7") == ["one"]


def test_a_start_that_fails_is_no_death(ledger: DeathLedger, tmp_path: Path):
    die(ledger, 1, "one")
    starts = Starts(tmp_path / "starts", aftermath=60)
    with pytest.raises(ValueError), starts.starting("one"):
        raise ValueError
    assert ledger.bury(os.getpid(), "ended") == [] and ledger.all() == {}


def test_what_was_started_last_is_blamed_for_a_death_soon_after_while_it_served(
    ledger: DeathLedger,
):
    now = time.monotonic()
    ledger.journal(1).parent.mkdir()
    journal = f"+first\n=first\n!{now - 99}\n+old\n~{now - 60} old\n+new\n~{now - 1} new\n"
    ledger.journal(1).write_text(journal)
    assert ledger.bury(1, "ended with status 7") == ["new"]
    ledger.journal(2).write_text(journal + "+other\n")
    assert ledger.bury(2, "ended with status 7") == ["other"], "one under way is nearer"


def test_processes_that_die_soon_after_they_began_to_serve(ledger: DeathLedger, tmp_path: Path):
    """Nothing says of which of their starts: all are started in parts, until one is left."""
    ledger.journal(1).parent.mkdir()
    names = [f"definition {number}" for number in range(20)]
    guilty = names[11]
    starts = Starts(tmp_path / "starts", aftermath=0)

    def bury(pid: int, journal: str) -> list[str]:
        ledger.journal(pid).write_text(journal)
        return ledger.bury(pid, "ended with status 7")

    started = "".join(f"+{name}\n={name}\n" for name in names)
    late = f"{started}!{time.monotonic() - 60}\n"
    assert bury(1, late) == [] and bury(2, started) == []
    assert bury(3, f"{started}!{time.monotonic() - 1}\n") == []
    assert bury(4, f"{started}!{time.monotonic() - 1}\n") == names
    deaths = 0
    while not starts.quarantined(guilty):
        deaths += 1
        for part in starts.parted(names):
            if guilty in part:
                assert bury(10 + deaths, "".join(f"+{name}\n" for name in part)) == part
                break
            with starts.watching(part):
                pass
    assert deaths < 6
    assert not any(starts.quarantined(name) for name in names if name != guilty)
    for part in starts.parted(names):
        with starts.watching(part):
            pass
    assert ledger.all().keys() == {guilty}


def test_what_was_blamed_is_watched_after_its_start(ledger: DeathLedger, tmp_path: Path):
    die(ledger, 1, "one")
    starts = Starts(tmp_path / "starts", aftermath=60)
    started = threading.Event()

    def start() -> None:
        with starts.starting("one"):
            started.set()

    starting = threading.Thread(target=start)
    starting.start()
    assert started.wait(10)
    assert ledger.bury(os.getpid(), "ended with status 7") == ["one"]
    starts.end()
    starting.join(10)
    assert not starting.is_alive(), "who ends does not wait for it"


def test_who_ends_in_order_leaves_no_journal_also_with_a_start_under_way(
    ledger: DeathLedger, tmp_path: Path
):
    starts = Starts(tmp_path / "starts")
    with starts.starting("one"):
        starts.end()
    assert not ledger.journal(os.getpid()).exists()


def test_a_journal_does_not_grow_for_ever(ledger: DeathLedger, tmp_path: Path):
    starts = Starts(tmp_path / "starts")
    starts.serve()
    for _ in range(JOURNAL_SIZE // 50):
        with starts.starting("x" * 100):
            pass
    assert ledger.journal(os.getpid()).stat().st_size < JOURNAL_SIZE + 300
    starts.end()


@pytest.mark.parametrize("content", ["", "[]", '{"a": 5}', '{"a": {"count": 1}}', "null"])
def test_a_ledger_that_cannot_be_read_blames_nothing(
    ledger: DeathLedger, tmp_path: Path, content: str
):
    die(ledger, 1, "one")
    (tmp_path / "starts/deaths.json").write_text(content)
    assert ledger.all() == {}
    assert die(ledger, 2, "one") == ["one"] and ledger.all()["one"].count == 1


def test_where_nothing_can_be_written_nothing_is_blamed(tmp_path: Path):
    (tmp_path / "file").write_text("")
    starts = Starts(tmp_path / "file/starts")
    with starts.starting("one"):
        pass
    assert DeathLedger(tmp_path / "file/starts").bury(os.getpid(), "ended") == []
    with Starts().starting("one"):
        pass


def test_one_that_explains_its_end_and_then_ends_in_order(tmp_path: Path):
    starts = Starts(tmp_path)
    with starts.starting("one", lasting=True):
        pass
    starts.note_end("one")
    starts.end()
    ledger = DeathLedger(tmp_path)
    assert ledger.has_ended_itself(os.getpid())
    assert ledger.bury(os.getpid(), "ended with status 0") == ["one"]
