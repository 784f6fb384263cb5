"""R22: whoever sends faster than services work is told to come again; what is accepted is never
dropped, memory stays.
"""

from __future__ import annotations

import threading
import time

from tests.cluster.accounting import Account
from tests.cluster.running import FULL, MAX_QUEUED, SERVERS, THREADS, WORKERS, sized


def test_a_queue_is_bounded_and_drops_nothing_that_it_accepted(cluster, figure):
    """Asynchronous invocation with a producer that is five times too fast."""
    seconds, work = sized((3.0, 0.2), (600.0, 0.2))
    capacity = len(SERVERS) * WORKERS * THREADS / work
    account, memory, most = Account(), [], 0
    options = {"clients": 12, "batch": 2, "patience": 0.01, "work": work}
    with cluster.clients("/accept", account, log="pressure", **options) as clients:
        while time.monotonic() < clients.began + seconds:
            status = cluster.must("admin.queue.status")
            most = max(most, status["queued"] + status["running"] + status["delayed"])
            memory.append(sum(process.memory_info().rss for process in cluster.processes()))
            threading.Event().wait(0.5)
        offered = len(account.attempted) / seconds
    cluster.settled(300)
    result = account.result(cluster.receipts("pressure").numbers())
    late = memory[len(memory) // 2 :]
    spread = (max(late) - min(late)) / min(late)
    print(
        result,
        f"offered {offered:.0f}/s for {capacity:.0f}/s, at most {most} waited, memory within {spread:.1%}",
    )
    figure(
        "R22",
        seconds=seconds,
        offered_times=round(offered / capacity, 1),
        most_queued=most,
        bound=MAX_QUEUED,
        refused=len(clients.refusals),
        accepted=result.acknowledged,
        lost=len(result.lost),
        memory_percent=round(spread * 100, 1),
    )
    assert offered >= sized(2, 5) * capacity  # the clients are slow where the machine is
    assert not clients.faults, clients.faults[:3]
    assert clients.refusals
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in clients.refusals)
    assert not result.lost
    assert not result.unexpected
    assert not result.duplicates
    # a batch that was refused may have been accepted in part, and nothing but such parts was
    # received unacknowledged
    assert result.recovered <= {
        number for answer in clients.refusals for number in answer.numbers[:-1]
    }
    assert most <= MAX_QUEUED
    assert spread <= (0.1 if FULL else 0.2)


def test_a_channel_with_limits_refuses_at_once_and_runs_all_that_it_accepts(cluster, figure):
    """A synchronous channel whose service is slow, and which says how much of it may go on."""
    settings = {
        "name": "limited",
        "url_path": "/limited",
        "service": "recorder.record",
        "format": "json",
    }
    cluster.must("admin.channel.http.create", **settings, max_concurrent=2, max_waiting=1)
    account, work = Account(), sized(0.3, 0.1)
    places = len(SERVERS) * WORKERS * 2
    with cluster.clients(
        "/limited", account, clients=30, get=2, patience=0.05, log="limited", work=work
    ) as clients:
        threading.Event().wait(sized(3, 20))
    cluster.must("admin.channel.http.delete", name="limited")
    result = account.result(cluster.receipts("limited").numbers())
    refused = [answer.seconds for answer in clients.refusals]
    print(result, f"refused {len(refused)}, {clients.rate:.0f}/s of {places / work:.0f}/s")
    figure("R22 channel", accepted=result.acknowledged, refused=len(refused), lost=len(result.lost))
    assert not clients.faults, clients.faults[:3]
    assert refused
    assert all("Retry-After" in answer.headers for answer in clients.refusals)
    assert sorted(refused)[len(refused) // 2] < work / 2, "a refusal does not wait for a place"
    assert not result.lost
    assert not result.recovered, "what was refused was not begun"
    assert not result.duplicates
    assert clients.rate <= places / work * 1.05
