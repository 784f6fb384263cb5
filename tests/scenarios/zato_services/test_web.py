"""Services that call others over HTTP and SOAP, and such that are called by hooks of others."""

from __future__ import annotations

import hmac
import json
import time
import uuid

import pytest
from lxml import etree

from tests.scenarios.zato_services.servers import SECRETS

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
CLAIMS = "https://example.com/ns/claims"
ENVELOPE = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{}</s:Body></s:Envelope>'


def sign(secret, text):
    return hmac.new(secret.encode(), text.encode(), "sha256").hexdigest()


def test_a_contact_in_our_own_names(zato):
    assert zato.call("/crm/3")["response"] == {
        "contact_id": 3,
        "full_name": "Zoë Ångström",
        "email": "zoe@example.com",
        "country": "SE",
    }


def test_what_the_crm_says_is_not_told(zato):
    answer = zato.ask("/crm/99")
    assert answer.status_code == 500
    assert answer.json()["zato_env"]["result"] == "ZATO_ERROR"


def test_contacts_are_synchronized(zato):
    assert zato.call("/sync", {}) == {"created": 3}
    assert zato.peers.members["zoe@example.com"]["full_name"] == "Zoë Ångström"
    assert zato.call("/crm/1/sync", {})["response"] == {"action": "unchanged"}
    zato.peers.members["ada@example.com"]["full_name"] = "Ada"
    assert zato.call("/crm/1/sync", {})["response"] == {"action": "updated"}
    assert zato.peers.members["ada@example.com"]["full_name"] == "Ada Lovelace"


def test_changes_are_taken_in_the_background(zato, wait):
    events = {"events": [{"objectId": "1"}, {"objectId": "2"}]}
    assert zato.call("/changed", events, 202) == {"accepted": 2}
    wait(lambda: len(zato.call("/changes")) == 2, 30)
    assert set(zato.call("/changes")) == {"1", "2"}


def test_rates_come_from_the_bank_once(zato):
    assert zato.call("/rate/EUR?day=2013-09-03")["response"] == {"rate": "1.25", "source": "bank"}
    assert zato.call("/rate/EUR?day=2013-09-03")["response"] == {"rate": "1.25", "source": "cache"}
    converted = {"amount": "10.10", "currency": "NOK", "day": "2013-09-03"}
    assert zato.call("/convert", converted)["response"] == {"amount": "1.26", "currency": "NOK"}
    assert zato.ask("/rate/XXX?day=2013-09-03").status_code == 500


def test_a_soap_service_by_strings(zato):
    assert zato.call("/vat/SE5561")["response"] == {"is_valid": True, "holder": "Volvo"}
    assert zato.call("/vat/SE1")["response"] == {"is_valid": False, "holder": ""}


def test_a_soap_service_by_its_wsdl(zato):
    quote = zato.call("/carriage", {"country": "NO", "weight": 5})["response"]
    assert quote == {"price": "2.5", "carrier": "Carrier of NO"}


def test_claims_over_soap(zato):
    body = f"<register_claim xmlns='{CLAIMS}'><policy>P-1</policy><amount>20000</amount></register_claim>"
    answer = zato.ask("/claims", ENVELOPE.format(body), headers={"SOAPAction": '"register"'})
    assert answer.status_code == 200, answer.text
    root = etree.fromstring(answer.content)
    assert root.findtext(f".//{{{CLAIMS}}}is_urgent") == "true"
    number = root.findtext(f".//{{{CLAIMS}}}claim_id")
    assert zato.redis.hget("claims", number) == "P-1"


def test_claims_by_their_elements(zato):
    body = "<claim><policy>P-2</policy><photos><photo>a</photo><photo>b</photo></photos></claim>"
    answer = zato.ask("/raw-claims", ENVELOPE.format(body), headers={"SOAPAction": "raw"})
    root = etree.fromstring(answer.content)
    assert root.find(f"{SOAP}Body") is not None
    assert (root.findtext(".//policy"), root.findtext(".//photos")) == ("P-2", "2"), answer.text


@pytest.fixture(scope="module")
def tokens(zato):
    def log_in(name):
        return zato.call("/mobile/log-in", {"username": name, "password": "secret"})["token"]

    return {name: {"Authorization": f"Bearer {log_in(name)}"} for name in ("ada", "grace")}


def test_only_those_who_have_logged_in(zato, tokens):
    assert zato.ask("/mobile/me").status_code == 401
    refused = zato.ask("/mobile/log-in", {"username": "ada", "password": "guess"})
    assert refused.status_code == 401 and refused.headers["WWW-Authenticate"] == "Bearer"
    assert zato.call("/mobile/me", headers=tokens["ada"]) == {"username": "ada", "role": "guest"}


