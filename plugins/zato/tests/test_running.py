"""A running server whose services use what Zato's have: `self.msg`, `.crypto`, `.schedule` and so on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from hansa_devkit.harness.api_server import RunningServer, servers
from hansa_devkit.harness.waiting import wait_until

from tests.parallel import Shared

SOURCE = '''
from contextlib import closing
from pathlib import Path

from zato.common.odb.model import HTTPSOAP, Service as ServiceRow
from zato.server.service import Service


class Order(Service):
    """Maps an order, and has somebody told of it later."""

    name = "running.order"

    def handle(self):
        mapper = self.msg.mapper(self.request.payload, {})
        mapper.map_many([("int:customer", "/id"), ("/order/text", "/text")])
        sealed = self.crypto.encrypt(mapper.target["text"])
        with self.server.user_ctx_lock:
            self.server.user_ctx.orders = self.server.user_ctx.get("orders", 0) + 1
        self.schedule.onetime(self, Tell, after_seconds=0.5, data={"sealed": sealed})
        self.response.payload = {
            "id": mapper.target["id"],
            "orders": self.server.user_ctx.orders,
            "greeting": self.static_config["greeting.txt"],
        }


class Tell(Service):
    name = "running.tell"

    def handle(self):
        text = self.crypto.decrypt(self.request.payload["sealed"])
        Path(self.server.base_dir, "told.txt").write_text(f"{self.channel} {self.job_type} {text}")


class Look(Service):
    name = "running.look"

    def handle(self):
        with closing(self.odb.session()) as session:
            row = session.query(ServiceRow).filter(ServiceRow.name == "running.look").one()
            channels = session.query(HTTPSOAP).filter(HTTPSOAP.service == row).all()
        self.response.payload = {
            "impl_name": row.impl_name,
            "paths": [channel.url_path for channel in channels],
            "known": self.server.service_store.name_to_impl_name["running.look"],
        }
'''


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory, of_unit: Shared) -> RunningServer:
    """A running server with these services, and channels to them."""

    @contextlib.contextmanager
    def start() -> Iterator[RunningServer]:
        with servers(tmp_path_factory.mktemp("servers")) as make:
            made = make(workers=1, plugins=["zato", "scheduler"])
            made.api("admin.message.json_pointer.create", name="customer", value="/order/customer")
            made.deploy("running.py", SOURCE)
            for name in ("order", "look"):
                made.api(
                    "admin.channel.http.create",
                    name=name,
                    url_path=f"/{name}",
                    service=f"running.{name}",
                    format="json",
                )
            yield made

    return of_unit.get("order", start)


def test_an_order(order: RunningServer) -> None:
    folder = order.dir / "config" / "repo" / "static"
    folder.mkdir(parents=True)
    (folder / "greeting.txt").write_text("Grüße")
    message = {"order": {"customer": "7", "text": "ten of them"}}
    for count in (1, 2):
        answer = order.post("/order", message).json()
        assert answer == {"id": 7, "orders": count, "greeting": "Grüße"}
    told = order.dir / "told.txt"
    wait_until(lambda: told.exists() and told.read_text(), 30)
    assert told.read_text() == "scheduler one_time ten of them"
    order.api("admin.message.json_pointer.edit", name="customer", value="/order/other")
    message["order"]["other"] = "8"
    wait_until(lambda: order.post("/order", message).json()["id"] == 8, 30)


def test_definitions_that_are_read(order: RunningServer) -> None:
    answer = order.get("/look").json()
    assert answer["impl_name"] == answer["known"] == "running.Look"
    assert answer["paths"] == ["/look"]
