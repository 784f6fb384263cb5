"""Requests of several parts, as literal bytes: SOAP with Attachments and MTOM."""

from __future__ import annotations

import base64
import email
from typing import Any

import pytest
import requests
import zeep
from hansa import Model, Service
from hansa_soap.envelope import V11, V12, Version
from hansa_soap.related import read_package
from lxml import etree

from plugins.soap.tests.test_channel import fault

PNG = b"\x89PNG\r\n\x1a\n\x00\xff--outer\r\n\r\n"
"""Bytes with line ends at both ends of them, and something like a boundary."""

# as the mature stacks for Java write it, with SOAP 1.1
JAVA_TYPE = (
    'multipart/related; type="application/xop+xml"; boundary="uuid:3f0a"; '
    'start="<root.message@cxf.apache.org>"; start-info="text/xml"'
)
JAVA = (
    b"\r\n--uuid:3f0a\r\n"
    b'Content-Type: application/xop+xml; charset=UTF-8; type="text/xml"\r\n'
    b"Content-Transfer-Encoding: binary\r\n"
    b"Content-ID: <root.message@cxf.apache.org>\r\n"
    b"\r\n"
    b'<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
    b'<ns2:store xmlns:ns2="urn:files"><name>a.png</name><content>'
    b'<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" '
    b'href="cid:ec1a-3%40cxf.apache.org"/></content></ns2:store></soap:Body></soap:Envelope>\r\n'
    b"--uuid:3f0a\r\n"
    b"Content-Type: image/png\r\n"
    b"Content-Transfer-Encoding: binary\r\n"
    b"Content-ID: <ec1a-3@cxf.apache.org>\r\n"
    b'Content-Disposition: attachment;name="a.png"\r\n'
    b"\r\n" + PNG + b"\r\n"
    b"--uuid:3f0a--"
)
# as those for .NET do, with SOAP 1.2
NET_TYPE = (
    'multipart/related; type="application/xop+xml";start="<http://tempuri.org/0>";'
    'boundary="uuid:e4c1+id=1";start-info="application/soap+xml";action="store"'
)
NET = (
    b"\r\n--uuid:e4c1+id=1\r\n"
    b"Content-ID: <http://tempuri.org/0>\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n"
    b'Content-Type: application/xop+xml;charset=utf-8;type="application/soap+xml"\r\n'
    b"\r\n"
    b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
    b'<store xmlns="urn:files"><name>a.png</name><content>'
    b'<xop:Include href="cid:http%3A%2F%2Ftempuri.org%2F1%2F6" '
    b'xmlns:xop="http://www.w3.org/2004/08/xop/include"/></content></store></s:Body></s:Envelope>'
    b"\r\n--uuid:e4c1+id=1\r\n"
    b"Content-ID: <http://tempuri.org/1/6>\r\n"
    b"Content-Transfer-Encoding: binary\r\n"
    b"Content-Type: application/octet-stream\r\n"
    b"\r\n" + PNG + b"\r\n--uuid:e4c1+id=1--\r\n"
)
# the example of the W3C Note, section 3, with the second part in Base64
SWA_TYPE = 'Multipart/Related; boundary=MIME_boundary; type="text/xml"; start="<claim061400a.xml>"'
SWA = (
    b"This is the preamble.\r\n"
    b"--MIME_boundary\r\n"
    b"Content-Type: text/xml; charset=ISO-8859-1\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n"
    b"Content-ID: <claim061400a.xml>\r\n"
    b"\r\n"
    b"<?xml version='1.0' encoding='UTF-8'?>\r\n"
    b'<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/">'
    b'<SOAP-ENV:Body><claim><name>M\xfcller</name><form href="cid:claim061400a.tiff%40there.com"/>'
    b"</claim></SOAP-ENV:Body></SOAP-ENV:Envelope>\r\n"
    b"--MIME_boundary\r\n"
    b"Content-Type: image/tiff;\r\n"
    b'\tname="claim.tiff"\r\n'
    b"Content-Transfer-Encoding: base64\r\n"
    b"Content-ID: <claim061400a.tiff@there.com>\r\n"
    b"\r\n" + base64.encodebytes(PNG * 9).replace(b"\n", b"\r\n") + b"\r\n"
    b"--MIME_boundary\r\n"
    b"Content-Location: http://there.com/notes.txt\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n"
    b"\r\n"
    b"caf=C3=A9\r\n"
    b"--MIME_boundary--\r\n"
    b"This is the epilogue.\r\n"
)


