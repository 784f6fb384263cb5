"""Content codings of requests and of responses: literal bytes against one server."""

from __future__ import annotations

import gzip
import json
import zlib

import brotli
import pytest
from backports import zstd
from hansa import Response, Service
from hansa_http.coding import CodingError, decode
from hansa_http.compression import choose, refuses_identity

TEXT = b"the same again, " * 200


@pytest.fixture(scope="module")
def shared(shared_sites):
    """One server for all tests, which takes bodies of 10,000 bytes."""
    site = shared_sites(max_body=10_000)
    site.add().dispatch = _echo
    for name, (content_type, headers, body) in ANSWERS.items():
        site.add(url_path=f"/{name}").dispatch = _answer(content_type, headers, body)
    site.add(ReturnsDict, name="dict", url_path="/dict", format="")
    return site


class ReturnsDict(Service):
    def handle(self):
        return {"lost": True}


ANSWERS = {
    "text": ("text/plain", {"ETag": '"1"'}, TEXT),
    "json": ("application/problem+json", {"Vary": "Origin"}, TEXT),
    "small": ("text/plain", {}, b"x" * 1024),
    "image": ("image/png", {}, TEXT),
    "encoded": ("text/plain", {"content-encoding": "x-mine"}, TEXT),
    "part": ("text/plain", {"Content-Range": "bytes 0-1/9"}, TEXT),
    "fixed": ("text/plain", {"Cache-Control": "no-transform"}, TEXT),
}


def _answer(content_type, headers, body):
    def dispatch(request):
        response = Response(cid=request.cid, content_type=content_type)
        response.headers.update(headers)
        response.raw = body
        return response

    return dispatch


def _echo(request):
    response = Response(cid=request.cid)
    length = request.headers.get("content-length")
    shown = [request.raw.decode("latin-1"), length, request.headers.get("content-encoding")]
    response.raw = json.dumps(shown).encode()
    return response


def sent(site, body, coding):
    head = b"POST /test HTTP/1.1\r\nHost: x\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
    (answer,) = site.raw(head % (coding, len(body)) + body)
    return answer


def bare_deflate(content):
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(content) + compressor.flush()


CODED = [
    (b"gzip", gzip.compress(TEXT)),
    (b"X-GZip", gzip.compress(TEXT[:99]) + gzip.compress(TEXT[99:])),
    (b"deflate", zlib.compress(TEXT)),
    (b"deflate", bare_deflate(TEXT)),
    (b"br", brotli.compress(TEXT)),
    (b"zstd", zstd.compress(TEXT)),
    (b"deflate, gzip", gzip.compress(zlib.compress(TEXT))),
    (b"identity", TEXT),
]


@pytest.mark.parametrize(("coding", "body"), CODED)
def test_coded_requests_are_decoded(shared, coding, body):
    status, _, answer = sent(shared, body, coding)
    assert status == 200
    assert json.loads(answer) == [TEXT.decode(), str(len(TEXT)), None]


@pytest.mark.parametrize(("coding", "body"), CODED[:-1])
def test_what_is_cut_off_or_damaged_is_refused(shared, coding, body):
    assert sent(shared, body[:-3], coding)[0] == 400
    assert sent(shared, b"plain text", coding)[0] == 400


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        (b"gzip", gzip.compress(bytes(1_000_000))),
        (b"deflate", zlib.compress(bytes(1_000_000))),
        (b"br", brotli.compress(bytes(1_000_000))),
        (b"zstd", zstd.compress(bytes(1_000_000))),
    ],
)
def test_a_bomb_is_too_large(shared, coding, bomb):
    assert len(bomb) < 10_000
    assert sent(shared, bomb, coding)[0] == 413


@pytest.mark.parametrize(
    ("coding", "empty"), [(b"gzip", gzip.compress(b"")), (b"zstd", zstd.compress(b""))]
)
def test_the_number_of_streams_in_a_body_is_limited(coding, empty):
    assert decode(empty * 1000, coding.decode(), 10) == b""
    with pytest.raises(CodingError):
        decode(empty * 1001, coding.decode(), 10)


