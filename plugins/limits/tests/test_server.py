"""Limits of channels on real servers: keys across workers, kills and a restart; settings by API;
hung services.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.waiting import wait_until

pytestmark = pytest.mark.evidence("real_server")

CONFIG = """
[services]
files = ["work.py"]

[channel.http.pay]
url_path = "/pay"
service = "work.pay"
format = "json"
method = "POST"
limits.idempotency = "Idempotency-Key"

[channel.http.hang]
url_path = "/hang"
service = "work.hang"
format = "json"
limits = { timeout = 0.5, max_concurrent = 1 }
"""
SOURCE = """
import os
import time

from hansa import Service


class Pay(Service):
    def handle(self):
        line = f"{{self.request.input['n']}} {{os.getpid()}}\\n".encode()
        time.sleep(0.003)
        handle = os.open("{file}", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, line)
        os.close(handle)
        return {{"n": self.request.input["n"], "cid": self.cid}}


class Hang(Service):
    def handle(self):
        until = time.monotonic() + 20
        while time.monotonic() < until and not os.path.exists("{file}.go"):
            time.sleep(0.02)
        return {{"ok": True}}
"""


@pytest.fixture
def server(start_server: Any, tmp_path: Path) -> RunningServer:
    made: RunningServer = start_server(
        CONFIG, start=False, plugins=["limits", "redis", "scheduler", "soap", "xml"]
    )
    (made.folder / "work.py").write_text(SOURCE.format(file=tmp_path / "paid"))
    made.start()
    wait_until(lambda: len(made.api("admin.server.status")["workers"]) == 2)
    return made


def paid(tmp_path: Path) -> list[list[str]]:
    return (
        [line.split() for line in (tmp_path / "paid").read_text().splitlines()]
        if (tmp_path / "paid").exists()
        else []
    )


def pay(server: RunningServer, number: int, tries: int = 200) -> requests.Response:
    """Send a payment until it is answered, as a client that must know does."""
    for _ in range(tries):
        with contextlib.suppress(requests.RequestException):
            response = server.post(
                "/pay", {"n": number}, headers={"Idempotency-Key": f"key-{number}"}
            )
            if response.status_code == 200:
                return response
        time.sleep(0.1)
    pytest.fail(f"payment {number} was never answered")


@pytest.mark.evidence("kills")
@pytest.mark.proof
@pytest.mark.proves(
    "channel http with an idempotency key",
    "loss window",
    "none, if the client sends again until it is answered",
)
def test_each_key_has_one_effect_and_one_answer_with_kills_and_a_restart(
    server: RunningServer, tmp_path: Path
):
    seed = int(os.environ.get("HANSA_SEED") or time.time())
    print(f"HANSA_SEED={seed}")
    random.seed(seed)
    keys, ended = 100, threading.Event()

    def kill() -> None:
        for _ in range(2):
            count = len(paid(tmp_path))
            wait_until(lambda count=count: ended.is_set() or len(paid(tmp_path)) > count + 10)
            if lines := paid(tmp_path):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(random.choice(lines[-5:])[1]), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    jobs = [number for number in range(keys) for _ in range(5)]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda number: (number, pay(server, number).text), jobs))
    ended.set()
    killer.join()
    assert len(set(answers)) == keys, "replies are identical"
    effects = Counter(int(line[0]) for line in paid(tmp_path))
    assert set(effects) == set(range(keys))
    # between its effect and the keeping of its answer a message may be killed; each kill can repeat
    # the few in hand
    assert sum(effects.values()) <= keys + 2 * 8
    server.stop()
    server.start()
    before = len(paid(tmp_path))
    again = {number: pay(server, number).text for number in range(0, keys, 10)}
    assert set(again.items()) <= set(answers)
    assert len(paid(tmp_path)) == before, "the keys outlive a restart"


def test_without_kills_each_key_has_exactly_one_effect(server: RunningServer, tmp_path: Path):
    jobs = [number for number in range(200) for _ in range(5)]
    random.shuffle(jobs)
    with ThreadPoolExecutor(10) as pool:
        answers = set(pool.map(lambda number: (number, pay(server, number).text), jobs))
    assert len(answers) == 200
    assert Counter(int(line[0]) for line in paid(tmp_path)) == dict.fromkeys(range(200), 1)


def test_a_hung_service_gets_504_in_time_and_keeps_its_place(server: RunningServer, tmp_path: Path):
    began = time.monotonic()
    response = server.post("/hang", {})
    assert (response.status_code, time.monotonic() - began < 1.5) == (504, True)
    # the other worker may take a second one; then both are full
    codes = [server.post("/hang", {}).status_code for _ in range(12)]
    assert set(codes) <= {503, 504}
    assert 503 in codes
    busy = next(r for r in (server.post("/hang", {}) for _ in range(5)) if r.status_code == 503)
    assert busy.headers["Retry-After"] == "1"
    (tmp_path / "paid.go").touch()
    wait_until(lambda: server.post("/hang", {}).status_code == 200)


def test_settings_are_those_of_every_channel_and_change_live(server: RunningServer, api_error: Any):
    shown = server.api("admin.channel.http.get", name="pay")
    assert shown["limits"]["idempotency"] == "Idempotency-Key"
    document = server.get("/hansa/api/openapi.json", auth=("admin", server.password)).json()[
        "components"
    ]["schemas"]
    for name in ("ChannelHttpCreateInput", "ChannelSoapCreateInput", "ChannelScheduleCreateInput"):
        assert "limits" in document[name]["properties"]
    limits = document["Limits"]["properties"]
    assert {"timeout", "max_concurrent", "idempotency"} <= set(limits)
    with pytest.raises(api_error) as caught:
        server.api("admin.channel.http.edit", name="pay", limits={"max_waiting": -5})
    assert list(caught.value.problem["errors"]) == ["limits.max_waiting"]
    assert server.post("/pay", {"n": 1}).status_code == 400
    with pytest.raises(api_error) as caught:
        server.api("admin.plugin.block", name="limits")
    assert caught.value.problem["status"] == 409
    assert "the plugin limits is in use by channel http 'hang'" in caught.value.problem["detail"]
    server.api("admin.channel.http.edit", name="pay", limits={"idempotency": "n"})
    wait_until(lambda: len({server.post("/pay", {"n": 1}).text for _ in range(4)}) == 1)


def test_settings_in_the_flat_form_of_before_are_read_into_their_section(server: RunningServer):
    """Definitions stored, exported and sent before `limits` was a section name its settings at the
    top level.
    """
    server.api(
        "admin.channel.http.create",
        name="flat",
        url_path="/flat",
        service="work.hang",
        timeout=0.3,
        max_waiting=2,
    )
    shown = server.api("admin.channel.http.get", name="flat")
    assert (shown["limits"]["timeout"], shown["limits"]["max_waiting"]) == (0.3, 2)
    assert "timeout" not in shown
    assert server.post("/flat", {}).status_code == 504
    exported = {"url_path": "/exported", "service": "work.hang", "timeout": 0.3}
    config = {"channel": {"http": {"exported": exported}}}
    (step,) = server.api("admin.config.plan", config=config)["changes"]
    assert (step["action"], step["name"]) == ("create", "exported")
    server.api("admin.config.apply", config=config)
    shown = server.api("admin.channel.http.get", name="exported")
    assert shown["limits"] == {"timeout": 0.3}
    assert server.api("admin.config.plan", config=config)["changes"] == []
    exported = server.api("admin.config.export")["channel"]["http"]["exported"]
    assert exported["limits"]["timeout"] == 0.3


@pytest.fixture
def api_error() -> Any:
    from hansa_devkit.harness.api_server import ApiError

    return ApiError
