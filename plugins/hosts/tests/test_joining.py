"""Joining, by the real authority over TLS: what the host gets, what it is refused, and that a token
goes to nobody but the authority.
"""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hansa_authority.authority import certificate_file, create_authority
from hansa_hosts.cluster import AUTHORITY
from hansa_hosts.components import MEMBER_SECRET
from hansa_hosts.creation import create_component
from hansa_hosts.joining import check_component, join
from hansa_hosts.leaving import leave, renew
from hansa_hosts.members import Members
from hansa_hosts.roles import role_of
from hansa_hosts.tokens import Token
from hansa_quickstart.component import Component
from hansa_quickstart.failure import Failure

from plugins.hosts.tests.conftest import Running

SERVER = "127.0.0.1:17999"


def certificate(component: Component) -> x509.Certificate:
    """The certificate of a component."""
    return x509.load_pem_x509_certificate(
        (component.folder / "certificates" / "cert.pem").read_bytes()
    )


def names(component: Component) -> list[str]:
    """Whom a certificate is for."""
    found = certificate(component).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return [str(one.value) for one in found.value]


def test_a_server_joins_and_leaves(running: Running, tmp_path: Path):
    folder = tmp_path / "host"
    made = join(running.token("server", "emea-1", ("emea.example",)), folder, SERVER)
    assert made.folder.name == "emea-1"
    assert made.section("http")["address"] == SERVER
    assert made.section("odb")["url"] == running.cluster.odb
    assert (made.folder / "secret.key").read_text() == (running.folder / "secret.key").read_text()
    subject = certificate(made).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert subject[0].value == "emea-1"
    assert {"emea-1", "emea.example", "127.0.0.1"} <= set(names(made))
    open_to_others = [
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    public = {"cert.pem", "ca-cert.pem", ".hansa-info"}
    assert {path.name for path in open_to_others} <= public
    before = certificate(made).serial_number
    assert renew(folder, None) == ["emea-1"]
    assert certificate(made).serial_number != before
    assert set(names(made)) >= {"emea.example"}
    assert renew(folder, 30) == []
    assert leave(folder, [], force=False) == ["emea-1"]
    assert not folder.exists()
    assert "emea-1" not in {one.name for one in Members(running.folder / AUTHORITY).all()}


def test_all_that_cannot_be_reached_is_said_by_setting(running: Running, tmp_path: Path):
    made = join(running.token("server"), tmp_path / "host", SERVER)
    said: list[str] = []
    with pytest.raises(Failure) as refused:
        check_component(made, said.append)
    for setting in ("odb.url: ", "redis.address: "):
        assert setting in refused.value.message
    assert "secret-of" not in refused.value.message
    leave(made.folder.parent, [], force=False)


def test_other_components_and_a_second_one_in_the_folder(running: Running, tmp_path: Path):
    token = running.token("loadbalancer")
    with pytest.raises(Failure, match="has no server yet"):
        join(token, tmp_path / "early", "127.0.0.1:18224")
    assert not (tmp_path / "early").exists()
    server = create_component(running.folder, role_of("server"), "", "127.0.0.1:17998", ())
    # the token was not used up by that
    balancer = join(token, tmp_path / "host", "127.0.0.1:18224")
    section = balancer.section("loadbalancer")
    assert section["servers"] == [{"name": server.folder.name, "address": "127.0.0.1:17998"}]
    assert section["https_only"] and section["follow"] and section["server_ca"]
    secrets = {path.name for path in balancer.folder.iterdir()}
    assert secrets.isdisjoint({"secret.key", "admin.password"})
    web = join(running.token("webadmin"), tmp_path / "host", "127.0.0.1:18183")
    (shown,) = web.section("web")["clusters"].values()
    assert shown["urls"] == ["https://127.0.0.1:8184", "https://127.0.0.1:17998"]
    host = Component(tmp_path / "host")
    assert [part.folder.name for part in host.parts] == ["load-balancer", "web-admin"]
    with pytest.raises(Failure, match="no component other"):
        leave(host.folder, ["other"], force=False)
    assert leave(host.folder, ["web-admin"], force=False) == ["web-admin"]
    leave(host.folder, [], force=False)
    leave(running.folder, [server.folder.name], force=False)


def test_it_is_good_once_and_for_one_address(running: Running, tmp_path: Path):
    token = running.token("server")
    with pytest.raises(Failure, match="--address: the token is good for"):
        join(token, tmp_path / "a", "10.1.1.1:17010")
    with pytest.raises(Failure, match="HOST:PORT"):
        join(token, tmp_path / "a", "*:17010")
    join(token, tmp_path / "a", SERVER)
    with pytest.raises(Failure, match="used already"):
        join(token, tmp_path / "b", SERVER)
    assert not (tmp_path / "b").exists()
    leave(tmp_path / "a", [], force=False)


def test_a_folder_of_something_else_is_left_alone(running: Running, tmp_path: Path):
    (tmp_path / "file").touch()
    token = running.token("server")
    with pytest.raises(Failure, match="neither empty"):
        join(token, tmp_path, SERVER)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_who_answers_in_place_of_the_authority_is_not_asked(running: Running, tmp_path: Path):
    token = Token.read(running.token("server"))
    other = tmp_path / "other"
    create_authority(other)
    assert certificate_file(other).is_file()
    forged = Token(token.address, "00" * 32, token.role, token.secret)
    with pytest.raises(Failure, match="another certificate than the token says"):
        join(str(forged), tmp_path / "host", SERVER)
    assert not (tmp_path / "host").exists()
    # the secret was not sent
    made = join(str(token), tmp_path / "host", SERVER)
    assert made.exists
    (made.folder / MEMBER_SECRET).write_text("another\n")
    with pytest.raises(Failure, match="not the secret of that component"):
        leave(made.folder.parent, [], force=False)
    assert leave(made.folder.parent, [], force=True)
    Members(running.folder / AUTHORITY).remove(made.folder.name)


def test_where_there_is_no_authority(running: Running, tmp_path: Path):
    token = Token.read(running.token("server"))
    away = Token("127.0.0.1:1", token.fingerprint, token.role, token.secret)
    with pytest.raises(Failure, match="cannot be reached"):
        join(str(away), tmp_path / "host", SERVER)
