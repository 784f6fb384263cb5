"""The section of config.toml and the bound socket."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
from hansa import Invalid, fields, load
from hansa_http.early import (
    HttpSection,
    hansa_listen,
    hansa_ready,
    hansa_settings,
    listen,
    parse_address,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:11223", ("127.0.0.1", 11223)),
        ("localhost:0", ("localhost", 0)),
        ("[::1]:80", ("::1", 80)),
        ("*:80", ("", 80)),
        (":80", ("", 80)),
    ],
)
def test_addresses(text, expected):
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "80", "host", "host:", "host:x", "host:99999", "::1:80", "http://x:80", "[::1]", "a:1:2"],
)
def test_what_is_no_address(text):
    with pytest.raises(Invalid) as caught:
        load(HttpSection, {"address": text})
    assert "address" in caught.value.errors


def test_the_default_is_loopback_and_every_setting_has_help():
    assert HttpSection().address.startswith("127.0.0.1:")
    assert all(field.help for field in fields(hansa_settings()["http"]))


def test_all_faults_at_once():
    with pytest.raises(Invalid) as caught:
        load(HttpSection, {"address": "x", "trusted_proxies": ["10.0.0.0/8", "nobody"]})
    assert set(caught.value.errors) == {"address", "trusted_proxies[1]"}
    with pytest.raises(Invalid) as caught:
        load(HttpSection, {"threads": 0, "max_body": "big", "treads": 1})
    assert set(caught.value.errors) == {"threads", "max_body", "treads"}


def test_a_taken_port_is_told_by_setting_and_address():
    with listen("127.0.0.1:0", 5) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Invalid) as caught:
            listen(address, 5)
    assert address in caught.value.errors["http.address"]
    assert "in use" in caught.value.errors["http.address"]
    with listen(address, 5):
        pass


def test_other_reasons_are_told_too():
    with pytest.raises(Invalid, match="no address of this machine"):
        listen("192.0.2.1:0", 5)
    with pytest.raises(Invalid, match="looked up"):
        listen("no-such-host.invalid:0", 5)


def test_the_hooks_give_the_socket_and_say_where_it_is():
    config = SimpleNamespace(
        section={HttpSection: HttpSection(address="127.0.0.1:0")}.get,
        listening={"http": "127.0.0.1:1234"},
    )
    sockets = hansa_listen(config)
    with sockets["http"] as bound:
        assert bound.getsockname()[0] == "127.0.0.1"
        assert bound.getsockopt(1, 30) == 1  # SO_ACCEPTCONN
    assert hansa_ready(config) == ["HTTP for clients: http://127.0.0.1:1234"]


def test_the_early_module_imports_nothing_heavy():
    code = (
        "import hansa_http.early, sys; print([m for m in ('falcon', 'waitress', "
        "'httpx2') if m in sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )
