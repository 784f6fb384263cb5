"""The web admin over HTTPS, and what its configuration must be."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import httpx2
import pytest
import requests
from hansa import Invalid
from hansa_cli.location import Trust
from hansa_http.certificate import ServerCertificate
from hansa_web.api import ClusterApi
from hansa_web.application import build
from hansa_web.connection import Destination
from hansa_web.listener import WebServer
from hansa_web.process import listen, read_section
from hansa_web.settings import WebSection

from plugins.http.tests.certificates import write_certificate

ANSWERS: dict[str, str] = {
    "admin.login": '{"user": "ada", "token": "t"}',
    "admin.cluster.status": "{}",
    "admin.me": '{"may": []}',
}


def api(answer: Callable[[httpx2.Request], httpx2.Response], *urls: str) -> ClusterApi:
    """A client of a cluster that answers as is said."""
    destination = Destination("far", lambda: list(urls), Trust)
    return ClusterApi(destination, httpx2.MockTransport(answer))


def answered(text: str, status: int = 200) -> httpx2.Response:
    """An answer in JSON that has yet to be read."""
    stream = httpx2.ByteStream(text.encode())
    return httpx2.Response(status, stream=stream, headers={"Content-Type": "application/json"})


@pytest.mark.evidence("tls")
def test_the_cookie_over_https_is_for_https_and_this_host_alone(tmp_path: Path) -> None:
    file = tmp_path / "cert-key.pem"
    write_certificate(file)
    listening = listen("127.0.0.1:0")
    port = listening.getsockname()[1]
    section = WebSection(address=f"127.0.0.1:{port}", certificate=str(file), threads=2)
    far = api(lambda request: answered(ANSWERS[request.url.path[11:]]), "http://far")
    web = WebServer(build(section, [far]), listening, section, ServerCertificate(file))
    Thread(target=web.run, daemon=True).start()
    try:
        url = f"https://127.0.0.1:{port}/login"
        assert "Log in" in requests.get(url, verify=str(file), timeout=10).text
        fields = {"cluster": "far", "user": "ada", "password": "secret"}
        answer = requests.post(
            url, data=fields, verify=str(file), timeout=10, allow_redirects=False
        )
        assert answer.status_code == 303
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith(f"__Host-hansa-{port}=") and "Domain" not in cookie
        for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
            assert part in cookie
    finally:
        web.close()


def test_idle_connections_do_not_keep_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hansa_web.listener.MOST_CONNECTIONS", 5)
    listening = listen("127.0.0.1:0")
    address = listening.getsockname()
    section = WebSection(address=f"127.0.0.1:{address[1]}", threads=2)
    far = api(lambda request: answered("{}"), "http://far")
    web = WebServer(build(section, [far]), listening, section, None)
    Thread(target=web.run, daemon=True).start()
    idle = [socket.create_connection(address) for _ in range(20)]
    try:
        for one in idle[::2]:
            with contextlib.suppress(OSError):
                one.sendall(b"GET / HTTP/1.1\r\nX-Sl")
        url = f"http://127.0.0.1:{address[1]}/login"
        assert requests.get(url, timeout=5).status_code == 200
    finally:
        for one in idle:
            one.close()
        web.close()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (b"Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"400"),
        (b"Host: a\r\nHost: b\r\nContent-Length: 0\r\n", b"400"),
        (b"Host: a\r\nTransfer-Encoding: chunked\r\n", b"405"),
        (b"Host: a\r\nContent-Length: 5\r\n", b"405"),
    ],
)
def test_a_request_has_one_end(fields: bytes, status: bytes) -> None:
    listening = listen("127.0.0.1:0")
    address = listening.getsockname()
    section = WebSection(address=f"127.0.0.1:{address[1]}", threads=1)
    web = WebServer(build(section, []), listening, section, None)
    Thread(target=web.run, daemon=True).start()
    try:
        with socket.create_connection(address, timeout=5) as client:
            end = b"Connection: close\r\n\r\n0\r\n\r\n"
            client.sendall(b"POST /nowhere HTTP/1.1\r\n" + fields + end)
            assert client.recv(12) == b"HTTP/1.1 " + status
    finally:
        web.close()


def test_addresses_are_tried_in_order_and_a_sent_change_only_once() -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.host)
        if request.url.host == "dead":
            raise httpx2.ConnectError("refused")
        if request.url.host == "empty":
            return httpx2.Response(503, stream=httpx2.ByteStream(b"<html>"))
        return answered("{}")

    far = api(answer, "http://dead", "http://empty", "http://alive")
    far.call("admin.x", {}, None)
    assert asked == ["dead", "empty", "alive"]
    far.call("admin.x", {}, None)
    assert asked[3:] == ["alive"]  # those that did not answer a moment ago are tried last

    def lose(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.host)
        raise httpx2.ReadTimeout("lost")

    asked.clear()
    with pytest.raises(Exception, match="did not answer"):
        api(lose, "http://one", "http://two").call("admin.x.edit", {}, None)
    assert asked == ["one"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[web]\naddress = '0.0.0.0:8183'", "web.certificate"),
        ("[web]\naddress = 'nowhere'", "web.address"),
        ("[web.clusters.login]\nurls = ['http://a']", "web.clusters.login"),
        ("[web.clusters.a]\nurls = ['ftp://a']", "web.clusters"),
        ("[web", "is not valid TOML"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(
    tmp_path: Path, text: str, fault: str
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(Invalid) as caught:
        read_section(file)
    assert fault in str(caught.value.errors)
