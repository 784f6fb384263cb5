"""The records of jobs: what survives, what two processes agree on, and what becomes of a process
that was killed.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import timedelta

from hansa_scheduler.file_ledger import KEPT, FileLedger
from hansa_scheduler.ledger import Ledger
from hansa_scheduler.unfinished import Unfinished

from plugins.scheduler.tests.support import START

CHILD = """
import sys
from datetime import datetime
from pathlib import Path
from hansa_scheduler.file_ledger import FileLedger
records = FileLedger(Path(sys.argv[1]), "child")
records.sign()
records.claim("job", datetime.fromisoformat(sys.argv[2]), 1, forever=False, again=False)
print("claimed", flush=True)
sys.stdin.read()
"""


def test_only_one_of_many_gets_a_claim(shared):
    ledgers, taken = [Ledger(shared) for _ in range(8)], []
    gate = threading.Barrier(8)

    def claim(ledger):
        gate.wait(10)
        for number in range(25):
            if ledger.claim("job", START + timedelta(seconds=number), 1):
                taken.append(number)

    threads = [threading.Thread(target=claim, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(taken) == list(range(25))


def test_attempts_are_claimed_one_by_one(shared):
    ledger = Ledger(shared)
    assert [ledger.claim("job", START, attempt) for attempt in (1, 1, 2, 2)] == [
        True,
        False,
        True,
        False,
    ]


def test_again_takes_only_what_was_ours(shared):
    mine, other = Ledger(shared), Ledger(shared)
    assert mine.claim("job", START, 1)
    assert mine.claim("job", START, 1, again=True)
    if shared.client is not None:
        assert not other.claim("job", START, 1, again=True)


def test_forgetting_a_job_keeps_what_is_kept_for_ever(shared):
    ledger, later = Ledger(shared), START + timedelta(days=1)
    assert ledger.claim("job", START, 1, forever=True)
    ledger.begin("job", "rule", START)
    ledger.forget("job")
    assert ledger.begin("job", "rule", later) == later
    assert not ledger.claim("job", START, 1, forever=True)


def test_a_job_with_any_name_has_records(shared):
    ledger = Ledger(shared)
    for name in ("a b", "../../etc/passwd", "ä/€", "x" * 300, "2026-01-01 job"):
        assert ledger.claim(name, START, 1)
        assert not ledger.claim(name, START, 1)
        ledger.release(name, START, 1)
        assert [one.job for one in Ledger(shared).unfinished()] == [name]
        ledger.close(name, START)


def test_a_file_stays_small(tmp_path):
    records = FileLedger(tmp_path, "me")
    for number in range(5 * KEPT):
        moment = START + timedelta(seconds=number)
        assert records.claim("job", moment, 1, forever=False, again=False)
        records.close("job", moment)
    (path,) = tmp_path.glob("*.json")
    assert path.stat().st_size < 100 * KEPT


def test_a_damaged_file_is_told_and_stops_nothing(tmp_path, caplog):
    records = FileLedger(tmp_path, "me")
    records.claim("job", START, 1, forever=True, again=False)
    (path,) = tmp_path.glob("*.json")
    path.write_bytes(b'{"last": "20')
    assert records.claim("job", START, 1, forever=False, again=False)
    assert "damaged" in caplog.text


def test_a_killed_process_leaves_its_work_to_others(tmp_path):
    command = [sys.executable, "-c", CHILD, str(tmp_path), START.isoformat()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"claimed\n"
        records = FileLedger(tmp_path, "me")
        assert records.alive("child")
        assert records.unfinished() == []
        child.kill()
        child.wait(10)
    assert records.unfinished() == [Unfinished("job", START, 1)]
    assert not (tmp_path / "alive-child").exists()


def test_signs_of_the_dead_are_swept(tmp_path):
    (tmp_path / "alive-long-dead").touch()
    living, newcomer = FileLedger(tmp_path, "living"), FileLedger(tmp_path, "newcomer")
    living.sign()
    newcomer.sign()
    assert sorted(path.name for path in tmp_path.glob("alive-*")) == [
        "alive-living",
        "alive-newcomer",
    ]
    living.leave()
    newcomer.leave()
    assert list(tmp_path.glob("alive-*")) == []


def test_threads_that_sign_at_once_do_not_wait_for_each_other(tmp_path):
    for round in range(20):
        records, together = FileLedger(tmp_path / str(round), "me"), threading.Barrier(8)

        def sign(records=records, together=together):
            together.wait()
            records.sign()

        signing = [threading.Thread(target=sign, daemon=True) for _ in range(8)]
        for thread in signing:
            thread.start()
        for thread in signing:
            thread.join(10)
        assert not [thread for thread in signing if thread.is_alive()]
        records.leave()
