"""Servers behind TLS: each is known by a certificate for its name, of the right authority."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hansa_devkit.harness.waiting import wait_until
from hansa_loadbalancer.settings import BalancedServer

from plugins.loadbalancer.tests.support import Backend, Posts, self_signed

Make = Callable[[str, str], Backend]


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """The file of authorities; its name needs quotes."""
    return tmp_path / "ca and more.pem"


@pytest.fixture
def backend(tmp_path: Path, authority: Path) -> Iterator[Make]:
    """Make backends that speak TLS, by a certificate for a host, which the file then trusts."""
    made: list[Backend] = []

    def make(name: str, host: str) -> Backend:
        certificate, key = self_signed(len(made) + 1, host)
        file = tmp_path / f"{name}.pem"
        file.write_bytes(certificate + key)
        with authority.open("ab") as trusted:
            trusted.write(certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        made.append(Backend(name, context))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def test_servers_over_tls(start, backend: Make, authority: Path):
    one, two, other = backend("one", "one"), backend("two", "two"), backend("three", "elsewhere")
    servers = {each.name: each.address for each in (one, other)}
    balancer = start(servers, server_ca=str(authority))
    wait_until(lambda: balancer.status("one").startswith("UP"))
    assert not balancer.status("three").startswith("UP"), "its certificate is for another name"
    answers = [balancer.get("/x") for _ in range(4)]
    assert [answer[2].get("server") for answer in answers] == ["one"] * 4, answers
    control = balancer.control
    with Posts(balancer.port) as posts:
        assert control.add(BalancedServer(name="two", address=two.address)) == "live"
        wait_until(lambda: sum(two.seen.values()) > 20)
        # another authority is none: nobody is trusted then, and everybody again
        trusted = authority.read_bytes()
        posts.wait_for(20)
    assert not posts.faults, posts.faults[:5]
    attempt = control.about().attempt
    authority.write_bytes(self_signed(9, "one")[0])
    wait_until(lambda: control.about().attempt > attempt, what="the file was read again")
    wait_until(lambda: balancer.get("/x")[0] == 503)
    authority.write_bytes(trusted)
    wait_until(lambda: balancer.get("/x")[0] == 200)


def test_a_server_without_tls_is_down(start, backend: Make, backends, authority: Path):
    one = backend("one", "one")
    balancer = start({"one": one.address, "two": backends[1].address}, server_ca=str(authority))
    assert balancer.status("one").startswith("UP")
    assert not balancer.status("two").startswith("UP")
