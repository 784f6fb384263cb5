"""A real server: called by requests-oauthlib, calling itself, and calling an API with tokens of
Authlib's authorization server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hansa_devkit.harness.waiting import wait_until
from requests_oauthlib import OAuth1

from plugins.oauth.tests.consumer import KEY, SECRET
from plugins.oauth.tests.issuer import CLIENT, SECRET as CLIENT_SECRET, Issuer

pytestmark = pytest.mark.evidence("real_server")

SERVICES = """
from hansa import Service


class Who(Service):
    def handle(self):
        return {"who": str(self.request.principal), "given": self.request.input}


class Ask(Service):
    def handle(self):
        name = self.request.input["name"]
        data = self.request.input.get("data")
        answer = self.outgoing.http[name].post(data)
        return {"status": answer.status, "answer": answer.data}
"""


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def server(start_shared_server: Any) -> Any:
    server = start_shared_server(workers=1, plugins=["oauth"])
    server.deploy("asking.py", SERVICES)
    server.api(
        "admin.security.oauth1.create", name="partner", consumer_key=KEY, consumer_secret=SECRET
    )
    for name, security in (("who", ["partner"]), ("ask", None)):
        server.api(
            "admin.channel.http.create",
            name=name,
            url_path=f"/{name}",
            service=f"asking.{name}",
            format="json",
            forms={"enabled": True},
            **({"security": security} if security else {}),
        )
    return server


def by(secret: str = SECRET, **options: Any) -> OAuth1:
    return OAuth1(KEY, secret, **options)


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256"])
def test_requests_oauthlib_calls_a_channel(server: Any, method: str) -> None:
    url = f"{server.url}/who?a=x+y&a=%C3%A9"
    auth = by(signature_method=method)
    assert requests.get(url, auth=auth, timeout=10).json()["who"] == KEY
    form = requests.post(url, {"b": "é &", "c": ""}, auth=auth, timeout=10)
    assert form.json()["given"]["b"] == "é &"
    whole = by(signature_method=method, force_include_body=True)
    body = requests.post(url, json={"b": "é"}, auth=whole, timeout=10)
    assert body.json()["who"] == KEY


def test_a_request_counts_once_and_refusals_say_nothing(server: Any) -> None:
    url = f"{server.url}/who"
    prepared = requests.Request("POST", url, data={"a": "1"}, auth=by()).prepare()
    with requests.Session() as session:
        assert session.send(prepared, timeout=10).status_code == 200
        replayed = session.send(prepared, timeout=10)
        guessed = requests.post(url, {"a": "1"}, auth=by("another secret"), timeout=10)
        prepared.body = "a=2"
        changed = session.send(prepared, timeout=10)
    for answer in (replayed, guessed, changed):
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'OAuth realm="hansa"'
        problem = answer.json()
        assert problem["detail"] == "the OAuth credentials are not valid"
        assert problem["cid"] == answer.headers["X-Hansa-CID"]
    cid = replayed.headers["X-Hansa-CID"]
    told = wait_until(lambda: [line for line in server.log().splitlines() if cid in line])
    assert any("the nonce was used before" in line for line in told)


def test_an_edit_counts_at_once(server: Any) -> None:
    url = f"{server.url}/who"
    server.api("admin.security.oauth1.edit", name="partner", consumer_secret="another secret")
    assert requests.get(url, auth=by(), timeout=10).status_code == 401
    assert requests.get(url, auth=by("another secret"), timeout=10).status_code == 200
    server.api("admin.security.oauth1.edit", name="partner", consumer_secret=SECRET)
    assert requests.get(url, auth=by(), timeout=10).status_code == 200


def test_outgoing_calls_are_signed_as_a_channel_takes_them(server: Any) -> None:
    server.api(
        "admin.security.oauth1.create",
        name="own",
        consumer_key=KEY,
        consumer_secret=SECRET,
        signs=True,
    )
    server.api(
        "admin.outgoing.http.create",
        name="own",
        address=server.url,
        url_path="/who",
        format="json",
        security="own",
    )
    answer = server.post("/ask", {"name": "own", "data": {"a": "é"}}).json()
    assert answer == {"status": 200, "answer": {"who": KEY, "given": {"a": "é"}}}


def test_calls_have_a_token_which_is_replaced_when_it_was_revoked(
    server: Any, issuer: Issuer
) -> None:
    server.api(
        "admin.security.oauth2.create",
        name="erp",
        token_url=issuer.url,
        client_id=CLIENT,
        client_secret=CLIENT_SECRET,
        retry_interval=0,
    )
    server.api(
        "admin.outgoing.http.create",
        name="erp",
        address=issuer.url.removesuffix("/token"),
        url_path="/api",
        security="erp",
    )
    assert "valid until" in json.dumps(server.api("admin.security.oauth2.ping", name="erp"))
    for _ in range(3):
        assert server.post("/ask", {"name": "erp"}).json()["status"] == 200
    assert len(issuer.forms) == 1
    issuer.tokens.clear()
    assert server.post("/ask", {"name": "erp"}).json()["status"] == 200
    assert len(issuer.forms) == 2
    # an outage changes nothing while the token is valid
    issuer.status = 503
    assert server.post("/ask", {"name": "erp"}).json()["status"] == 200
    issuer.tokens.clear()
    assert server.post("/ask", {"name": "erp"}).json()["status"] == 401


def test_callers_cannot_come_in_by_oauth2(server: Any, issuer: Issuer) -> None:
    server.api("admin.channel.http.edit", name="ask", security=["erp"])
    answer = server.post("/ask", {"name": "erp"})
    assert answer.status_code == 401
    server.api("admin.channel.http.edit", name="ask", security=None)


def test_secrets_are_shown_to_nobody(server: Any, issuer: Issuer) -> None:
    shown = str(server.api("admin.security.oauth1.list"))
    shown += str(server.api("admin.security.oauth2.get", name="erp"))
    shown += server.log()
    for secret in (SECRET, CLIENT_SECRET, "of-the-issuer", "oauth_signature="):
        assert secret not in shown
