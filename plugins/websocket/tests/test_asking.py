"""`websocket.ask`: what it says when no worker answers for the client, and why."""

from __future__ import annotations

from typing import Any

import pytest
from hansa import HansaError, TimedOut, Unavailable, WorkerAnswer
from hansa_devkit import LocalServer
from hansa_websocket.channel import WebSocketChannel
from hansa_websocket.services import Ask, Here

LATE = TimedOut("worker other/0.1 did not answer within 6 s")
ENDED = Unavailable("worker other/0.1 ended while it was asked")
WAITED = TimedOut("client K1 did not answer within 5 s")
BUSY = Unavailable("worker other/0.1 answers 16 calls of other workers already")


class Cluster(LocalServer):
    """A worker of a cluster, whose others answer what a test says."""

    def __init__(self, *others: WorkerAnswer) -> None:
        services = {each.name: each for each in (Ask, Here)}
        super().__init__(services=services, types=[WebSocketChannel])
        self.others = others
        self.definitions.define("channel", "websocket", "chat", {"port": 1, "service": "x"})

    def invoke_on(self, workers: Any, *arguments: Any, **options: Any) -> dict[str, WorkerAnswer]:
        found = {other.worker: other for other in self.others}
        return {**found, **super().invoke_on(workers, *arguments, **options)}


def asked(server: LocalServer) -> Any:
    about = {"channel": "chat", "client": "K1", "message": "who?", "timeout": 5}
    return server.invoke(Ask.name, about)


@pytest.mark.parametrize(
    ("others", "kind", "told"),
    [
        ([], Unavailable, "channel 'chat' has no client K1"),
        (
            [WorkerAnswer("other/0.1", error=LATE)],
            TimedOut,
            f"channel 'chat' has no client K1, unless at a worker that was not reached: {LATE}",
        ),
        (
            [WorkerAnswer("other/0.1", error=ENDED)],
            Unavailable,
            f"channel 'chat' has no client K1, unless at a worker that was not reached: {ENDED}",
        ),
        (
            [WorkerAnswer("other/0.1", error=ENDED), WorkerAnswer("third/0.1", error=LATE)],
            TimedOut,
            "channel 'chat' has no client K1, unless at a worker that was not reached: "
            f"{ENDED}; {LATE}",
        ),
        ([WorkerAnswer("other/0.1", 7, error=BUSY)], Unavailable, str(BUSY)),
        ([WorkerAnswer("other/0.1", 7, error=WAITED)], TimedOut, str(WAITED)),
        (
            [WorkerAnswer("busy/0.1", 6, error=BUSY), WorkerAnswer("other/0.1", 7, error=WAITED)],
            TimedOut,
            str(WAITED),
        ),
    ],
)
def test_why_nobody_answers_is_told(others: list[WorkerAnswer], kind: type[HansaError], told: str):
    with pytest.raises(kind) as caught:
        asked(Cluster(*others))
    assert caught.value.detail == told


def test_an_answer_counts_whatever_another_worker_says():
    busy = WorkerAnswer("busy/0.1", 7, error=BUSY)
    server = Cluster(busy, WorkerAnswer("other/0.1", 8, "Ada"))
    assert asked(server) == {"answer": "Ada"}
