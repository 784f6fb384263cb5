"""A connector that is not part of the project: its own tests pass, and a running server loads it
without a restart.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

from tests.commands import hansa

BIN = Path(sys.executable).parent
SERVICES = """
from hansa import Service

class Take(Service):
    def handle(self):
        order = self.request.input
        self.outgoing.mqtt["broker"].publish(f"done {order['number']}", topic="orders/done")

class Hello(Service):
    def handle(self):
        return {"hello": "you"}
"""


@pytest.fixture(scope="module")
def install(tmp_path_factory, examples):
    """A folder on the server's path, empty, and what installs the connector into it."""
    folder = tmp_path_factory.mktemp("site-packages")

    def run() -> None:
        command = [
            BIN / "uv",
            "pip",
            "install",
            "--no-deps",
            "--no-build-isolation",
            "--target",
            folder,
        ]
        subprocess.run(
            [*command, examples / "hansa-mqtt"], check=True, capture_output=True, timeout=120
        )

    return folder, run


@pytest.fixture(scope="module")
def broker(real_server, examples):
    """Mosquitto, as the connector's own tests start it."""
    import importlib.util

    found = importlib.util.spec_from_file_location(
        "mqtt_conftest", examples / "hansa-mqtt/tests/conftest.py"
    )
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return real_server(module.Mosquitto)


def test_loaded_into_a_running_server(install, start_shared_server, broker, wait):
    import paho.mqtt.client as mqtt
    import paho.mqtt.publish as publish
    from paho.mqtt.enums import CallbackAPIVersion

    folder, pip = install
    server = start_shared_server(workers=2, env={"PYTHONPATH": str(folder)}, plugins=["redis"])
    server.deploy("orders.py", SERVICES)
    hansa(
        server,
        "channel",
        "http",
        "create",
        "hello",
        "--url-path",
        "/hello",
        "--service",
        "orders.hello",
        "--format",
        "json",
    )
    before = {process.pid for process in server.workers()}
    supervisor = server.process.pid
    statuses, over = [], threading.Event()

    def load() -> None:
        while not over.is_set():
            statuses.append(requests.get(server.url + "/hello", timeout=20).status_code)

    loading = threading.Thread(target=load)
    loading.start()
    try:
        assert hansa(server, "plugin", "reload", "mqtt", check=False).returncode != 0
        pip()
        hansa(server, "plugin", "reload", "mqtt")

        def everywhere() -> bool:
            now = {process.pid for process in server.workers()}
            return len(now) == 2 and not now & before

        wait(everywhere, 40)
    finally:
        over.set()
        loading.join()
    assert set(statuses) == {200} and server.process.pid == supervisor

    assert "mqtt" in hansa(server, "plugin", "list").stdout
    address = ("--host", "127.0.0.1", "--port", str(broker.port))
    hansa(server, "outgoing", "mqtt", "create", "broker", *address)
    hansa(
        server,
        "channel",
        "mqtt",
        "create",
        "orders",
        *address,
        "--topic",
        "orders/new",
        "--service",
        "orders.take",
        "--format",
        "json",
    )
    heard: list[str] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda client, data, message: heard.append(message.payload.decode())
    client.connect("127.0.0.1", broker.port)
    client.subscribe("orders/done", 1)
    client.loop_start()

    def one() -> bool:
        publish.single("orders/new", '{"number": 7}', qos=1, hostname="127.0.0.1", port=broker.port)
        return "done 7" in heard

    wait(one, 30)
    client.disconnect()
    client.loop_stop()


def test_its_own_tests_pass(install, examples):
    folder, pip = install
    if not (folder / "hansa_mqtt").exists():
        pip()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        str(examples / "hansa-mqtt/tests"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        cwd=examples.parent,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "passed" in done.stdout and "failed" not in done.stdout
