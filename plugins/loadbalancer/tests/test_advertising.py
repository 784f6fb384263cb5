"""A server that tells load-balancers where it is: to those that know the secret of proxies, and from
its start on.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_loadbalancer.members import MEMBERS, PROOF, checked

SECRET = "a-secret-of-some-length"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that tells its address."""
    port = free_port()
    config = f"""
[server]
name = "emea-1"

[http]
proxy_secret = "{SECRET}"

[loadbalancer]
advertise = "127.0.0.1:{port}"
"""
    folder: Path = tmp_path_factory.mktemp("advertising")
    plugins = ("loadbalancer",)
    running = RunningServer(folder, config, workers=1, port=port, plugins=plugins)
    try:
        yield running.start()
    finally:
        running.stop()


def listed(server: RunningServer, proof: str | None) -> tuple[int, bytes]:
    """Ask for the servers."""
    headers = {} if proof is None else {PROOF: proof}
    request = urllib.request.Request(f"{server.url}{MEMBERS}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_who_knows_the_secret_is_told(server: RunningServer):
    def found() -> dict[str, str]:
        status, body = listed(server, SECRET)
        assert status == 200, body
        return checked(json.loads(body))

    here = {"emea-1": f"127.0.0.1:{server.port}"}
    wait_until(lambda: found() == here, 30, "the server is listed")


@pytest.mark.parametrize("proof", [None, "", "x", SECRET + "x", "\u00e9" * 20])
def test_who_does_not_is_not(server: RunningServer, proof: str | None):
    status, body = listed(server, proof)
    assert status == 403
    assert b"127.0.0.1" not in body


def test_others_are_told_nothing_at_all(server: RunningServer):
    services = {one["name"] for one in server.api("admin.service.list")["items"]}
    assert "loadbalancer.members" in services
    with pytest.raises(urllib.error.HTTPError, match=r"40[35]"):
        urllib.request.urlopen(f"{server.url}{MEMBERS}", data=b"{}", timeout=30)
