"""Attachments and MTOM: what another stack reads of what is sent, and answers of several parts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from hansa import Invalid
from hansa_http.response import BadAnswer
from hansa_soap.attachments import Attachment
from hansa_soap_client.outgoing import SoapOutgoing

Connect = Callable[..., SoapOutgoing]
LARGE = bytes(range(256)) * 40 + b"\r\n"
BINARY = b"\r\n\x00\xff--MIME\r\n--boun\n\n"
"""What the peer sends: bytes with line ends at both ends of them."""
VERSIONS = pytest.mark.parametrize("version", ["1.1", "1.2"])


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def noted(quotes: SoapOutgoing, monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, str]]:
    """What is sent from now on: bodies and their content types."""
    sent: list[tuple[bytes, str]] = []
    request = quotes.request

    def note(method: str, message: bytes, *, headers: Any, **options: Any) -> Any:
        sent.append((message, headers["Content-Type"]))
        return request(method, message, headers=headers, **options)

    monkeypatch.setattr(quotes, "request", note)
    return sent


@VERSIONS
def test_another_stack_reads_binary_values_sent_as_mtom(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    quotes = connect(version, mtom=True)
    sent = noted(quotes, monkeypatch)
    assert quotes.service.hash_of(LARGE) == digest(LARGE)
    message, content_type = sent[0]
    assert content_type.startswith('multipart/related; type="application/xop+xml"; start-info="')
    assert LARGE in message
    if version == "1.2":
        assert content_type.endswith('; action="hash_of"')
    # what is short is no attachment
    assert quotes.service.hash_of(b"short") == digest(b"short")
    assert b"c2hvcnQ=" in sent[1][0]


def test_without_mtom_binary_values_are_text(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    quotes = connect()
    sent = noted(quotes, monkeypatch)
    assert quotes.service.hash_of(LARGE) == digest(LARGE)
    assert sent[0][1] == "text/xml; charset=utf-8"


def test_an_answer_in_mtom(connect: Connect, foreign: Any) -> None:
    quotes = connect(url_path="/mtom", wsdl=f"{foreign.address}/1.1?wsdl")
    assert quotes.service.load() == BINARY
    answer = quotes.call_with_attachments("load")
    assert answer.content == BINARY
    assert answer.attachments["1@there"].content_type == "image/png"
    element = quotes.send("<a/>")
    assert element is not None
    assert element[0].text == "DQoA/y0tTUlNRQ0KLS1ib3VuCgo="


def test_attachments_of_an_answer(connect: Connect) -> None:
    answer = connect(url_path="/swa", wsdl="").send_with_attachments("<a/>")
    assert answer.content is not None
    assert [part.content for part in answer.attachments.all] == [BINARY]
    assert answer.attachments.find("cid:1%40there") is answer.attachments["1@there"]


@pytest.mark.parametrize("mtom", [False, True])
def test_attachments_that_are_sent(connect: Connect, mtom: bool) -> None:
    quotes = connect(url_path="/parts", wsdl="", mtom=mtom)
    picture = Attachment(LARGE, "image/png", "picture@here", {"Content-Disposition": "inline"})
    unnamed = Attachment(b"text", "text/plain")
    body = f"<a href='{picture.reference}'/>"
    answer = quotes.send(body, action="x")
    assert answer is not None and len(answer) == 1
    answer = quotes.send_with_attachments(body, [picture, unnamed], "x").content
    assert answer is not None
    root, first, second = (part.text or "" for part in answer)
    assert root.split()[1] == ("application/xop+xml" if mtom else "text/xml")
    assert first == f"<picture@here> image/png {digest(LARGE)}"
    assert second.split()[1:] == ["text/plain", digest(b"text")]


def test_an_operation_with_attachments(connect: Connect) -> None:
    quotes = connect()
    answer = quotes.call_with_attachments("echo", [Attachment(LARGE)], text="hello")
    assert answer.content == "hello"
    assert not answer.attachments


def test_attachments_that_cannot_be_sent(connect: Connect) -> None:
    quotes = connect(wsdl="")
    for attachment in (
        Attachment(b"", "text/plain\r\nX: y"),
        Attachment(b"", content_id="é"),
        Attachment(b"", headers={"X:": "y"}),
    ):
        with pytest.raises(Invalid, match="of an attachment is not printable ASCII"):
            quotes.send_with_attachments("<a/>", [attachment])
    with pytest.raises(Invalid, match="two parts have the Content-ID 'a'"):
        quotes.send_with_attachments("<a/>", [Attachment(b"", content_id="a")] * 2)


@pytest.mark.parametrize(
    ("path", "why"),
    [("/cut-off", "its last boundary is missing"), ("/dangling", "the message has no such part")],
)
def test_a_damaged_answer_of_parts_is_a_bad_answer(
    connect: Connect, foreign: Any, path: str, why: str
) -> None:
    quotes = connect(url_path=path, wsdl=f"{foreign.address}/1.1?wsdl")
    for call in (quotes.service.load, lambda: quotes.send("<a/>")):
        with pytest.raises(BadAnswer, match=why):
            call()
