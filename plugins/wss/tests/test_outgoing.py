"""Outgoing SOAP signed by `wss`, read by code of the test's own as the profile has it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hansa import Misused, load
from hansa_devkit import LocalServer
from hansa_http.address import HttpAddress
from hansa_http.outgoing import HttpOutgoing
from hansa_soap.attachments import Attachment
from hansa_soap_client.outgoing import SoapOutgoing
from hansa_soap_client.settings import SoapSettings
from hansa_wss.security import Wss
from lxml import etree

from plugins.wss.tests.envelopes import PROFILE, SOAP_11, SOAP_12, WSSE, WSU
from plugins.wss.tests.test_tokens import make

NAMES = {"w": WSSE, "u": WSU}
ANSWER = f'<s:Envelope xmlns:s="{SOAP_11}"><s:Body><done/></s:Body></s:Envelope>'


class Peer(BaseHTTPRequestHandler):
    """Keeps what it gets, and answers."""

    received: list[bytes]

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append(sent)
        namespace = SOAP_12 if SOAP_12.encode() in sent else SOAP_11
        answer = ANSWER.replace(SOAP_11, namespace).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def peer() -> Iterator[ThreadingHTTPServer]:
    handler = type("Receiving", (Peer,), {"received": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def connect(peer: ThreadingHTTPServer, wss: Wss, **settings: Any) -> SoapOutgoing:
    given = {"address": f"http://127.0.0.1:{peer.server_port}", "security": "w", **settings}
    server = LocalServer(security={"w": wss})
    outgoing = SoapOutgoing("quotes", load(SoapSettings, given), server)
    outgoing.start()
    return outgoing


def header_of(raw: bytes) -> etree._Element:
    root = etree.fromstring(raw[raw.index(b"<s") :])
    (found,) = root.findall("{*}Header/w:Security", NAMES)
    return found


def check_digest(header: etree._Element, password: str) -> bytes:
    """Check a token by the formula of the profile, and return its nonce."""
    (token,) = header.findall("w:UsernameToken", NAMES)
    assert token.findtext("w:Username", "", NAMES) == "alice"
    sent = token.find("w:Password", NAMES)
    assert sent is not None and sent.get("Type") == f"{PROFILE}#PasswordDigest"
    nonce = base64.b64decode(token.findtext("w:Nonce", "", NAMES), validate=True)
    created = token.findtext("u:Created", "", NAMES)
    assert abs(datetime.fromisoformat(created).timestamp() - datetime.now().timestamp()) < 10
    expected = hashlib.sha1(nonce + created.encode() + password.encode()).digest()
    assert base64.b64decode(sent.text or "") == expected
    return nonce


@pytest.mark.parametrize(("version", "namespace"), [("1.1", SOAP_11), ("1.2", SOAP_12)])
def test_a_digest_is_sent(peer: Any, version: str, namespace: str) -> None:
    outgoing = connect(peer, make(password="geheim é", signs=True), soap_version=version)
    outgoing.send("<ask/>", header="<h:own xmlns:h='urn:h'/>")
    outgoing.stop()
    (raw,) = peer.RequestHandlerClass.received
    header = header_of(raw)
    assert header.get(f"{{{namespace}}}mustUnderstand") == "1"
    assert len(check_digest(header, "geheim é")) == 16
    assert header.find("u:Timestamp", NAMES) is None
    following = header.getnext()
    assert following is not None and following.tag == "{urn:h}own"
    assert raw.count(b"<ask/>") == 1


def test_each_call_has_a_token_of_its_own(peer: Any) -> None:
    outgoing = connect(peer, make(signs=True))
    for _ in range(2):
        outgoing.send("<ask/>")
    outgoing.stop()
    first, second = (
        check_digest(header_of(raw), "secret word") for raw in peer.RequestHandlerClass.received
    )
    assert first != second


def test_text_and_a_timestamp_are_sent(peer: Any) -> None:
    wss = make(password_type="clear_text", signs=True, timestamp=30, must_understand=False)
    outgoing = connect(peer, wss)
    outgoing.send("<ask/>")
    outgoing.stop()
    header = header_of(peer.RequestHandlerClass.received[0])
    assert header.attrib == {}
    password = header.find("w:UsernameToken/w:Password", NAMES)
    assert password is not None and password.text == "secret word"
    assert password.get("Type") == f"{PROFILE}#PasswordText"
    moments = [
        datetime.fromisoformat(header.findtext(f"u:Timestamp/u:{name}", "", NAMES))
        for name in ("Created", "Expires")
    ]
    assert (moments[1] - moments[0]).total_seconds() == 30


@pytest.mark.parametrize("mtom", [False, True])
def test_the_envelope_of_a_message_with_attachments_is_signed(peer: Any, mtom: bool) -> None:
    outgoing = connect(peer, make(signs=True), mtom=mtom, compression="gzip" if mtom else "")
    outgoing.send_with_attachments("<ask/>", [Attachment(b"\x00content", content_id="a@b")])
    outgoing.stop()
    (raw,) = peer.RequestHandlerClass.received
    if mtom:
        raw = gzip.decompress(raw)
    assert b"\x00content" in raw and b"<?xml" not in raw
    envelope = raw[raw.index(b"<soap:Envelope") : raw.index(b"</soap:Envelope>")]
    check_digest(header_of(envelope + b"</soap:Envelope>"), "secret word")


def test_what_cannot_be_signed_is_not_sent(peer: Any) -> None:
    wss = make(signs=True)
    outgoing = connect(peer, wss)
    own = "<w:Security xmlns:w='" + WSSE + "'/>"
    with pytest.raises(Misused, match="already"):
        outgoing.send("<ask/>", header=own)
    with pytest.raises(Misused, match="only envelopes"):
        wss.sign_message(b"<ask/>")
    with pytest.raises(Misused, match="signs is off"):
        make().sign_message(ANSWER.encode())
    outgoing.stop()
    # another protocol has no place for the token
    address = load(HttpAddress, {"address": outgoing.config.address, "security": "w"})
    http = HttpOutgoing("plain", address, outgoing.server)
    http.start()
    with pytest.raises(Misused, match="envelopes of outgoing SOAP"):
        http.post(b"text")
    http.stop()
    assert peer.RequestHandlerClass.received == []
