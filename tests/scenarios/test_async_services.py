"""Services of the form `async def handle` in a running server: called by HTTP, by a queue, by a job and by
each other, deployed anew under load, told of when they block.
"""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hansa_devkit.harness.api_server import servers
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until

PLUGINS = ["granian", "limits", "queue", "redis", "scheduler"]
CONFIG = """
[http]
server = "{kind}"

[services]
files = ["waits.py"]

[outgoing.http.itself]
address = "http://127.0.0.1:{port}"
url_path = "/back"
format = "json"

[channel.http.front]
url_path = "/front"
service = "waits.front"
format = "json"

[channel.http.back]
url_path = "/back"
service = "waits.back"
format = "json"

[channel.http.limited]
url_path = "/limited"
service = "waits.back"
format = "json"
limits = {{ timeout = 0.2, max_concurrent = 2 }}

[channel.http.block]
url_path = "/block"
service = "waits.block"

[channel.schedule.each]
service = "waits.note"
job_type = "interval"
seconds = 1
"""
SOURCE = """
import asyncio, json, time
from pathlib import Path
from hansa import Service

WRITTEN = Path({written!r})


class Front(Service):
    async def handle(self):
        answers = await asyncio.gather(
            *(self.outgoing.http["itself"].post({{"seconds": 0.02}}) for _ in range(3))
        )
        cids = {{answer.data["cid"] for answer in answers}}
        assert cids == {{self.cid}}, cids
        await self.invoke_async("waits.note", {{"by": "queue", "cid": self.cid}})
        return {{"version": {version}, "plain": await self.invoke("waits.plain", 1)}}


class Back(Service):
    async def handle(self):
        await asyncio.sleep(self.request.input["seconds"])
        return {{"cid": self.cid}}


class Plain(Service):
    def handle(self):
        return self.invoke("waits.back", {{"seconds": 0}})["cid"] == self.cid


class Note(Service):
    async def handle(self):
        await asyncio.sleep(0)
        with WRITTEN.open("a") as file:
            file.write(json.dumps(self.request.input or {{"by": "job"}}) + "\\n")


class Block(Service):
    async def handle(self):
        time.sleep(2)
"""


def noted(written: Path) -> list[Any]:
    """What was written down by the service."""
    return [json.loads(line) for line in written.read_text().splitlines()]


@pytest.mark.parametrize("kind", ["waitress", "granian"])
def test_services_on_the_event_loop(tmp_path: Path, kind: str):
    written = tmp_path / "written"
    written.touch()
    with servers(tmp_path) as make:
        port = free_port()
        text = CONFIG.format(port=port, kind=kind)
        source = SOURCE.format(written=str(written), version=1)
        server = make(text, port=port, workers=1, plugins=PLUGINS, files={"waits.py": source})
        answers: list[Any] = []
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                answers.append(server.post("/front", {}))

        with ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask) for _ in range(4)]
            wait_until(lambda: len(answers) > 20, 60)
            deployed = SOURCE.format(written=str(written), version=2)
            server.deploy("waits.py", deployed)
            wait_until(lambda: answers[-1].json()["version"] == 2, 60)
            stop.set()
            for one in asking:
                one.result(60)
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.json()["plain"] for answer in answers} == {True}
        queued = {answer.headers["x-hansa-cid"] for answer in answers}
        wait_until(lambda: queued <= {one.get("cid") for one in noted(written)}, 60)
        wait_until(lambda: {"by": "job"} in noted(written), 60)

        assert server.post("/limited", {"seconds": 30}).status_code == 504
        server.post("/block", {})
        wait_until(lambda: "waits.block has blocked the event loop" in server.log(), 30)
