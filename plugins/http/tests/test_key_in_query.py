"""A key in the query string of outgoing calls: it is in no error, no log, and nothing of an answer."""

from __future__ import annotations

import logging

import pytest
from hansa import HansaError, load
from hansa_devkit.local import LocalServer
from hansa_security.apikey import ApiKey, ApiKeySettings

from plugins.http.tests.scripted_peer import answer, scripted

KEY = "Zk3vQ0pX9sLwT7uYbR2nM5cD8fGhJ1aE4iO6kP-_xyz"


@pytest.fixture
def signed(connections):
    """Make an outgoing connection that sends the key in `api_key`."""

    def make(address, **settings):
        config = load(ApiKeySettings, {"key": KEY, "query": "api_key", "signs": True})
        security = ApiKey("partner", config, LocalServer())
        outgoing = connections(address, security=security, **settings)
        object.__setattr__(outgoing.config, "security", "partner")
        return outgoing

    return make


def test_the_key_goes_along_once_also_where_a_redirect_leads(signed):
    location = f"/b?x=1&api_key={KEY}&y=%20"
    with scripted(answer(302, Location=location), answer(200)) as (address, seen):
        found = signed(address, url_path="/a").get({"q": "1"})
    assert seen[0].startswith(f"GET /a?q=1&api_key={KEY} HTTP/1.1\r\n".encode())
    assert seen[1].startswith(f"GET /b?x=1&y=%20&api_key={KEY} HTTP/1.1\r\n".encode())
    assert found.url == f"{address}/b?x=1&y=%20"


def breaks(client, stop):
    """Close the connection without an answer."""


def test_the_key_is_in_no_error_and_no_log(signed, caplog):
    caplog.set_level(logging.DEBUG)
    with scripted(breaks, answer(503), answer(500), answer(200, b"{"), breaks) as (address, _):
        outgoing = signed(address, retry_delay=0)
        shown = [repr(outgoing.get())]
        for use in (lambda: outgoing.get().json(), outgoing.get, outgoing.ping):
            with pytest.raises(HansaError) as caught:
                use()
            shown.append(f"{caught.value.detail} {caught.value!r}")
    assert KEY not in " ".join(shown)
    assert KEY not in caplog.text
