"""What a security definition shares with the format: the parsed envelope, headers that it has
processed, and the codes of its faults.
"""

from __future__ import annotations

from typing import Any

import pytest
import requests
from hansa import Model, Refused, Request, Service
from hansa_soap.envelope import V11, V12, CodedFault, Version, header_blocks
from hansa_soap.message import Message, note_processed, read_envelope, take_envelope
from hansa_xml.document import current_document
from lxml import etree

BLOCK = "{urn:h}key"


class Say(Service):
    name = "word.say"

    class Output(Model):
        said: str

    def handle(self) -> Any:
        return {"said": self.request.principal}


class NoKey(CodedFault, Refused):
    fault_code = "{urn:h}NoKey"


def authenticate(request: Request) -> str:
    for block in header_blocks(read_envelope(request.raw), BLOCK):
        note_processed(BLOCK)
        return block.text or ""
    raise NoKey("a key is required")


def post(site: Any, version: Version, header: str, **headers: str) -> requests.Response:
    data = (
        f'<s:Envelope xmlns:s="{version.namespace}" xmlns:h="urn:h"><s:Header>{header}</s:Header>'
        "<s:Body><a/></s:Body></s:Envelope>"
    )
    given = {"Content-Type": version.content_type, **headers}
    return requests.post(f"{site.url}/soap", data=data, headers=given, timeout=5)


@pytest.mark.parametrize("version", [V11, V12])
def test_a_header_that_was_processed_may_ask_to_be_understood(site: Any, version: Version) -> None:
    site.add(Say, authenticate=authenticate, soap_version=version.name)
    assert ">me<" in post(site, version, '<h:key s:mustUnderstand="1">me</h:key>').text
    # others of the same message are still to be understood, and so is one for nobody here
    other = '<h:key>me</h:key><h:other s:mustUnderstand="1"/>'
    assert "MustUnderstand" in post(site, version, other).text
    elsewhere = f'<h:key s:{version.role}="urn:else" s:mustUnderstand="1">me</h:key>'
    assert post(site, version, elsewhere).status_code == 401
    # where nobody looks at it, it is not understood
    site.add(Say, "plain", lambda request: "other", soap_action="plain", soap_version=version.name)
    answer = post(site, version, '<h:key s:mustUnderstand="1"/>', SOAPAction="plain")
    assert (answer.status_code, "MustUnderstand" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("version", "path"),
    [(V11, "{*}Body/{*}Fault/faultcode"), (V12, "{*}Body/{*}Fault/{*}Code/{*}Subcode/{*}Value")],
)
def test_an_error_may_have_a_fault_code_of_its_own(site: Any, version: Version, path: str) -> None:
    site.add(Say, authenticate=authenticate, soap_version=version.name)
    answer = post(site, version, "")
    code = etree.fromstring(answer.content).find(path)
    assert answer.status_code == 401
    assert code is not None and code.text
    prefix, _, local = code.text.partition(":")
    assert (code.nsmap[prefix], local) == ("urn:h", "NoKey")
    if version is V12:
        assert "<soap:Value>soap:Sender</soap:Value>" in answer.text


def test_a_message_is_parsed_once_and_belongs_to_one_reader() -> None:
    raw = b"<a/>"
    token = current_document.set(Message())
    try:
        read = read_envelope(raw)
        note_processed("x")
        assert read_envelope(raw) is read
        assert take_envelope(b"<b/>")[1] == frozenset()
        assert take_envelope(raw) == (read, frozenset({"x"}))
        again, processed = take_envelope(raw)
        assert again is not read and processed == {"x"}
    finally:
        current_document.reset(token)
    assert read_envelope(raw) is not read_envelope(raw)
    assert take_envelope(raw)[1] == frozenset()
