"""Messages are read as far as they can be, whatever they look like."""

from __future__ import annotations

import gc
import weakref
from datetime import UTC, datetime

import msgspec
import pytest
from hansa import dump
from hansa_imap import mail as reading
from hansa_imap.mail import parse_mail
from hypothesis import given, strategies as some

PARTS = (
    b"From: Ada <ada@example.com>\r\n",
    b"To: =?utf-8?q?M=C3=BCller?= <m@example.com>, x\r\n",
    b"Subject: =?iso-8859-1?q?Gr=FC=DFe?=\r\n",
    b"Date: Mon, 30 Nov 2026 10:00:00 +0200\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"Content-Type: text/html; charset=utf-16\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Disposition: attachment; filename*=utf-8''%E2%82%AC.txt\r\n",
    b"\r\n",
    b"--b\r\n",
    b"--b--\r\n",
    b"text \xff\r\n",
    b"YWJj\r\n",
)


@given(some.lists(some.sampled_from(PARTS) | some.binary(max_size=20), max_size=25))
def test_any_bytes_are_read(parts):
    mail = parse_mail(b"".join(parts))
    assert msgspec.json.encode(dump(mail))  # it holds nothing that cannot be written


@given(
    some.lists(some.sampled_from(PARTS) | some.binary(max_size=20), max_size=25),
    some.sampled_from([1, 30, 10**6]),
)
def test_keeping_headers_changes_nothing(parts, longest):
    raw = b"".join(parts)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reading, "LONGEST_KEPT", longest)
        found = parse_mail(raw)
        patched.setattr(reading, "LONGEST_KEPT", -1)
        assert dump(found) == dump(parse_mail(raw))


def test_few_headers_are_kept_and_no_long_ones():
    """Else a message takes some hundred times as much memory as it has bytes."""
    header = reading._keeping().header_factory
    texts = [str(number) for number in range(3 * reading.KEPT)]
    texts[-1] *= reading.LONGEST_KEPT
    headers = [weakref.ref(header("Content-Description", text)) for text in texts]
    gc.collect()
    assert len([each for each in headers if each()]) == reading.KEPT
    assert headers[-1]() is None


def test_a_message_of_many_parts():
    raw = (
        b'From: "Lovelace, Ada" <ada@example.com>\r\n'
        b"To: a@example.com, B <b@example.com>\r\n"
        b"Reply-To: answers@example.com\r\n"
        b"Subject: =?iso-8859-1?q?Gr=FC=DFe?=\r\n"
        b"Date: Mon, 30 Nov 2026 10:00:00 +0200\r\n"
        b"Message-ID: <1@example.com>\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n"
        b"--c\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdfe\r\n"
        b"--c\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<b>\xc3\xbc</b>\r\n--c--\r\n"
        b"--b\r\nContent-Type: image/png\r\nContent-ID: <logo>\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n"
        b"--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment;"
        b" filename*=utf-8''%E2%82%AC.csv\r\n\r\na;b\r\n--b--\r\n"
    )
    mail = parse_mail(raw, "INBOX", 7)
    assert mail.sender == "ada@example.com" and mail.sender_name == "Lovelace, Ada"
    assert mail.to == ["a@example.com", "b@example.com"]
    assert mail.reply_to == ["answers@example.com"] and mail.message_id == "<1@example.com>"
    assert mail.subject == "Grüße" and mail.uid == 7 and mail.mailbox == "INBOX"
    assert mail.date is not None
    assert mail.date.astimezone(UTC) == datetime(2026, 11, 30, 8, tzinfo=UTC)
    assert mail.text.strip() == "Grüße" and mail.html.strip() == "<b>ü</b>"
    assert [(one.name, one.media_type, one.content_id) for one in mail.attachments] == [
        ("", "image/png", "logo"),
        ("€.csv", "text/csv", ""),
    ]
    assert mail.attachments[0].content == b"\x89PNG"


@pytest.mark.parametrize(
    "date", [b"nonsense", b"", b"Mon, 99 Nov 2026 10:00:00", b"30 Nov 2026", b"\xff"]
)
def test_a_date_that_is_none(date):
    mail = parse_mail(b"Date: " + date + b"\r\nSubject: x\r\n\r\n")
    assert mail.subject == "x"
