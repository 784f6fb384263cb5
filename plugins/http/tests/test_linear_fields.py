"""Header and trailer fields are read in time that grows as their length does: they come from anybody,
before a caller is known.
"""

from __future__ import annotations

import time

import pytest
from hansa_http.chunked import ChunkedBody
from hansa_http.parser import Parser
from waitress.adjustments import Adjustments

LARGEST = 2**20
HOSTILE = {
    "spaces before the value": lambda size: b"a:" + b" " * size + b"x",
    "spaces and no value": lambda size: b"a:" + b" " * size + b"\x01",
    "spaces on lines that continue others": lambda size: b"a:" + b"\r\n " * size + b"x",
    "spaces between": lambda size: b"a: x" + b" " * size + b"y" + b" " * size + b"\x01",
    "many values": lambda size: b"a: " + b"x " * size + b"\x01",
}


def read_head(field: bytes) -> object:
    adjustments = Adjustments(max_request_header_size=LARGEST)
    parser = Parser(adjustments)
    parser.received(b"GET / HTTP/1.1\r\nHost: x\r\n" + field + b"\r\n\r\n")
    assert parser.completed
    return parser


def read_trailer(field: bytes) -> object:
    body = ChunkedBody(LARGEST, LARGEST)
    body.received(b"0\r\n" + field.replace(b"\r\n", b"") + b"\r\n\r\n")
    assert body.completed
    return body


def seconds(read, field: bytes) -> float:
    taken = []
    for _ in range(5):
        began = time.thread_time()
        read(field)
        taken.append(time.thread_time() - began)
    return min(taken)


@pytest.mark.parametrize("read", [read_head, read_trailer])
@pytest.mark.parametrize("name", HOSTILE)
def test_time_grows_as_the_field_does(read, name):
    make = HOSTILE[name]
    # eight times the size; quadratic reading takes 64 times as long
    assert seconds(read, make(40_000)) < 40 * max(seconds(read, make(5000)), 0.001)


def test_what_is_read_stays_the_same():
    parser = Parser(Adjustments())
    parser.received(
        b"GET / HTTP/1.1\r\nHost: x\r\na:"
        + b" " * 100
        + b"b  c"
        + b"\t" * 100
        + b"\r\n  d\r\ne:\r\n\r\n"
    )
    assert parser.error is None
    assert parser.headers["A"].split() == ["b", "c", "d"]
    assert parser.headers["A"].startswith("b  c")
    assert parser.headers["E"] == ""


@pytest.mark.parametrize(
    ("line", "fine"),
    [(b"a:", True), (b"a: b\tc ", True), (b"a:\x80", True), (b"a b:c", False), (b"a:\x01", False)],
)
def test_trailer_fields_are_what_headers_are(line, fine):
    body = ChunkedBody(LARGEST, LARGEST)
    body.received(b"0\r\n" + line + b"\r\n\r\n")
    assert (body.error is None) == fine