class Store(Service):
    name = "files.store"

    class Input(Model):
        name: str
        content: bytes

    class Output(Model):
        told: str

    def handle(self) -> Any:
        content = self.request.input.content
        sizes = [len(part.content) for part in self.request.extra["attachments"].values()]
        return {"told": f"{self.request.input.name} {content.hex()} {sizes}"}


class Claim(Service):
    name = "files.claim"

    def handle(self) -> Any:
        claim = self.request.input
        attachments = self.request.extra["attachments"]
        form = attachments.find(claim.form.get("href"))
        notes = attachments.find("http://there.com/notes.txt")
        return {
            "name": claim.name.text,
            "form": form.content.hex(),
            "type": form.headers["content-type"],
            "notes": notes.content.decode(),
            "all": len(attachments.all),
        }


class Echo(Service):
    name = "files.echo"

    def handle(self) -> Any:
        return {"text": str(self.request.input.content)}


def post(site: Any, content_type: str, body: bytes, **headers: str) -> requests.Response:
    return requests.post(
        f"{site.url}/soap", body, headers={"Content-Type": content_type, **headers}, timeout=5
    )


@pytest.mark.parametrize(
    ("version", "content_type", "body"), [("1.1", JAVA_TYPE, JAVA), ("1.2", NET_TYPE, NET)]
)
def test_mtom_as_other_stacks_write_it(
    site: Any, version: str, content_type: str, body: bytes
) -> None:
    site.add(Store, soap_version=version, soap_action="store")
    site.add(Echo, soap_version=version, soap_action="echo")
    answer = post(site, content_type, body, SOAPAction='"store"')
    assert answer.status_code == 200, answer.text
    assert f"<told>a.png {PNG.hex()} [{len(PNG)}]</told>" in answer.text
    content_type = content_type.replace('"store"', '"echo"')
    answer = post(site, content_type, body, SOAPAction='"echo"')
    assert f"<text>{base64.b64encode(PNG).decode()}</text>" in answer.text


def test_the_action_within_the_type_of_the_envelope(site: Any) -> None:
    site.add(Store, soap_version="1.2", soap_action="store")
    site.add(Echo, soap_version="1.2", soap_action="echo")
    for written in (r"application/soap+xml; action=\"store\"", "application/soap+xml;action=store"):
        content_type = NET_TYPE.replace(';action="store"', "").replace(
            "application/soap+xml", written
        )
        assert "<told>" in post(site, content_type, NET).text


def test_attachments_of_the_note_are_found_by_what_the_envelope_says(site: Any) -> None:
    site.add(Claim)
    answer = post(site, SWA_TYPE, SWA)
    assert answer.status_code == 200, answer.text
    assert "<name>Müller</name>" in answer.text
    assert f"<form>{(PNG * 9).hex()}</form>" in answer.text
    assert '<type>image/tiff; name="claim.tiff"</type>' in answer.text
    assert "<notes>café</notes><all>2</all>" in answer.text


def test_a_request_of_one_part_has_no_attachments(site: Any) -> None:
    site.add(Store)
    body = f"<s:Envelope xmlns:s='{V11.namespace}'><s:Body><a><name>n</name><content>YQ==</content>"
    answer = post(site, "text/xml", f"{body}</a></s:Body></s:Envelope>".encode())
    assert "<told>n 61 []</told>" in answer.text


def test_a_message_may_end_its_lines_by_line_feeds_alone() -> None:
    content = JAVA.replace(PNG, b"\r\r\n\r").replace(b"\r\n", b"\n")
    package = read_package(content, JAVA_TYPE)
    assert package.attachments["ec1a-3@cxf.apache.org"].content == b"\r\n\r"


