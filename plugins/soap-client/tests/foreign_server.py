"""A SOAP server that is not ours: `PORT [CERTIFICATE]`, spyne under wsgiref.

At /1.1 (and /quotes) and /1.2 it is open, at /secret it asks for the user shop and one of two
passwords; other paths answer what is hostile.
"""

from __future__ import annotations

import base64
import email
import hashlib
import io
import ssl
import sys
import time
from datetime import date
from decimal import Decimal
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from spyne import (
    Application,
    Array,
    ByteArray,
    ComplexModel,
    Date,
    Decimal as Number,
    Fault,
    Integer,
    ServiceBase,
    Unicode,
    rpc,
)
from spyne.protocol.soap import Soap11, Soap12
from spyne.server.wsgi import WsgiApplication


class Quote(ComplexModel):
    __namespace__ = "urn:quotes"
    country = Unicode
    rate = Number
    day = Date


class Quotes(ServiceBase):
    @rpc(Unicode, _returns=Number)
    def get_rate(ctx, country):
        if country == "Atlantis":
            raise Fault("Client.NotFound", "no such country")
        return Decimal("1.22") if country == "Canada" else Decimal(len(country))

    @rpc(Array(Unicode), _returns=Array(Quote))
    def get_rates(ctx, countries):
        return [
            Quote(country=country, rate=Decimal("1.5"), day=date(2026, 1, 2))
            for country in countries
        ]

    @rpc(Unicode, _returns=Unicode)
    def echo(ctx, text):
        return text

    @rpc(Integer, _returns=Integer)
    def wait(ctx, seconds):
        time.sleep(seconds)
        return seconds

    @rpc(ByteArray, _returns=Unicode)
    def hash_of(ctx, content):
        return hashlib.sha256(b"".join(content)).hexdigest()

    @rpc(_returns=ByteArray)
    def load(ctx):
        return [b"by value"]

    @rpc(_returns=Unicode)
    def broken(ctx):
        raise RuntimeError("it broke")


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


APPS = {
    f"/{protocol.__name__[-2]}.{protocol.__name__[-1]}": WsgiApplication(
        Application(
            [Quotes], "urn:quotes", name="Quotes", in_protocol=protocol(), out_protocol=protocol()
        )
    )
    for protocol in (Soap11, Soap12)
}
ELSEWHERE = b"""<definitions xmlns="http://schemas.xmlsoap.org/wsdl/">
  <import namespace="urn:x" location="http://127.0.0.2:1/secret.wsdl"/></definitions>"""
ENTITY = b'<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]><definitions>&e;</definitions>'
LOGINS = {
    f"Basic {base64.b64encode(b'shop:' + password).decode()}" for password in (b"first", b"second")
}
MISSING = b"""<definitions xmlns="http://schemas.xmlsoap.org/wsdl/">
  <import namespace="urn:x" location="missing.wsdl"/></definitions>"""
RATE = """<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"
  xmlns:x="http://www.w3.org/2001/XMLSchema-instance">{header}<e:Body>
  <get_rateResponse xmlns="urn:quotes"><get_rateResult{more}>{rate}</get_rateResult>
  </get_rateResponse></e:Body></e:Envelope>"""
TOLD = """<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>
  <told xmlns="urn:open"><n>1</n><c>2</c>{}</told></e:Body></e:Envelope>"""
MUST = '<e:Header><h:paid xmlns:h="urn:h" e:mustUnderstand="1"/></e:Header>'
MIXED = RATE.format(header="", more="", rate="1").replace("<get_rateResult", "lost<get_rateResult")
RATES = {
    "/unknown-type": RATE.format(header="", more=' x:type="no-such"', rate="1"),
    "/long-number": RATE.format(header="", more="", rate="y" * 9_000_000),
    "/long-text": RATE.format(header="", more="", rate="y" * 11_000_000),
    "/open": """<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>
      <told xmlns="urn:open"><a xmlns="urn:any" k="v">one<b>two</b></a><c xmlns="urn:any">3</c></told>
      </e:Body></e:Envelope>""",
    "/whole": TOLD.format("<m>3</m>"),
    "/lacking": TOLD.format(""),
    "/more": TOLD.format("<m>3</m><extra>4</extra>"),
    "/must": RATE.format(header=MUST, more="", rate="1.5"),
    "/mixed": MIXED,
    "/no-number": RATE.format(header="", more="", rate="many"),
    "/inside": RATE.format(header="", more="", rate="1<b>2</b>"),
    "/rate-500": RATE.format(header="", more="", rate="1.5"),
}
HEAD = b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><answer>'
TAIL = b"</answer></e:Body></e:Envelope>"
FAULT = """<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><e:Fault>
  <e:Code><e:Value>e:Receiver</e:Value><e:Subcode><e:Value>x:late</e:Value></e:Subcode></e:Code>
  <e:Reason><e:Text xml:lang="en">too late</e:Text></e:Reason>
  <e:Detail><Value>1</Value><Text>inner</Text><faultcode>x</faultcode></e:Detail>
  </e:Fault></e:Body></e:Envelope>"""
