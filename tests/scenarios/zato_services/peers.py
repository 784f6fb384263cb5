"""The HTTP and SOAP services that the services call: a CRM, a bank, providers of look-ups ..., by
Flask in the process of the tests.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from flask import Flask, Response, jsonify, request
from lxml import etree
from werkzeug.serving import WSGIRequestHandler, make_server

CONTACTS = {
    "1": ("Ada", "Lovelace", "ada@example.com", "GB"),
    "2": ("Grace", "Hopper", "grace@example.com", "US"),
    "3": ("Zoë", "Ångström", "zoe@example.com", "SE"),
}
RATES = "<rates><rate currency='EUR'>1.25</rate><rate currency='NOK'>0.125</rate></rates>"
ENVELOPE = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
{}</s:Body></s:Envelope>"""
VAT_ANSWER = """<CheckResponse xmlns="urn:example:vat">
<valid>{}</valid><holder>{}</holder></CheckResponse>"""
QUOTE = """<QuoteResponse xmlns="urn:example:carriage">
<price>{}</price><carrier>Carrier of {}</carrier></QuoteResponse>"""
CARRIAGE = Path(__file__).with_name("carriage.wsdl")


class Peers:
    """What has been asked of them is in `calls` (path and number), `bodies` and `members`."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        self.members: dict[str, Any] = {}
        self.url = ""
        self.app = Flask("peers")
        self.app.before_request(self._note)
        for part in (self._crm, self._bank, self._providers, self._rest, self._soap):
            part()

    def _note(self) -> None:
        self.calls[request.path] += 1
        self.received.append((request.path, dict(request.headers), request.get_data()))

    def _crm(self) -> None:
        @self.app.get("/crm/contacts/<number>")
        def contact(number):
            if number not in CONTACTS:
                return jsonify({"error": "unknown"}), 404
            first, last, email, country = CONTACTS[number]
            address = {"Country": country}
            names = {"Id": number, "FirstName": first, "LastName": last}
            return jsonify({**names, "Email": email, "MailingAddress": address})

        @self.app.get("/crm/list")
        def contacts():
            page = int(request.args["page"])
            found = [{"Id": number} for number in list(CONTACTS)[page * 2 - 2 : page * 2]]
            return jsonify({"contacts": found, "next_page": 2 if page == 1 else None})

        @self.app.route("/newsletter/<email>", methods=["GET", "POST", "PUT"])
        def member(email):
            if request.method != "GET":
                self.members[email] = request.get_json()
            if email not in self.members:
                return jsonify({}), 404
            return jsonify(self.members[email])

    def _bank(self) -> None:
        @self.app.get("/rates")
        def rates():
            return Response(RATES, content_type="application/xml")

    def _providers(self) -> None:
        @self.app.post("/kyc/primary")
        def primary():
            person = request.get_json()
            self.calls[person["last_name"]] += 1
            if person["last_name"] == "Down" or (
                person["last_name"] == "Flaky" and self.calls["Flaky"] == 1
            ):
                return "overloaded", 503
            risky = person["country"] == "XX"
            return jsonify({"risk": 0.95 if risky else 0.1, "hits": ["sanctions"] * risky})

        @self.app.get("/kyc/fallback")
        def fallback():
            return jsonify({"listed": request.args["born"].startswith("1900")})

        @self.app.post("/hooks/<name>")
        def hook(name):
            attempt = int(request.headers["X-Attempt"])
            failed = name == "dead" or (name == "slow" and attempt < 3)
            return ("no", 500) if failed else ("", 204)

    def _rest(self) -> None:
        @self.app.get("/weather")
        def weather():
            city = request.args["city"]
            return jsonify({"city": city, "temperature": 21.5, "units": request.args.get("units")})

        @self.app.post("/tickets")
        def tickets():
            return jsonify({"ticket": "T-1", "got": request.get_json()})

        @self.app.get("/tenants/<tenant>/users")
        def users(tenant):
            return jsonify({"users": [f"ada@{tenant}"], "header": request.headers["X-Tenant"]})

    def _soap(self) -> None:
        @self.app.post("/vat")
        def vat():
            asked = request.get_data(as_text=True)
            valid = "SE5561" in asked and "Envelope" in asked
            text = VAT_ANSWER.format("true" if valid else "false", "Volvo" if valid else "")
            return Response(ENVELOPE.format(text), content_type="text/xml")

        @self.app.get("/carriage")
        def wsdl():
            return Response(CARRIAGE.read_text(), content_type="text/xml")

        @self.app.post("/carriage")
        def quote():
            asked = etree.fromstring(request.get_data())
            country = asked.findtext(".//{urn:example:carriage}country")
            weight = asked.findtext(".//{urn:example:carriage}weight") or ""
            text = QUOTE.format(Decimal(weight) / 2, country)
            return Response(ENVELOPE.format(text), content_type="text/xml")


class Quiet(WSGIRequestHandler):
    """Logs nothing."""

    def log(self, type: str, message: str, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def peers() -> Iterator[Peers]:
    """Serve all of them at one free port."""
    made = Peers()
    server = make_server("127.0.0.1", 0, made.app, threaded=True, request_handler=Quiet)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
