"""Outgoing HTTP through a proxy: which calls go through it, with a login, and what its refusal is."""

from __future__ import annotations

import base64

import pytest
from hansa import Invalid, Unavailable, load
from hansa_http.address import HttpAddress
from hansa_http.forward_proxy import Proxy, ProxyRoutes, ProxySettings

from plugins.http.tests.scripted_peer import answer, scripted

LOGIN = base64.b64encode("user:pä:ss".encode())


def test_plain_http_is_forwarded_with_a_login(connections):
    with (
        scripted(answer(200, b"by proxy")) as (proxy, seen),
        scripted(answer(200)) as (peer, asked),
    ):
        settings = {"url": proxy, "username": "user", "password": "pä:ss"}
        outgoing = connections(peer, url_path="/a", proxy=load(ProxySettings, settings))
        assert outgoing.get({"b": 1}).content == b"by proxy"
        assert asked == []
    assert seen[0].startswith(f"GET {peer}/a?b=1 HTTP/1.1\r\n".encode())
    assert b"\r\nProxy-Authorization: Basic " + LOGIN + b"\r\n" in seen[0]


def test_https_is_tunnelled_and_a_proxy_s_refusal_is_one(connections):
    with scripted(answer(407)) as (proxy, seen):
        settings = load(ProxySettings, {"url": proxy})
        outgoing = connections("https://back.invalid", proxy=settings, retries=0)
        with pytest.raises(Unavailable, match=r"'peer': the proxy refused to connect$"):
            outgoing.post(b"x")
        assert seen[0].startswith(b"CONNECT back.invalid:443 HTTP/1.1\r\n")
        (told,) = outgoing.server.told
        assert "407" in told


def test_hosts_of_no_proxy_are_called_directly(connections):
    with scripted(answer(200, b"direct")) as (peer, _):
        settings = {"url": "http://127.0.0.1:1", "no_proxy": ["127.0.0.0/8"]}
        assert connections(peer, proxy=load(ProxySettings, settings)).get().content == b"direct"


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        ("example.com", ["example.com", "a.EXAMPLE.com"], ["badexample.com", "example.com.evil"]),
        (".example.com", ["a.example.com"], ["example.org"]),
        ("*.example.com", ["a.b.example.com"], ["com"]),
        ("10.0.0.0/8", ["10.1.2.3"], ["11.0.0.1", "ten.example"]),
        ("::1", ["::1"], ["::2", "127.0.0.1"]),
        ("*", ["anything", "10.0.0.1"], []),
    ],
)
def test_no_proxy_names_hosts_and_networks(entry, inside, outside):
    routes = ProxyRoutes(load(ProxySettings, {"url": "http://p:3128", "no_proxy": [entry]}))
    for host in inside:
        assert routes.proxy_for("https", host) is None, host
    for host in outside:
        assert routes.proxy_for("https", host) == Proxy("http://p:3128"), host


def test_the_environment_counts_only_if_asked(connections, monkeypatch):
    with scripted(answer(200, b"by proxy")) as (proxy, seen), scripted(answer(200)) as (peer, _):
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy.replace("//", "//us%40er:pw@"))
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "direct.example")
        assert connections(peer).get().content == b""
        settings = load(ProxySettings, {"environment": True})
        assert connections(peer, proxy=settings).get().content == b"by proxy"
        assert base64.b64encode(b"us@er:pw") in seen[0]
        assert ProxyRoutes(settings).proxy_for("http", "direct.example") is None
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, "socks5://user:S3CRET@p:1")
        with pytest.raises(Invalid, match="not a URL of HTTP") as caught:
            ProxyRoutes(settings)
        assert "S3CRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ({}, {"proxy.url"}),
        ({"url": "http://p", "environment": True}, {"proxy.environment"}),
        ({"url": "http://u:p@p"}, {"proxy.url"}),
        ({"url": "http://p/path"}, {"proxy.url"}),
        ({"url": "http://p", "password": "x"}, {"proxy.username"}),
        (
            {"url": "http://p", "no_proxy": ["a b", "http://x"]},
            {"proxy.no_proxy[0]", "proxy.no_proxy[1]"},
        ),
    ],
)
def test_settings_of_a_proxy_are_checked(settings, faults):
    with pytest.raises(Invalid) as caught:
        load(HttpAddress, {"address": "http://h", "proxy": settings})
    assert set(caught.value.errors) == faults
