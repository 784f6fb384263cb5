"""Tokens from outside: curl and requests call a server, whose keys an issuer serves over HTTP."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.ports import free_port

from plugins.jwt.tests.issuer import (
    AUDIENCE,
    EC,
    ISSUER,
    OTHER_RSA,
    RSA,
    KeySetServer,
    jwk,
    private_pem,
    public_pem,
    token,
)

pytestmark = pytest.mark.evidence("real_server")

SOURCE = """
from hansa import Model, Service


class Who(Service):
    class Output(Model):
        name: str
        claims: dict[str, object]

    def handle(self):
        principal = self.request.principal
        return self.Output(name=str(principal), claims=principal.claims)


class Ask(Service):
    def handle(self):
        answer = self.outgoing.http["self"].get()
        return {"status": answer.status, "answer": answer.data}
"""


@pytest.fixture(scope="module")
def issuer() -> Iterator[KeySetServer]:
    server = KeySetServer(jwk(RSA, kid="old"))
    yield server
    server.stop()


CHANNEL = """
[channel.http.{name}]
url_path = "/{name}"
service = "who.who"
format = "json"
security = "{name}"
"""
REST = """
[services]
files = ["who.py"]

[channel.http.ask]
url_path = "/ask"
service = "who.ask"
format = "json"

