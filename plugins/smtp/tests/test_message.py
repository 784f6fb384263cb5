"""Messages that are made of what services give: no address, text or header is lost or smuggled in."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default

import pytest
from hansa import Invalid
from hansa_smtp.addresses import fault_of_address, parse_addresses
from hansa_smtp.message import Attachment, Draft
from hypothesis import given, strategies as some

ARGUMENTS = {"subject", "text", "attachments"}


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.com",
        "Ada <ada@example.com>",
        '"Lovelace, Ada" <ada@example.com>',
        "ada+orders@example.com",
        "o'brien@example.com",
        "müller@exämple.com",
        '"ada lovelace"@example.com',
    ],
)
def test_what_is_an_address(text: str):
    assert fault_of_address(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "a@b.example, c@d.example",
        "a@b.example\r\nBcc: c@d.example",
        "a\0@b.example",
        "x" * 300 + "@b.example",
        "a@b c",
        "<>",
        "a@b..c",
        "Lovelace, Ada <ada@example.com>",
        "(" * 5000,
        "a@b.example," * 2000,
    ],
)
def test_what_is_none(text: str):
    assert fault_of_address(text)


def test_a_list_may_be_one_text():
    found = parse_addresses('"Lovelace, Ada" <ada@example.com>, grace@example.com')
    assert [one.addr_spec for one in found] == ["ada@example.com", "grace@example.com"]
    with pytest.raises(ValueError, match="'nobody' is not a mail address"):
        parse_addresses(["ada@example.com", "nobody"])


def test_a_recipient_gets_one_copy():
    draft = Draft("a@example.com", to="b@example.com", cc="B <b@example.com>", bcc="c@example.com")
    assert draft.envelope().recipients == ("b@example.com", "c@example.com")


def test_message_ids_are_ascii():
    envelope = Draft("müller@exämple.com", to="b@example.com").envelope()
    assert envelope.needs_utf8 and envelope.message_id.endswith("@xn--exmple-cua.com>")


def test_media_types_come_from_names():
    assert Attachment("a.pdf", b"").type_parts == ("application", "pdf")
    assert Attachment("a", b"").type_parts == ("application", "octet-stream")
    assert Attachment("a", "text").type_parts == ("text", "plain")
    assert Attachment("a", b"", "image/webp").type_parts == ("image", "webp")


def test_text_says_that_it_is_utf8():
    files = [Attachment("a.csv", "Größe"), Attachment("b.csv", "Größe".encode("latin-1"))]
    draft = Draft("a@example.com", "b@example.com", "s", "t", attachments=files)
    message = message_from_bytes(draft.envelope().data, policy=default)
    text, other = message.iter_attachments()
    assert text.get_content() == "Größe"
    assert text.get_content_charset() == "utf-8" and other.get_content_charset() is None


@given(
    some.text(),
    some.text(),
    some.lists(some.tuples(some.text(min_size=1), some.binary()), max_size=3),
)
def test_what_arrives_is_what_was_given_or_it_is_refused(subject, text, files):
    attachments = [Attachment(name, content) for name, content in files]
    draft = Draft("a@example.com", "b@example.com", subject, text, attachments=attachments)
    try:
        envelope = draft.envelope()
    except Invalid as refused:
        assert {name.partition("[")[0] for name in refused.errors} <= ARGUMENTS
        return
    message = message_from_bytes(envelope.data, policy=default)
    assert message["To"] == "b@example.com" and message["Bcc"] is None
    assert len(message.get_all("From", [])) == len(message.get_all("Subject", [""])) == 1
    contents = [part.get_payload(decode=True) for part in message.iter_attachments()]
    assert contents == [content for _, content in files]


@given(some.sampled_from(["\r\n", "\n", "\r", "\0"]), some.text(max_size=5))
def test_no_header_is_smuggled_in(ending, rest):
    hostile = f"x{ending}Bcc: victim@example.com{rest}"
    draft = Draft(
        "a@example.com", "b@example.com", hostile, attachments=[Attachment(hostile, b"content")]
    )
    try:
        envelope = draft.envelope()
    except Invalid:
        return
    message = message_from_bytes(envelope.data, policy=default)
    assert message["Bcc"] is None
    assert all(part["Bcc"] is None for part in message.walk())
