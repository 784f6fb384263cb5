"""gRPC in a real server: the README's example from outside, edits under load, a worker that dies."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from pathlib import Path

import pytest
from hansa_devkit.harness.api_server import ApiError
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until

from plugins.grpc.tests.support import peer

pytestmark = pytest.mark.evidence("real_server", "kills")
README = Path(__file__).parents[1] / "README.md"
KEY = "a-long-secret-key"
DIE = """
import os

from hansa import Service


class Die(Service):
    name = "rates.die"

    def handle(self):
        os._exit(1)
"""


@pytest.fixture
def served(start_server):
    """The server of the README's example, and the port of its channel."""
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.S))
    port = free_port()
    config = blocks["config.toml"].replace("50051", str(port))
    plugins = ["grpc"]
    server = start_server(config, start=False, workers=2, plugins=plugins, env={"RATES_KEY": KEY})
    (server.folder / "rates.py").write_text(blocks["rates.py"])
    server.start()
    return server, port


def proto_of(server):
    """The .proto of the channel, once it runs."""

    def found():
        try:
            return server.api("admin.grpc.proto", name="rates")["items"][0]["text"]
        except Exception:
            return ""

    return wait_until(found, 30)


@contextmanager
def client(server, port, folder):
    source = folder / "rates.proto"
    source.write_text(proto_of(server))
    with peer("peer_client.py", source, "rates.v1.Rates", f"127.0.0.1:{port}") as one:
        wait_until(lambda: ask(one).get("code") != "UNAVAILABLE", 30)
        yield one


def ask(one, key=KEY, method="Get", **data):
    return one.ask(method, {"currency": "EUR", **data}, metadata={"x-api-key": key})


def test_the_example_from_outside_and_faults_of_settings(served, tmp_path):
    server, port = served
    with client(server, port, tmp_path) as one:
        assert ask(one)["ok"] == {"currency": "EUR", "value": 1.17}
        assert ask(one, "wrong")["code"] == "UNAUTHENTICATED"
        streamed = ask(one, method="List")["ok"]
        assert [each["currency"] for each in streamed] == ["EUR", "USD"]
        assert ask(one, currency="XXX")["code"] == "NOT_FOUND"
        # a key that is edited holds for clients that are connected, too
        current = server.api("admin.security.apikey.get", name="partners")
        edit = {"key": "another-long-key", "seen_revision": current["revision"]}
        server.api("admin.security.apikey.edit", name="partners", **edit)
        wait_until(
            lambda: ask(one)["code"] == "UNAUTHENTICATED" if "code" in ask(one) else False, 20
        )
        wait_until(lambda: "ok" in ask(one, "another-long-key"), 20)
    outgoing = {"port": port, "timeout": 5, "proto": (tmp_path / "rates.proto").read_text()}
    server.api("admin.outgoing.grpc.create", name="own", **outgoing)
    wait_until(
        lambda: "running" in str(server.api("admin.outgoing.grpc.get", name="own")["states"]), 30
    )
    assert KEY not in server.log()
    method = {"method": "rates.v1.Rates/Get", "service": "nobody"}
    given = {"name": "x", "port": free_port(), "methods": [method], "proto": "nonsense"}
    with pytest.raises(ApiError) as caught:
        server.api("admin.channel.grpc.create", **given)
    assert "channel.proto:1:" in caught.value.problem["errors"]["proto"]
    del given["proto"]
    with pytest.raises(ApiError) as caught:
        server.api("admin.channel.grpc.create", **given)
    assert "methods[0].service" in str(caught.value.problem["errors"])


def test_edits_under_load_refuse_nobody(served, tmp_path):
    server, port = served
    with client(server, port, tmp_path) as one:
        asked = {"method": "Get", "data": {"currency": "EUR"}, "metadata": {"x-api-key": KEY}}
        assert one.say(json.dumps({**asked, "load": True})) == {"ok": "begun"}
        for timeout in (11, 12, 13):
            current = server.api("admin.channel.grpc.get", name="rates")
            edit = {"timeout": timeout, "seen_revision": current["revision"]}
            server.api("admin.channel.grpc.edit", name="rates", **edit)
        counts = one.say("{}")
    assert counts["failed"] == [] and counts["ok"] > 0


@pytest.mark.proof
def test_a_worker_that_dies_comes_back(served, tmp_path):
    server, port = served
    server.deploy("die.py", DIE)
    with client(server, port, tmp_path) as one:
        current = server.api("admin.channel.grpc.get", name="rates")
        methods = [*current["methods"]]
        methods.append({"method": "rates.v1.Other/Die", "service": "rates.die"})
        edit = {"methods": methods, "seen_revision": current["revision"]}
        revision = server.api("admin.channel.grpc.edit", name="rates", **edit)["revision"]

        def has_applied_it() -> bool:
            workers = server.api("admin.server.status")["workers"].values()
            return all(worker["revision"] >= revision for worker in workers)

        wait_until(has_applied_it, 30)
        import grpc

        with grpc.insecure_channel(f"127.0.0.1:{port}") as opened:
            call = opened.unary_unary("/rates.v1.Other/Die")
            with pytest.raises(grpc.RpcError) as caught:
                call(b"", timeout=20, metadata=[("x-api-key", KEY)])
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        wait_until(lambda: "ok" in ask(one), 40)