def test_bytes_beyond_the_limit_on_texts_of_xml(site: Any) -> None:
    site.add(Echo, soap_version="1.2")
    large = bytes(12_000_000)
    answer = post(site, NET_TYPE, NET.replace(PNG, large))
    assert answer.status_code == 200, answer.text[:300]
    assert len(answer.content) > 16_000_000


@pytest.mark.parametrize("content_type", [JAVA_TYPE, SWA_TYPE])
def test_an_empty_message_of_parts(site: Any, content_type: str) -> None:
    site.add(Store)
    answer = post(site, content_type, b"")
    assert answer.status_code == 400
    assert "the request is empty" in fault(answer)[1]


INCLUDE = (
    b'<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" '
    b'href="cid:ec1a-3%40cxf.apache.org"/>'
)


@pytest.mark.parametrize(
    ("content_type", "body", "why"),
    [
        (JAVA_TYPE.replace('boundary="uuid:3f0a"', "x=y"), JAVA, "has no boundary"),
        (JAVA_TYPE.replace("uuid:3f0a", "uuid:3f0"), JAVA, "no part with the boundary"),
        (JAVA_TYPE, JAVA.removesuffix(b"--"), "cut off"),
        (JAVA_TYPE, JAVA[:-30], "cut off"),
        (JAVA_TYPE, b"--uuid:3f0a--\r\n", "no part with the boundary"),
        (JAVA_TYPE, b"--uuid:3f0a\r\n\r\n--uuid:3f0a--\r\n", "it does not have"),
        (JAVA_TYPE.replace("root.message", "other"), JAVA, "'other@cxf.apache.org', which it"),
        (JAVA_TYPE, JAVA.replace(b"ec1a-3%40", b"ec1a-4%40"), "the message has no such part"),
        (JAVA_TYPE, JAVA.replace(b"cid:ec1a", b"http://x/ec1a"), "the message has no such part"),
        (JAVA_TYPE, JAVA.replace(b"ec1a-3@", b"root.message@"), "two parts have the Content-ID"),
        (JAVA_TYPE, JAVA.replace(INCLUDE, INCLUDE * 2), "not the only content"),
        (JAVA_TYPE, JAVA.replace(INCLUDE, b"YQ==" + INCLUDE), "not the only content"),
        (
            JAVA_TYPE,
            JAVA.replace(b"<name>a.png", b"<name>" + INCLUDE),
            "the part is included already",
        ),
        (JAVA_TYPE, JAVA.replace(b"g: binary\r\n", b"g: x-zip\r\n"), "transfer encoding 'x-zip'"),
        (JAVA_TYPE, JAVA.replace(b"g: binary\r\n", b"g: base64\r\n"), "not valid Base64"),
        (JAVA_TYPE, JAVA.replace(b"Content-ID: <e", b"Content-ID <e"), "malformed header"),
        (JAVA_TYPE, JAVA.replace(b"image/png", b"image/png" * 1000), "larger than 8192"),
        (JAVA_TYPE, JAVA.replace(b"charset=UTF-8", b"charset=none-such"), "none-such"),
        (JAVA_TYPE, JAVA.replace(b"<name>a.png", b"<name>\xff"), "not well-formed"),
        (
            JAVA_TYPE,
            JAVA.replace(b"--uuid:3f0a--", b"--uuid:3f0a\r\n\r\nx\r\n" * 3 + b"--uuid:3f0a--"),
            "more than 3 attachments",
        ),
    ],
)
def test_what_is_wrong_with_parts_is_the_senders_fault(
    site: Any, content_type: str, body: bytes, why: str
) -> None:
    site.add(Store, max_attachments=3)
    answer = post(site, content_type, body)
    assert answer.status_code == 400, answer.text
    code, text = fault(answer)
    assert code == f"soap:{V11.sender}"
    assert why in text


def test_faults_are_in_the_version_of_the_parts(site: Any) -> None:
    site.add(Store, soap_version="1.2")
    answer = post(site, NET_TYPE, NET.removesuffix(b"--\r\n"))
    assert answer.headers["Content-Type"] == V12.content_type
    assert fault(answer)[0] == f"soap:{V12.sender}"


