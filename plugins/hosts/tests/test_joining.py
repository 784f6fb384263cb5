"""Joining, by the real authority over TLS: what the host gets, what it is refused, and that a token
goes to nobody but the authority.
"""

from __future__ import annotations

import errno
import ssl
import stat
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hansa_authority.authority import certificate_file, create_authority, issue, request
from hansa_hosts import joining
from hansa_hosts.asking import Authority
from hansa_hosts.cluster import AUTHORITY
from hansa_hosts.components import MEMBER_SECRET
from hansa_hosts.creation import create_component
from hansa_hosts.joining import check_component, join
from hansa_hosts.leaving import leave, renew
from hansa_hosts.members import Members
from hansa_hosts.roles import role_of
from hansa_hosts.tokens import Token
from hansa_quickstart import checks
from hansa_quickstart.component import CA, Component
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
    for part in (server, *host.parts):
        checks.check_configuration(part)
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


def test_a_name_takes_no_folder_that_is_there(running: Running):
    kept = certificate_file(running.folder / AUTHORITY)
    (running.folder / "notes").mkdir()
    for name, fault in (("ca", "is that of the authority"), ("notes", "exists already")):
        with pytest.raises(Failure, match=fault):
            create_component(running.folder, role_of("server"), name, "127.0.0.1:17998", ())
        assert name not in {one.name for one in Members(running.folder / AUTHORITY).all()}
    assert kept.is_file() and (running.folder / "notes").is_dir()
    assert Component(running.folder / AUTHORITY).kind == CA
    for name in ("ca", "authority", "a..b", "a.", ".a", "a" * 64, "../a"):
        with pytest.raises(Failure, match="--name: "):
            running.token("server", name)
    with pytest.raises(Failure, match=r"--host: .müller\.example. is neither"):
        running.token("server", "", ("müller.example",))


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


def test_who_adds_an_authority_of_his_own_to_the_right_one_learns_nothing(
    running: Running, tmp_path: Path
):
    token = Token.read(running.token("server"))
    other = tmp_path / "other"
    create_authority(other)
    own = issue(other, "authority", ["127.0.0.1"])
    chain = tmp_path / "chain.pem"
    chain.write_text(own.certificate.read_text() + own.key.read_text())
    right = certificate_file(running.folder / AUTHORITY).read_bytes()
    for content in (
        right + certificate_file(other).read_bytes(),
        certificate_file(other).read_bytes() + right,
    ):
        with Impostor(chain, content) as impostor:
            asked = replace(token, address=impostor.address)
            with pytest.raises(Failure, match=r"cannot be reached|another certificate"):
                join(str(asked), tmp_path / "host", SERVER)
            assert token.secret not in impostor.received
    assert not (tmp_path / "host").exists()


class Impostor:
    """Answers every request with the same content, over TLS by a certificate; keeps what it gets."""

    def __init__(self, chain: Path, content: bytes) -> None:
        self.received = ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                outer.received += self.rfile.read(size).decode()
                self.do_GET()

            def log_message(self, *_: object) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # no noise
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Impostor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_what_was_made_is_removed_when_joining_fails(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "host"
    authority = Members(running.folder / AUTHORITY)
    before = authority.all()
    for step in ("install_signed", "write_component", "describe_host"):
        token = running.token("server")
        with monkeypatch.context() as patched:
            patched.setattr(joining, step, full_disk)
            with pytest.raises(OSError, match="No space left"):
                join(token, folder, SERVER)
        assert not folder.exists(), step
        assert authority.all() == before
    # one that was killed has left its key there
    request("server", folder / ".joining")
    made = join(running.token("server"), folder, SERVER)
    with monkeypatch.context() as patched:
        patched.setattr(joining, "write_component", full_disk)
        patched.setattr(Authority, "leave", out_of_reach)
        with pytest.raises(OSError, match="No space left"):
            join(running.token("server", "lost"), folder, "127.0.0.1:17998")
    assert [path.name for path in folder.iterdir() if path.is_dir()] == [made.folder.name]
    assert leave(folder, [], force=False) == [made.folder.name]
    authority.remove("lost")


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def out_of_reach(*_: object) -> None:
    raise Failure("the authority cannot be reached")


def test_where_there_is_no_authority(running: Running, tmp_path: Path):
    token = Token.read(running.token("server"))
    away = Token("127.0.0.1:1", token.fingerprint, token.role, token.secret)
    with pytest.raises(Failure, match="cannot be reached"):
        join(str(away), tmp_path / "host", SERVER)
