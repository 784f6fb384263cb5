"""Waiting until workers were replaced."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hansa_cli.client import Client
from hansa_cli.location import Located
from hansa_cli.plain import JsonObject
from hansa_cli.replaced import PluginReplacement, Replacement

OLD = "server1/0.1"
NEW = "server1/0.2"


def reports(*workers: str, revision: int = 4, **not_running: str) -> JsonObject:
    states = {f"{kind}  0": {"state": "failed", "why": why} for kind, why in not_running.items()}
    return {worker: {"revision": revision, "not_running": states} for worker in workers}


class Scripted(Client):
    """A server whose workers report this, one after the other."""

    def __init__(self, *answers: JsonObject) -> None:
        super().__init__(Located("http://x", "a test"), None)
        self.answers = list(answers)

    def call(self, service: str, data: Mapping[str, object] | None = None) -> JsonObject:
        assert service == "admin.server.status"
        return {"workers": self.answers.pop(0)}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hansa_cli.replaced.POLL", 0)


def test_a_worker_is_replaced_when_the_one_before_has_ended() -> None:
    client = Scripted(reports(OLD), reports(OLD, NEW), reports(NEW))
    assert Replacement(client).wait([OLD]) == {"server1/0": {"state": "replaced"}}
    assert not client.answers
    client = Scripted(reports(OLD, NEW), reports(NEW))
    assert PluginReplacement(client, "x", 4, "blocked").wait([OLD]) == {
        "server1/0": {"state": "blocked"}
    }


def test_a_worker_that_goes_on_says_why() -> None:
    client = Scripted(reports(OLD, revision=3, worker="before"), reports(OLD, worker="no room"))
    (state,) = PluginReplacement(client, "x", 4, "loaded").wait([OLD]).values()
    assert state == {"state": "failed", "why": "no room"}