def test_only_managers(zato, tokens):
    assert zato.ask("/mobile/close-day", headers=tokens["ada"]).status_code == 403
    assert zato.call("/mobile/close-day", headers=tokens["grace"]) == {"closed_by": "grace"}


def test_a_session_ends(zato, tokens):
    [header] = [tokens["ada"]]
    assert zato.ask("/mobile/log-out", {}, headers=header).status_code == 204
    assert zato.ask("/mobile/me", headers=header).status_code == 401


def test_hooks_of_a_repository_are_signed(zato):
    text = json.dumps({"ref": "refs/heads/maïn", "commits": [{"id": "1"}, {"id": "2"}]})
    headers = {
        "X-Hub-Signature-256": "sha256=" + sign(SECRETS["repository"], text),
        "X-Event": "push",
    }
    assert zato.call("/hooks/repository", text, headers=headers) == {"branch": "maïn", "commits": 2}
    refused = zato.ask("/hooks/repository", text + " ", headers=headers)
    assert refused.status_code == 403


def test_payments_are_booked_once(zato):
    def pay(event, seconds=0.0):
        text = json.dumps({"id": event, "data": {"amount": 5}})
        stamp = str(int(time.time() - seconds))
        signature = f"t={stamp},v1={sign(SECRETS['payments'], f'{stamp}.{text}')}"
        return zato.ask("/hooks/payments", text, headers={"Pay-Signature": signature})

    event = uuid.uuid4().hex
    assert pay(event).json()["status"] == "booked"
    assert pay(event).json() == {"status": "duplicate"}
    assert pay("old", 1000).status_code == 400
    assert zato.ask("/hooks/payments", {"id": "unsigned"}).status_code == 400


def test_subscribers_are_told_up_to_three_times(zato):
    for number, path in enumerate(("dead", "fast", "slow"), 1):
        assert zato.call("/hooks/subscribe", {"event": "paid", "path": path}) == {
            "subscribers": number
        }
    told = zato.call("/hooks/notify", {"event": "paid", "data": {"order": "Ö-1"}})
    assert told == {"delivered": ["fast", "slow"], "failed": ["dead"]}
    path, headers, body = next(one for one in zato.peers.received if one[0] == "/hooks/fast")
    assert headers["X-Signature"] == sign(SECRETS["outgoing"], body.decode())
    assert json.loads(body) == {"order": "Ö-1"}
    assert zato.peers.calls["/hooks/slow"] == zato.peers.calls["/hooks/dead"] == 3


def person(last_name, born="1970-01-01", country="SE"):
    return {"first_name": "Ada", "last_name": last_name, "born": born, "country": country}


def test_verdicts_of_the_first_provider(zato):
    accepted = {"status": "accepted", "provider": "primary", "score": 10, "reasons": []}
    assert zato.call("/kyc", person("Lovelace")) == accepted
    rejected = zato.call("/kyc", person("Öberg", country="XX"))
    assert (rejected["status"], rejected["reasons"]) == ("rejected", ["sanctions"])


def test_a_provider_is_asked_again(zato):
    assert zato.call("/kyc", person("Flaky"))["provider"] == "primary"
    assert zato.peers.calls["Flaky"] == 2


def test_the_second_provider_stands_in(zato):
    found = zato.call("/kyc", person("Down", "1900-01-01"))
    assert found == {
        "status": "rejected",
        "provider": "fallback",
        "score": 90,
        "reasons": ["listed"],
    }


def test_a_batch_of_persons(zato):
    persons = [person("A"), person("B", country="XX"), person("C")]
    assert zato.call("/kyc/batch", {"persons": persons}) == {"accepted": 2, "rejected": 1}
    assert json.loads(zato.redis.hget("kyc", "B"))["status"] == "rejected"


def test_a_person_without_a_name(zato):
    assert zato.ask("/kyc", {"first_name": "Ada"}).status_code == 400


def test_adapters(zato):
    assert zato.call("/weather", {"city": "Oslo"})["temperature"] == 21.5
    ticket = zato.call("/tickets", {"text": "Help"})
    assert ticket["got"]["project"] == "OPS"
    assert zato.call("/forecast?city=Oslo") == {"city": "Oslo", "celsius": 21.5}
    users = zato.call("/tenants", {"tenant": "acme"})
    assert users == {"users": ["ada@acme"], "header": "acme"}
    assert zato.call("/report?city=Oslo") == {"text": "21.5 degrees"}
