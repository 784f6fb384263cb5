"""Frames, texts and maps are what they were, in whatever pieces they come."""

from __future__ import annotations

from xml.etree.ElementTree import fromstring, indent, tostring

import pytest
from hansa_jms.broker_socket import ProtocolError
from hansa_jms.maps import UnreadableMap, map_faults, map_of, written_map
from hansa_jms.stomp.frames import Frame, FrameReader, encoded
from hansa_jms.texts import from_java, to_java
from hypothesis import given, strategies as st

TEXT = st.text(max_size=30)
HEADERS = st.dictionaries(TEXT.filter(lambda name: name != "content-length"), TEXT, max_size=5)


def read(data: bytes, pieces: int = 1, largest: int = 1000) -> list[Frame]:
    reader = FrameReader(largest)
    size = max(1, len(data) // pieces)
    return [
        frame
        for start in range(0, len(data), size)
        for frame in reader.feed(data[start : start + size])
    ]


@given(HEADERS, st.binary(max_size=50), st.integers(1, 40))
def test_any_frame_is_read_as_it_was_written(headers, body, pieces):
    with_length = {**headers, "content-length": str(len(body))}
    without = body.replace(b"\0", b"")
    data = encoded("MESSAGE", with_length, body) + b"\n\r\n" + encoded("SEND", headers, without)
    first, second = read(data, pieces)
    assert (first.command, first.headers, first.body) == ("MESSAGE", with_length, body)
    assert (second.command, second.headers, second.body) == ("SEND", headers, without)


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("pieces", [1, 7, 100])
def test_a_body_over_the_limit_is_dropped_and_the_next_frame_read(length, pieces):
    body = b"x" * 1001
    headers = {"content-length": str(len(body))} if length else {}
    data = encoded("MESSAGE", headers, body) + encoded("MESSAGE", {}, b"y" * 1000)
    first, second = read(data, pieces)
    assert (first.body, first.size) == (b"", 1001)
    assert second.body == b"y" * 1000


def test_lines_may_end_as_in_windows_and_the_first_of_two_headers_counts():
    [frame] = read(b"\r\nMESSAGE\r\na:1\r\na:2\r\nb:x\\cy\\\\z:\\q\r\n\r\nbody\0")
    assert frame.headers == {"a": "1", "b": "x:y\\z:\\q"}
    assert frame.body == b"body"


def test_what_is_no_frame_is_an_error():
    for data in (b"A\ncontent-length:x\n\n\0", b"A\ncontent-length:1\n\nxyz", b"x" * 2_000_000):
        with pytest.raises(ProtocolError):
            read(data)


@given(TEXT)
def test_any_text_survives_java(text):
    written = to_java(text)
    assert b"\0" not in written
    assert from_java(written).decode() == text


def test_what_is_no_text_stays():
    assert from_java(b"\xff\xfe") == b"\xff\xfe"


MAPS = st.dictionaries(
    TEXT.filter(bool),
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    max_size=5,
)


def laid_out(body: bytes) -> bytes:
    """A map as XStream writes it."""
    root = fromstring(body)
    indent(root)
    return tostring(root, encoding="utf-8").replace(b"<map />", b"<map/>").replace(b"\r", b"&#xd;")


@given(MAPS)
def test_any_map_is_read_as_it_was_written_or_refused(items):
    if not map_faults(items):
        assert map_of(laid_out(written_map(items))) == items


def test_what_is_no_map():
    for body in (b"text", b"<mapping>text</mapping>", b"<map>text</map>", b"<map><entry>"):
        assert map_of(body) is None
    begin = b"<map>\n  <entry>\n    <string>a</string>\n    "
    for rest in (
        b"text",
        b"</entry></map>",
        b"<date>1</date></entry></map>",
        b"<int>x</int></entry></map>",
        b"<string>&lol;</string></entry></map>",
        b"<string>&#x1;</string></entry></map>",
    ):
        with pytest.raises(UnreadableMap):
            map_of(begin + rest)
    assert map_of(b'<!DOCTYPE x [<!ENTITY a "b">]><map/>') is None


def test_all_faults_of_a_map_are_told():
    faults = map_faults(
        {"a": "\x01", "b": b"x", "c": 2**64, "d": float("nan"), "": 1, "e": "\U0001f600"}
    )
    assert set(faults) == {f"message.{name}" for name in ("a", "b", "c", "d", "", "e")}
