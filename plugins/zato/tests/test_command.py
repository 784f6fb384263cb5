"""The command `zato`: how it prints answers, its wrong usages, the confirmation of deployments."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import sys
import threading
import types
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hansa import PackageVersion
from hansa_authority.authority import create_authority, issue
from hansa_devkit import LocalServer
from hansa_zato import plugin
from hansa_zato.command import main
from hansa_zato.command.answer import shown
from hansa_zato.command.components import INSTEAD
from hansa_zato.confirmation import Uploads

SOAP = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    "<market_cap><item_list><item><provider>Yahoo!</provider></item></item_list></market_cap>"
    "</soapenv:Body></soapenv:Envelope>"
)


@pytest.mark.parametrize(
    ("answer", "format", "transport", "printed"),
    [
        ("", "json", None, "(None)"),
        (
            '{"market_cap": [{"value": "298.8", "ok": true}]}',
            "json",
            None,
            "{'market_cap': [{'value': '298.8', 'ok': True}]}",
        ),
        ("plain text", "json", None, "plain text"),
        ("<a><b>1</b></a>", "xml", None, "<a><b>1</b></a>"),
        (
            SOAP,
            "xml",
            "soap",
            "<market_cap>\n  <item_list>\n    <item>\n      <provider>Yahoo!</provider>\n"
            "    </item>\n  </item_list>\n</market_cap>",
        ),
        ("no xml", "xml", "soap", "no xml"),
    ],
)
def test_answers_as_zato_prints_them(answer, format, transport, printed):
    assert shown(answer.encode(), format, transport) == printed


@pytest.fixture(params=["http"])
def server(tmp_path, request):
    """The folder of a server that keeps the invocations it gets; `answer` is (status, body)."""
    kept = types.SimpleNamespace(seen=[], asked=[], answer=(200, b""), folder=tmp_path)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            kept.asked.append(self.path)
            self.send_response(200 if len(kept.asked) > 2 else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.seen.append((self.path, self.headers, json.loads(body)))
            status, answer = kept.answer
            self.send_response(status)
            self.send_header("X-Zato-CID", "K05")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    scheme = request.param
    if scheme == "https":
        listening.socket = secured(tmp_path).wrap_socket(listening.socket, server_side=True)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    (tmp_path / "run").mkdir()
    (tmp_path / "run/server.json").write_text(
        json.dumps({scheme: f"{scheme}://127.0.0.1:{listening.server_port}"})
    )
    (tmp_path / "admin.password").write_text("secret\n")
    yield kept
    listening.shutdown()
    listening.server_close()


def secured(folder):
    """How a server with a certificate of its own authority accepts connections."""
    create_authority(folder / "ca")
    made = issue(folder / "ca", "server1")
    certificates = folder / "certificates"
    certificates.mkdir()
    authority = folder / "ca" / "ca-material" / "ca-cert.pem"
    (certificates / "ca-cert.pem").write_bytes(authority.read_bytes())
    (certificates / "cert.pem").write_bytes(made.certificate.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    return context


def zato(*words):
    return subprocess.run(
        [sys.executable, "-m", "hansa_zato.command", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )


def answering(text):
    return 200, json.dumps(
        {"zato_service_invoke_response": {"response": base64.b64encode(text).decode()}}
    ).encode()


@pytest.mark.parametrize("server", ["http", "https"], indirect=True)
def test_an_invocation_goes_to_the_server_in_the_folder(server):
    server.answer = answering(b'{"rate": "1.22"}')
    done = zato(
        "service",
        "invoke",
        server.folder,
        "rates.get-rate",
        "--payload",
        '{"day": "2013-09-03"}',
        "--headers",
        "X-A=1;X-B=2",
    )
    assert (done.returncode, done.stdout) == (0, "{'rate': '1.22'}\n"), done.stderr
    ((path, headers, message),) = server.seen
    assert path == "/zato/admin/invoke"
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"admin:secret"
    assert (headers["X-A"], headers["X-B"]) == ("1", "2")
    assert message == {
        "name": "rates.get-rate",
        "payload": base64.b64encode(b'{"day": "2013-09-03"}').decode(),
        "data_format": "json",
    }


def test_soap_and_async_are_handed_on(server):
    server.answer = answering(SOAP.encode())
    done = zato(
        "service",
        "invoke",
        f"{server.folder}/",
        "m.c",
        "--data-format",
        "xml",
        "--transport",
        "soap",
        "--async",
    )
    assert done.stdout.startswith("<market_cap>")
    assert server.seen[0][2] == {
        "name": "m.c",
        "payload": "",
        "data_format": "xml",
        "transport": "soap",
        "async": True,
    }


def test_a_payload_may_be_broken_into_lines_as_printed_commands_are(server):
    server.answer = answering(b"")
    zato(
        "service",
        "invoke",
        server.folder,
        "m.c",
        "--data-format",
        "xml",
        "--payload",
        "\\\n<a> \\\n<b>1</b>\\\n</a>",
    )
    assert base64.b64decode(server.seen[0][2]["payload"]) == b"<a> \n<b>1</b>\n</a>"


def test_a_refusal_is_told_with_the_correlation_id(server):
    server.answer = (
        404,
        json.dumps({"zato_env": {"result": "ZATO_ERROR", "details": "no service x"}}).encode(),
    )
    done = zato("service", "invoke", server.folder, "x")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "404 Not Found: no service x\ncid K05\n"
    server.answer = 200, b"<html>something else</html>"
    assert "did not answer as Zato does" in zato("service", "invoke", server.folder, "x").stderr


def test_wrong_folders_and_usages(tmp_path):
    assert "is not the folder of a server" in zato("service", "invoke", tmp_path, "x").stderr
    (tmp_path / "config.toml").write_text('[server]\nname = "server1"\n')
    assert (
        f"server1 in {tmp_path} is not running" in zato("service", "invoke", tmp_path, "x").stderr
    )
    assert zato("service", "invoke").returncode == 2


def test_help_lists_invoke_beside_the_commands_of_hansa():
    shown = zato("service", "--help").stdout
    assert "invoke    Call a service of the server in the folder PATH" in shown
    assert "rollback" in shown
    assert "folder of a running server" in zato("service", "invoke", "--help").stdout


def test_other_words_are_those_of_hansa():
    assert zato("--version").stdout.startswith("zato: hansa ")
    assert (
        zato("server", "--help").stdout
        == subprocess.run(
            [sys.executable, "-m", "hansa", "server", "--help"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )


# -- the confirmation ------------------------------------------------------------------------------


def test_a_deployed_file_is_confirmed(caplog):
    caplog.set_level("INFO")
    stored = [
        PackageVersion(file, version, "", "", {}, "", at, True)
        for file, version, at in (("a.py", 1, 1.0), ("b.py", 1, 2.0), ("a.py", 2, 2.0))
    ]
    looks: list[int] = []

    def versions():
        looks.append(len(looks))
        return stored

    server = types.SimpleNamespace(packages=types.SimpleNamespace(versions=versions))
    uploads = Uploads(server)
    for package in stored:
        uploads.confirm(package)
    told = [(record.name, record.getMessage()) for record in caplog.records]
    # the ids count uploads, also those of different files
    assert told == [
        ("zato.hot-deploy.create", f"Uploaded package id:[{number}], payload_name:[{file}]")
        for number, file in ((1, "a.py"), (3, "b.py"), (2, "a.py"))
    ]
    assert len(looks) == 1, "all versions, with their sources, are not read for each file"
    stored.append(PackageVersion("c.py", 1, "", "", {}, "", 3.0, True))
    uploads.confirm(stored[-1])
    assert "Uploaded package id:[4], payload_name:[c.py]" in caplog.text


def test_the_hook_confirms(caplog):
    caplog.set_level("INFO")
    plugin.hansa_deployed(LocalServer(), PackageVersion("x.py", 3, "", "", {}, "", 0.0, True))
    assert "Uploaded package id:[1], payload_name:[x.py]" in caplog.text


# -- components ------------------------------------------------------------------------------------


def typed(monkeypatch, *words: str) -> object:
    """Type a command, and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["zato", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    assert isinstance(code, int)
    return code


def test_the_version_of_a_component(tmp_path, monkeypatch, capsys):
    (tmp_path / ".hansa-info").write_text('{"version": "1.2", "component": "SERVER"}')
    assert typed(monkeypatch, "component-version", str(tmp_path)) == 0
    assert capsys.readouterr().out == "1.2\n"
    (tmp_path / ".hansa-info").write_text("[]")
    assert typed(monkeypatch, "component-version", str(tmp_path)) == 3
    assert "is not the folder of a component" in capsys.readouterr().err
    assert typed(monkeypatch, "component-version") == 2


@pytest.mark.parametrize("words", INSTEAD, ids=" ".join)
def test_commands_that_are_not_there_say_what_to_do(words, monkeypatch, capsys):
    assert typed(monkeypatch, *words, "PATH") == 2
    assert capsys.readouterr().err == f"zato {' '.join(words)} is not there: {INSTEAD[words]}\n"


@pytest.mark.parametrize("server", ["http", "https"], indirect=True)
def test_waiting_for_a_server(server, monkeypatch, capsys):
    wait = ["wait", "--timeout", "30", "--interval", "0.01"]
    assert typed(monkeypatch, *wait, "--path", str(server.folder)) == 0
    assert capsys.readouterr().out == "OK\n" and server.asked == ["/hansa/ready"] * 3
    (server.folder / "run/server.json").unlink()
    assert typed(monkeypatch, "wait", "--timeout", "0", "--path", str(server.folder)) == 1
    assert "not ready after 0 s" in capsys.readouterr().err


def test_waiting_for_an_address(server, monkeypatch, capsys):
    url = json.loads((server.folder / "run/server.json").read_text())["http"]
    wait = ["wait", "--silent", "--timeout", "30", "--interval", "0.01"]
    assert typed(monkeypatch, *wait, "--address", url, "--url-prefix", "/a/") == 0
    assert capsys.readouterr().out == "" and server.asked[0] == "/a/hansa/ready"
    for faulty in ("ftp://x", "http://127.0.0.1:1"):
        assert typed(monkeypatch, "wait", "--timeout", "0", "--address", faulty) == 1
    assert typed(monkeypatch, "wait") == 2


def test_a_key_is_printed(monkeypatch, capsys):
    assert typed(monkeypatch, "create", "secret-key") == 0
    assert len(base64.urlsafe_b64decode(capsys.readouterr().out.strip())) == 32