[outgoing.http.self]
address = "http://127.0.0.1:{port}"
url_path = "/own"
security = "own"
"""


def definition(name: str, settings: dict[str, Any]) -> str:
    """A definition, and a channel of the same name with it."""
    whole = {"issuer": ISSUER, "audience": [AUDIENCE], **settings}
    lines = [f"{key} = {json.dumps(value)}" for key, value in whole.items()]
    return "\n".join([f"[security.jwt.{name}]", *lines, CHANNEL.format(name=name)])


@pytest.fixture(scope="module")
def server(
    issuer: KeySetServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    folder: Path = tmp_path_factory.mktemp("jwt")
    (folder / "who.py").write_text(SOURCE)
    port = free_port()
    parts = [
        REST.format(port=port),
        definition("issuer", {"algorithms": ["RS256"], "jwks_url": issuer.url}),
        definition("edited", {"algorithms": ["RS256"], "public_keys": [public_pem(RSA)]}),
        definition("own", {"algorithms": ["ES256"], "signing_key": private_pem(EC["ES256"])}),
    ]
    made = RunningServer(folder, "\n".join(parts), workers=1, port=port, plugins=["jwt"])
    made.start()
    yield made
    made.stop()


def call(server: RunningServer, presented: str, path: str = "/issuer") -> requests.Response:
    return server.get(path, headers={"Authorization": f"Bearer {presented}"})


def old(**changes: Any) -> str:
    return token(RSA, headers={"kid": "old"}, **changes)


def curl(server: RunningServer, *headers: str, path: str = "/issuer") -> tuple[str, str]:
    """Return the head and the body of an answer to curl."""
    options = [option for header in headers for option in ("-H", header)]
    command = ["curl", "-s", "-i", *options, server.url + path]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    head, _, body = done.stdout.partition("\n\n")
    return head, body


def test_curl_is_let_in_with_a_token_and_the_service_sees_its_claims(server):
    head, body = curl(server, f"Authorization: Bearer {old(roles=['a'])}")
    assert head.startswith("HTTP/1.1 200")
    answer = json.loads(body)
    assert answer["name"] == "alice"
    assert answer["claims"]["roles"] == ["a"] and answer["claims"]["iss"] == ISSUER


WRONG = {
    "expired": old(exp=1),
    "of another key": token(OTHER_RSA, headers={"kid": "old"}),
    "for others": old(aud=["https://other.example.com"]),
    "truncated": old()[:-5],
    "oversized": old(pad="x" * 20_000),
    "twice in one": f"{old()}, Bearer {old()}",
}


@pytest.mark.parametrize("presented", WRONG.values(), ids=list(WRONG))
def test_a_wrong_token_is_answered_alike_whatever_is_wrong(server, presented):
    answer = call(server, presented)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="hansa", error="invalid_token"'
    problem = answer.json()
    assert problem["detail"] == "the token is not valid"
    assert problem["cid"] == answer.headers["X-Hansa-CID"]


def test_the_header_given_twice_is_refused(server):
    header = f"Authorization: Bearer {old()}"
    for first, second in ((header, header), (header, "authorization: Basic YTpi")):
        head, _ = curl(server, first, second)
        assert head.startswith("HTTP/1.1 401")
        assert 'error="invalid_token"' in head


def test_without_a_token_there_is_a_challenge(server):
    head, body = curl(server)
    assert head.startswith("HTTP/1.1 401")
    assert 'www-authenticate: bearer realm="hansa"' in head.lower()
    assert "error=" not in head and "cid" in body


def test_a_rotation_under_load_refuses_nobody(server, issuer):
    def calls(number: int) -> list[int]:
        found = [call(server, old(jti=f"{number}-{turn}")).status_code for turn in range(10)]
        issuer.publish(jwk(RSA, kid="old"), jwk(OTHER_RSA, kid="new"))
        for turn in range(15):
            presented = token(OTHER_RSA, headers={"kid": "new"}, jti=f"{number}-{turn}")
            found.append(call(server, presented).status_code)
        return found

    with ThreadPoolExecutor(6) as pool:
        found = [status for statuses in pool.map(calls, range(6)) for status in statuses]
    assert found == [200] * 150


def test_tokens_are_verified_while_the_issuer_is_down(server, issuer):
    issuer.stop()
    try:
        assert call(server, old(jti="in the outage")).status_code == 200
    finally:
        issuer.start()


def test_an_edit_takes_effect_at_once_also_for_a_token_that_was_verified(server):
    presented = token()
    server.api("admin.security.jwt.edit", name="edited", public_keys=[public_pem(RSA)])
    assert call(server, presented, "/edited").status_code == 200
    server.api("admin.security.jwt.edit", name="edited", audience=["https://other.example.com"])
    assert call(server, presented, "/edited").status_code == 401
    server.api("admin.security.jwt.edit", name="edited", audience=[AUDIENCE])
    assert call(server, presented, "/edited").status_code == 200
    server.api("admin.security.jwt.edit", name="edited", public_keys=[public_pem(OTHER_RSA)])
    assert call(server, presented, "/edited").status_code == 401


def test_a_definition_that_is_switched_off_lets_nobody_in(server):
    presented = token(OTHER_RSA)
    server.api("admin.security.jwt.edit", name="edited", public_keys=[public_pem(OTHER_RSA)])
    assert call(server, presented, "/edited").status_code == 200
    server.api("admin.security.jwt.edit", name="edited", active=False)
    assert call(server, presented, "/edited").status_code == 503
    server.api("admin.security.jwt.edit", name="edited", active=True)
    assert call(server, presented, "/edited").status_code == 200


def test_outgoing_calls_are_signed(server):
    answer = server.get("/ask").json()
    assert answer["status"] == 200
    assert answer["answer"]["claims"]["aud"] == AUDIENCE


def test_ping_lists_the_keys_and_lists_show_no_key(server):
    assert "old" in json.dumps(server.api("admin.security.jwt.ping", name="issuer"))
    listed = json.dumps(server.api("admin.security.jwt.list"))
    assert "PRIVATE" not in listed and ISSUER in listed


def test_openapi_says_how_callers_authenticate(server):
    answer = server.get("/hansa/openapi.json", auth=("admin", server.password))
    scheme = answer.json()["components"]["securitySchemes"]["issuer"]
    assert scheme == {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def test_neither_keys_nor_tokens_are_logged(server):
    texts = [path.read_text(errors="replace") for path in server.folder.rglob("*.log")]
    assert texts
    assert not any("eyJ" in text or "PRIVATE" in text for text in texts)