RATES["/fault-12"] = FAULT
STATUSES = dict.fromkeys(("/rate-500", "/fault-12"), "500 Internal Server Error")
BINARY = b"\r\n\x00\xff--MIME\r\n--boun\n\n"
XOP = """<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><loadResponse
  xmlns="urn:quotes"><loadResult><i:Include xmlns:i="http://www.w3.org/2004/08/xop/include"
  href="cid:1%40there"/></loadResult></loadResponse></e:Body></e:Envelope>"""
RELATED = (
    'multipart/related; type="{}"; start="<root@there>"; start-info="text/xml"; boundary=bound'
)
PARTS = (
    b"--bound\r\nContent-ID: <1@there>\r\nContent-Type: image/png\r\n\r\n" + BINARY + b"\r\n"
    b"--bound\r\nContent-ID: <root@there>\r\n"
    b'Content-Type: application/xop+xml; charset=utf-8; type="text/xml"\r\n\r\n'
    + XOP.encode()
    + b"\r\n--bound--\r\n"
)
SWA = PARTS.replace(b"application/xop+xml", b"text/xml").replace(XOP.encode(), HEAD + TAIL)
LATIN = '<?xml version="1.0" encoding="utf-8"?>' + RATE.format(header="", more="", rate="é")


XOP_TYPE = "application/xop+xml"
WRITTEN = {path: ("text/xml; charset=utf-8", text.encode()) for path, text in RATES.items()} | {
    "/latin-1": ("text/xml; charset=ISO-8859-1", LATIN.encode("latin-1")),
    "/mtom": (RELATED.format(XOP_TYPE), PARTS),
    "/swa": (RELATED.format("text/xml"), SWA),
    "/cut-off": (RELATED.format(XOP_TYPE), PARTS[:-8]),
    "/dangling": (RELATED.format(XOP_TYPE), PARTS.replace(b"cid:1", b"cid:2")),
}
"""Answers as they are written, with their content types."""


def parts_of(environ):
    """What was sent, as another parser of MIME sees it."""
    head = f"Content-Type: {environ['CONTENT_TYPE']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + environ["wsgi.input"].read())
    for part in message.walk():
        if not part.is_multipart():
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            digest = hashlib.sha256(content).hexdigest()
            text = f"{part['Content-ID']} {part.get_content_type()} {digest}"
            yield b"<part><![CDATA[" + text.encode() + b"]]></part>"


def application(environ, start_response):
    path = environ["PATH_INFO"]
    # an answer that is sent before the request is read may be lost by the reset that follows
    environ["wsgi.input"] = io.BytesIO(
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    )
    if path == "/secret":
        if environ.get("HTTP_AUTHORIZATION") not in LOGINS:
            start_response(
                "401 Unauthorized", [("Content-Type", "text/plain"), ("WWW-Authenticate", "Basic")]
            )
            return [b"who are you?"]
        path = "/1.1"
    if path == "/quotes":
        path = "/1.1"
    if path == "/huge":
        start_response("200 OK", [("Content-Type", "text/xml")])
        return iter([HEAD, *[b"<a>" + b"x" * 2**20 + b"</a>"] * 50, TAIL])
    if path == "/deep":
        start_response("200 OK", [("Content-Type", "text/xml")])
        return [HEAD + b"<a>" * 100_000 + b"</a>" * 100_000 + TAIL]
    if path == "/accepted":
        start_response("202 Accepted", [("Content-Length", "0")])
        return []
    if path == "/parts":
        start_response("200 OK", [("Content-Type", "text/xml")])
        return [HEAD, *parts_of(environ), TAIL]
    if path in WRITTEN:
        content_type, content = WRITTEN[path]
        start_response(STATUSES.get(path, "200 OK"), [("Content-Type", content_type)])
        return [content]
    if path in APPS:
        return APPS[path](environ, start_response)
    documents = {"/elsewhere": ELSEWHERE, "/entity": ENTITY, "/missing": MISSING}
    found = {**documents, "/html": b"<html><p>hello</html>"}.get(path)
    start_response("200 OK" if found else "404 Not Found", [("Content-Type", "text/xml")])
    return [found or b"nothing"]


server = make_server("127.0.0.1", int(sys.argv[1]), application, Server, Quiet)
if sys.argv[2:]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2])
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
