"""Where commands find their cluster: the current folder and those above it, contexts, HTTPS."""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hansa_authority.authority import create_authority, issue
from hansa_cli.location import find_folder

if TYPE_CHECKING:
    from hansa_devkit.harness.api_server import RunningServer

    from plugins.cli.tests.conftest import CommandLine


def make_server(folder: Path, **about: object) -> Path:
    (folder / "run").mkdir(parents=True)
    (folder / "run" / "server.json").write_text(json.dumps(about))
    return folder


def test_a_server_is_found_from_the_current_folder_upwards(
    cli: CommandLine, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = server.folder / "some" / "where"
    below.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(below)
    shown = json.loads(cli.ok("context", "show", "--json", HANSA_DIR=""))
    assert shown["server"] == server.url
    assert shown["server_from"] == str(server.dir / "run" / "server.json")
    assert "address" in cli.ok("server", "status", HANSA_DIR="")
    assert "admin.api" in cli.ok("channel", "http", "list", HANSA_DIR="")


def test_the_nearest_folder_of_ones_own_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = make_server(tmp_path / "cluster")
    inner = make_server(outer / "server1")
    beside = make_server(tmp_path / "project" / "var")
    assert find_folder(outer) == outer
    assert find_folder(inner / "pickup") == inner
    assert find_folder(tmp_path / "project" / "services") == beside
    assert find_folder(tmp_path) is None
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    if outer.stat().st_uid:  # a folder of root is trusted by everybody
        assert find_folder(outer) is None


def test_contexts_are_named_and_used(
    cli: CommandLine, server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    home = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "HANSA_DIR": ""}
    assert "no contexts" in cli.ok("context", "list", **home)
    cli.ok("context", "set", "test", "--dir", str(server.dir), **home)
    cli.ok("context", "set", "gone", "--server", "http://127.0.0.1:1", **home)
    file = tmp_path / "config" / "hansa" / "contexts.json"
    assert file.stat().st_mode & 0o777 == 0o600
    cli.ok("context", "use", "gone", **home)
    refused = cli.run("server", "status", **home)
    assert refused.exit_code == 3
    assert "the context gone" in refused.stderr
    assert "address" in cli.ok("server", "status", "--context", "test", **home)
    assert "admin.api" in cli.ok("channel", "http", "list", HANSA_CONTEXT="test", **home)
    assert "address" in cli.ok("server", "status", "--dir", str(server.dir), **home)
    # what is typed counts more than the environment
    typed = cli.run(
        "server", "status", "--context", "gone", **home | {"HANSA_DIR": str(server.dir)}
    )
    assert "the context gone" in typed.stderr
    assert "address" in cli.ok(
        "server", "status", "--dir", str(server.dir), HANSA_CONTEXT="gone", **home
    )
    cli.ok("context", "use", "test", **home)
    assert "address" in cli.ok("server", "status", **home)
    listed = json.loads(cli.ok("context", "list", "--json", **home))
    assert [(one["name"], one["used"]) for one in listed["items"]] == [
        ("gone", False),
        ("test", True),
    ]
    cli.ok("context", "delete", "test", **home)
    unknown = cli.run("server", "status", "--context", "test", **home)
    assert unknown.exit_code == 2
    assert "there are: gone" in unknown.stderr
    assert cli.run("context", "set", "x", **home).exit_code == 2
    file.write_text("[]")
    assert str(file) in cli.run("context", "list", **home).stderr


def test_help_is_of_what_is_installed_where_no_server_answers(cli: CommandLine) -> None:
    nowhere = {"HANSA_SERVER": "http://127.0.0.1:1"}
    shown = cli.run("outgoing", "ftp", "create", "--help", **nowhere)
    assert shown.exit_code == 0
    assert "--host" in shown.stdout
    assert "no server answers at http://127.0.0.1:1: this is what is installed" in shown.stderr
    assert cli.run("outgoing", "ftp", "list", **nowhere).exit_code == 3
    for subject, action in (("session", "end"), ("definition", "change"), ("problem", "note")):
        assert f"\n  {action} " in cli.run(subject, "--help", **nowhere).stdout


class Answer(BaseHTTPRequestHandler):
    """Answers each call with an empty list."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"items": [], "total": 0}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: object) -> None:
        pass


class Secured:
    """A server over HTTPS with a certificate of an authority, in folders of their own."""

    def __init__(self, folder: Path) -> None:
        create_authority(folder / "ca")
        issued = issue(folder / "ca", "balancer")
        self.authority = folder / "ca" / "ca-material" / "ca-cert.pem"
        self.certificate = folder / "cert-key.pem"
        self.certificate.write_text(issued.certificate.read_text() + issued.key.read_text())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    made = Secured(tmp_path_factory.mktemp("secured"))
    yield made
    made.http.shutdown()
    made.http.server_close()


LIST = ("orphan", "list")


def test_the_cluster_s_certificates_are_trusted_beside_it(
    cli: CommandLine, secured: Secured, tmp_path: Path
) -> None:
    for number, file in enumerate((secured.authority, secured.certificate)):
        folder = make_server(tmp_path / str(number), http=secured.url, trust=[str(file)])
        assert "no orphans" in cli.ok(*LIST, "--dir", str(folder))
    # another cluster's authority does not vouch for it
    create_authority(tmp_path / "ca")
    other = str(tmp_path / "ca" / "ca-material" / "ca-cert.pem")
    folder = make_server(tmp_path / "other", http=secured.url, trust=[other])
    refused = cli.run(*LIST, "--dir", str(folder))
    assert refused.exit_code == 3
    assert "certificate verify failed" in refused.stderr


def test_a_file_without_a_certificate_is_named(cli: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "cert.der"
    file.write_bytes(b"\x30\x82\xff\x00")
    folder = make_server(tmp_path / "server", http="https://127.0.0.1:1", trust=[str(file)])
    refused = cli.run(*LIST, "--dir", str(folder))
    assert refused.exit_code == 3
    assert f"{file} holds no certificate" in refused.stderr


def test_http_to_a_port_that_hangs_up_suggests_https(cli: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)

        threading.Thread(target=hang_up, daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        refused = cli.run("server", "status", "--server", url)
    assert refused.exit_code == 3
    assert "If it speaks HTTPS, write the address with https://." in refused.stderr


@pytest.mark.evidence("tls")
def test_an_authority_is_named_by_ca(cli: CommandLine, secured: Secured) -> None:
    refused = cli.run(*LIST, "--server", secured.url)
    assert refused.exit_code == 3
    assert "--ca FILE or HANSA_CA" in refused.stderr
    assert "no orphans" in cli.ok(*LIST, "--server", secured.url, "--ca", str(secured.authority))
    given = {"HANSA_SERVER": secured.url, "HANSA_CA": str(secured.authority)}
    assert "no orphans" in cli.ok(*LIST, **given)
    missing = cli.run(*LIST, "--server", secured.url, "--ca", "/nothing.pem")
    assert missing.exit_code == 2
    assert "--ca: there is no file /nothing.pem" in missing.stderr
    pasted = cli.run(*LIST, "--server", secured.url, "--ca", secured.authority.read_text())
    assert pasted.exit_code == 2 and "--ca: there is no file" in pasted.stderr