def test_an_include_where_nothing_is_packaged_stays_an_element(site: Any) -> None:
    site.add(Store)
    plain = JAVA_TYPE.replace("application/xop+xml", "text/xml")
    body = JAVA.replace(b"application/xop+xml", b"text/xml")
    answer = post(site, plain, body)
    assert answer.status_code == 400
    assert "content: expected text, got elements" in fault(answer)[1]


LARGE = bytes(range(256)) * 40 + b"\r\n"


class Load(Service):
    name = "files.load"

    class Output(Model):
        large: bytes
        small: bytes
        several: list[bytes]

    def handle(self) -> Any:
        return {"large": LARGE, "small": b"small", "several": [LARGE, b"", LARGE[1:]]}


class LoadUntyped(Service):
    name = "files.load-untyped"

    def handle(self) -> Any:
        return {"large": LARGE}


def parts_of(answer: requests.Response) -> list[Any]:
    """The parts of an answer, as another parser of MIME sees them."""
    head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
    parts = email.message_from_bytes(head + answer.content).get_payload()
    assert isinstance(parts, list)
    return parts


@pytest.mark.parametrize("version", [V11, V12])
def test_large_binary_values_are_attachments_for_who_accepts_them(
    site: Any, version: Version
) -> None:
    site.add(Load, soap_version=version.name)
    body = f"<s:Envelope xmlns:s='{version.namespace}'><s:Body/></s:Envelope>".encode()
    answer = post(site, version.content_type, body, Accept="multipart/related, text/xml")
    media_type = version.content_type.partition(";")[0]
    content_type = answer.headers["Content-Type"]
    assert content_type.startswith(
        f'multipart/related; type="application/xop+xml"; start-info="{media_type}"; start="<'
    )
    root, first, second, third = parts_of(answer)
    assert root["Content-Type"] == f'application/xop+xml; charset=utf-8; type="{media_type}"'
    contents = [part.get_payload(decode=True) for part in (first, second, third)]
    assert contents == [LARGE, LARGE, LARGE[1:]]
    envelope = etree.fromstring(root.get_payload(decode=True))
    found = envelope[0][0]
    assert found.findtext("{*}small") == "c21hbGw="
    assert f"<{found[0][0].get('href', '').removeprefix('cid:')}>" == first["Content-ID"]
    assert found[0][0].tag == "{http://www.w3.org/2004/08/xop/include}Include"


def test_who_sends_mtom_is_answered_in_mtom(site: Any) -> None:
    site.add(LoadUntyped)
    assert parts_of(post(site, JAVA_TYPE, JAVA))[1].get_payload(decode=True) == LARGE


@pytest.mark.parametrize("settings", [{}, {"mtom_over": 0}, {"mtom_over": 20_000}])
def test_others_get_base64(site: Any, settings: Any) -> None:
    site.add(LoadUntyped, **settings)
    answer = post(site, JAVA_TYPE, JAVA) if settings else post(site, SWA_TYPE, SWA)
    assert answer.headers["Content-Type"] == V11.content_type
    assert base64.b64encode(LARGE).decode() in answer.text


def test_a_fault_is_never_in_parts(site: Any) -> None:
    site.add(Store)
    answer = post(site, JAVA_TYPE, JAVA.replace(b"<name>a.png</name>", b""))
    assert answer.headers["Content-Type"] == V11.content_type
    assert fault(answer)[1] == "name: required, and missing"


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_zeep_reads_answers_of_parts(site: Any, version: str) -> None:
    site.add(Load, soap_version=version)
    client = zeep.Client(f"{site.url}/soap?wsdl")
    client.transport.session.headers["Accept"] = "multipart/related"
    answer = client.service.Load()
    # zeep takes line ends off the ends of what is binary
    assert answer.large == LARGE.strip(b"\r\n")
    assert answer.small == b"small"
    assert answer.several.item[2] == LARGE[1:].strip(b"\r\n")