def test_an_unknown_coding_is_refused_and_the_known_ones_named(shared):
    status, headers, _ = sent(shared, b"x", b"compress")
    assert (status, headers["accept-encoding"]) == (415, "gzip, deflate, br, zstd")


def asked(site, path, accepted, method=b"GET"):
    ask = b"%b %b HTTP/1.1\r\nHost: x\r\nAccept-Encoding: %b\r\nConnection: close\r\n\r\n"
    with site.connect() as client, client.makefile("rb") as stream:
        client.sendall(ask % (method, path, accepted))
        head, _, body = stream.read().partition(b"\r\n\r\n")
    lines = [line.partition(b": ") for line in head.split(b"\r\n")[1:]]
    return {name.decode().lower(): value.decode() for name, _, value in lines}, body


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_answers_are_compressed_as_accepted(shared, coding):
    headers, body = asked(shared, b"/text", coding.encode())
    assert headers["content-encoding"] == coding
    assert headers["content-length"] == str(len(body))
    assert len(body) < 100
    assert decode(body, coding, 10_000) == TEXT
    assert (headers["vary"], headers["etag"]) == ("Accept-Encoding", 'W/"1"')
    head, nothing = asked(shared, b"/text", coding.encode(), b"HEAD")
    assert (head["content-length"], nothing) == (headers["content-length"], b"")


def test_caches_are_told_also_where_nothing_is_accepted(shared):
    headers, body = asked(shared, b"/json", b"identity")
    assert body == TEXT
    assert headers["vary"] == "Origin, Accept-Encoding"
    assert "content-encoding" not in headers


@pytest.mark.parametrize("name", ["small", "image", "encoded", "part", "fixed"])
def test_answers_that_stay_as_they_are(shared, name):
    headers, body = asked(shared, f"/{name}".encode(), b"gzip")
    assert body == ANSWERS[name][2]
    assert headers.get("content-encoding") in (None, "x-mine")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", ""),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, br;q=0.9", "gzip"),
        ("GZIP;q=1.0, br;q=0", "gzip"),
        ("*", "zstd"),
        ("*;q=0.5, zstd;q=0, br;q=0.1", "gzip"),
        ("identity, deflate", ""),
        ("gzip;q=0", ""),
        ("gzip;q=nonsense", ""),
    ],
)
def test_the_choice_of_a_coding(accepted, coding):
    assert choose(accepted) == coding


@pytest.mark.parametrize("accepted", ["identity;q=0, gzip", "*;q=0, gzip", "gzip, *;q=0.000"])
@pytest.mark.parametrize("name", ["small", "image"])
def test_one_that_excludes_bodies_without_a_coding_gets_none(shared, name, accepted):
    headers, body = asked(shared, f"/{name}".encode(), accepted.encode())
    assert headers["content-encoding"] == "gzip"
    assert decode(body, "gzip", 10_000) == ANSWERS[name][2]


@pytest.mark.parametrize("accepted", ["identity;q=0", "*;q=0", "identity;q=0.0, deflate, br;q=0"])
def test_one_that_excludes_all_codings_is_told_before_the_service_runs(shared, accepted):
    ask = b"GET /small HTTP/1.1\r\nHost: x\r\nAccept-Encoding: %b\r\n\r\n"
    ((status, _, body),) = shared.raw(ask % accepted.encode())
    assert status == 406
    assert b'"code":"not-acceptable"' in body
    assert refuses_identity(accepted) and not refuses_identity("identity;q=0.1, *;q=0")


def test_compression_may_be_switched_off(sites):
    site = sites(compress_over=0)
    site.add().dispatch = _answer("text/plain", {}, TEXT)
    headers, body = asked(site, b"/test", b"gzip")
    assert (body, "vary" in headers) == (TEXT, False)


def test_an_answer_that_no_format_writes_is_an_error(shared, caplog):
    (answer,) = shared.raw(b"GET /dict HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer[0] == 500
    assert "its channel has no format" in json.loads(answer[2])["detail"]
    assert "returned a dict" in caplog.text
