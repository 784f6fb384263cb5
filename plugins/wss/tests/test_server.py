"""A real server, called by zeep with its own WS-Security, and calling itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import requests
import zeep
from hansa_devkit.harness.waiting import wait_until
from lxml import etree
from zeep.exceptions import Fault
from zeep.wsse import utils
from zeep.wsse.username import UsernameToken

from plugins.wss.tests.envelopes import SOAP_12, WSSE, envelope, security, token

pytestmark = pytest.mark.evidence("real_server")

README = (Path(__file__).parents[1] / "README.md").read_text()
SERVICES = """
from hansa import Model, Service


class GetRate(Service):
    class Input(Model):
        year: int = 0
        month: int = 0
        day: int = 0

    class Output(Model):
        rate: str
        who: str

    def handle(self):
        return self.Output(rate="1.22", who=str(self.request.principal))


class Ask(Service):
    def handle(self):
        rates = self.outgoing.soap[self.request.input["name"]]
        return {"who": rates.service.GetRate(year=2013)["who"]}
"""


@pytest.fixture(scope="module")
def server(start_shared_server: Any) -> Any:
    server = start_shared_server(workers=1, plugins=["soap", "soap-client", "wss", "xml"])
    server.deploy("treasury.py", SERVICES)
    return server


@pytest.fixture(scope="module")
def rates(server: Any) -> str:
    """The address of the README's channel, made by the README's commands."""
    commands = re.findall(r"^hansa (.*)$", README, re.M)
    for command in commands[:2]:
        server.cli(*(part.strip("'") for part in re.findall(r"'[^']*'|\S+", command)))
    return f"{server.url}/client3/get-rate"


def create(server: Any, name: str, username: str = "alice", **settings: Any) -> str:
    """Make a definition and a channel with it; return its address."""
    server.api("admin.security.wss.create", name=name, username=username, **settings)
    server.api(
        "admin.channel.soap.create",
        name=name,
        url_path=f"/{name}",
        service="treasury.get-rate",
        security=[name],
    )
    return f"{server.url}/{name}"


def ask(address: str, wsse: Any) -> Any:
    return zeep.Client(f"{address}?wsdl", wsse=wsse).service.GetRate(year=2013)


def post(address: str, raw: bytes, namespace: str = "") -> requests.Response:
    content_type = "application/soap+xml" if namespace == SOAP_12 else "text/xml"
    return requests.post(address, raw, headers={"Content-Type": content_type}, timeout=10)


def fault_of(answer: requests.Response) -> tuple[str, str]:
    """The code of a fault, without prefix, and its text; it must be a fault of WS-Security."""
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("WSSE ")
    root = etree.fromstring(answer.content)
    assert root.findtext(".//{urn:hansa:error}cid") == answer.headers["X-Hansa-CID"]
    code = root.find(".//faultcode")
    if code is None:
        code = root.find(".//{*}Subcode/{*}Value")
    assert code is not None and code.text
    prefix, _, local = code.text.partition(":")
    assert code.nsmap[prefix] == WSSE
    text = root.findtext(".//faultstring") or root.findtext(".//{*}Reason/{*}Text")
    return local, str(text)


def test_zeep_calls_the_example_of_the_readme(rates: str) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.S)
    lines = program.replace("http://127.0.0.1:11223/client3/get-rate", rates).splitlines()
    scope: dict[str, Any] = {}
    exec("\n".join(lines[:-1]), scope)
    assert scope["client"].service.GetRate(year=2013, month=9, day=3)["who"] == "alice"


def test_zeep_is_refused_with_a_wrong_password(rates: str) -> None:
    with pytest.raises(Fault) as caught:
        ask(rates, UsernameToken("alice", "wrong horse", use_digest=True))
    assert caught.value.code.endswith(":FailedAuthentication")
    with pytest.raises(Fault) as caught:
        ask(rates, None)
    assert caught.value.code.endswith(":InvalidSecurity")


def test_zeep_sends_text_and_a_timestamp(server: Any) -> None:
    address = create(server, "text", password="secret é", reject_empty_nonce_creat=False)
    stamp = utils.WSU.Timestamp()
    stamp.extend(
        [utils.WSU.Created("2013-09-03T10:00:00Z"), utils.WSU.Expires("2999-01-01T00:00:00Z")]
    )
    assert ask(address, UsernameToken("alice", "secret é", timestamp_token=stamp))["who"] == "alice"
    assert ask(address, UsernameToken("alice", "secret é"))["who"] == "alice"
    with pytest.raises(Fault, match="could not be authenticated"):
        ask(address, UsernameToken("alice", "secret é", use_digest=True))


def test_refusals_say_nothing_of_what_was_wrong(server: Any, rates: str) -> None:
    sent = envelope(security(token(password="correct horse", as_digest=True)))
    assert post(rates, sent).status_code == 200
    wrong = [
        sent,
        envelope(security(token(password="wrong", as_digest=True))),
        envelope(security(token("bob", "correct horse", as_digest=True))),
    ]
    (shown,) = {fault_of(post(rates, raw)) for raw in wrong}
    assert shown == ("FailedAuthentication", "the security token could not be authenticated")
    answer = post(rates, sent)
    cid = answer.headers["X-Hansa-CID"]
    told = wait_until(lambda: [line for line in server.log().splitlines() if cid in line])
    assert any("the nonce was used before" in line for line in told)
    for raw in (b"", b"<a/>", b"<!DOCTYPE a><a/>", envelope("")):
        assert fault_of(post(rates, raw))[0] == "InvalidSecurity"
    # the Security header is understood only where it was processed
    server.api(
        "admin.channel.soap.create", name="open", url_path="/open", service="treasury.get-rate"
    )
    unread = post(f"{server.url}/open", envelope(security(token())))
    assert (unread.status_code, "MustUnderstand" in unread.text) == (400, True)


def test_who_guesses_is_told_when_to_come_back(server: Any) -> None:
    address = create(server, "guessed", "eve", password="secret word", password_type="digest")
    guesses = [envelope(security(token("eve", "guess", as_digest=True))) for _ in range(11)]
    *judged, held = [post(address, raw) for raw in guesses]
    assert {fault_of(answer)[0] for answer in judged} == {"FailedAuthentication"}
    assert (held.status_code, int(held.headers["Retry-After"]) > 0) == (401, True)
    assert "<faultcode>soap:Client</faultcode>" in held.text


def test_soap_1_2(server: Any) -> None:
    create(server, "newer", password="secret word")
    server.api("admin.channel.soap.edit", name="newer", soap_version="1.2")
    address = f"{server.url}/newer"
    assert post(address, envelope(security(token()), namespace=SOAP_12), SOAP_12).ok
    wrong = envelope(security(token(password="x")), namespace=SOAP_12)
    assert fault_of(post(address, wrong, SOAP_12))[0] == "FailedAuthentication"


def test_outgoing_soap_calls_a_channel(server: Any, rates: str) -> None:
    signing = {"username": "alice", "password_type": "digest", "signs": True, "timestamp": 60}
    for name, password in (("right", "correct horse"), ("wrong", "another")):
        server.api("admin.security.wss.create", name=name, password=password, **signing)
        server.api(
            "admin.outgoing.soap.create",
            name=name,
            address=server.url,
            url_path="/client3/get-rate",
            wsdl=f"{rates}?wsdl",
            security=name,
        )
    server.api(
        "admin.channel.http.create",
        name="ask",
        url_path="/ask",
        service="treasury.ask",
        format="json",
    )
    for _ in range(2):
        assert server.post("/ask", {"name": "right"}).json() == {"who": "alice"}
    refused = server.post("/ask", {"name": "wrong"})
    assert refused.status_code == 502
    assert "FailedAuthentication" in refused.json()["detail"]
    # an edit counts at once
    server.api("admin.security.wss.edit", name="wrong", password="correct horse")
    wait_until(lambda: server.post("/ask", {"name": "wrong"}).status_code == 200)


def test_secrets_are_shown_to_nobody(server: Any, rates: str) -> None:
    shown = server.api("admin.security.wss.get", name="partner")
    assert "correct horse" not in str(shown)
    assert "correct horse" not in server.log()
