"""Answers of outgoing HTTP: content codings to their end, charsets, formats, and errors that keep
a back end's address to themselves.
"""

from __future__ import annotations

import gzip
import logging
import zlib

import brotli
import pytest
from backports import zstd
from hansa import HansaError, Invalid, Unavailable
from hansa_http.response import BadAnswer
from hansa_soap.format import SoapFormat
from hansa_xml.format import XmlFormat

from plugins.http.tests.scripted_peer import answer, scripted

BODY = b'{"n": [' + b", ".join(b"%d" % number for number in range(500)) + b"]}"


def bare_deflate(content):
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(content) + compressor.flush()


CODED = [
    ("gzip", gzip.compress(BODY)),
    ("x-gzip", gzip.compress(BODY)),
    ("GZip", gzip.compress(BODY[:1000]) + gzip.compress(BODY[1000:])),
    ("deflate", zlib.compress(BODY)),
    ("deflate", bare_deflate(BODY)),
    ("br", brotli.compress(BODY)),
    ("zstd", zstd.compress(BODY)),
    ("zstd", zstd.compress(BODY[:1000]) + zstd.compress(BODY[1000:])),
    ("gzip, identity, br", brotli.compress(gzip.compress(BODY))),
]


def test_coded_answers_are_decoded_to_their_end(connections):
    scripts = [answer(200, content, Content_Encoding=coding) for coding, content in CODED]
    with scripted(*scripts) as (address, seen):
        outgoing = connections(address)
        for coding, _ in CODED:
            assert outgoing.get().content == BODY, coding
        assert b"\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" in seen[0]


def test_a_coded_answer_that_is_cut_off_or_damaged_is_an_error(connections):
    cases = []
    for coding, content in CODED:
        cases.append((coding, content[:10]))
        cases.append((coding, content[:-12]))
        cases.append((coding, content[:-1]))
        cases.append((coding, content + b"more"))
    scripts = [answer(200, content, Content_Encoding=coding) for coding, content in cases]
    with scripted(*scripts) as (address, _):
        outgoing = connections(address)
        for coding, content in cases:
            with pytest.raises(BadAnswer, match="cannot be decoded"):
                pytest.fail(f"{coding} {content[-20:]!r}: {outgoing.get().content!r}")


def test_decoded_answers_have_a_limit_and_some_are_not_decoded(connections):
    bomb = b"\0" * 1_000_000
    with scripted(
        answer(200, brotli.compress(bomb), Content_Encoding="br"),
        answer(200, zstd.compress(bomb), Content_Encoding="zstd"),
        answer(200, zlib.compress(bomb), Content_Encoding="deflate"),
        answer(200, b"as it is", Content_Encoding="rot13"),
        answer(206, b"a part", Content_Encoding="gzip"),
        answer(200, b"", Content_Encoding="gzip"),
    ) as (address, _):
        outgoing = connections(address, max_response=2000)
        for _ in range(3):
            with pytest.raises(BadAnswer, match="larger than 2000"):
                outgoing.get()
        assert outgoing.get().content == b"as it is"
        assert outgoing.get().content == b"a part"
        assert outgoing.get().content == b""


LATIN_1 = '<?xml version="1.0" encoding="ISO-8859-1"?><a>zé</a>'


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("text/xml; charset=ISO-8859-1", "<a>zé</a>".encode("latin-1")),
        ("application/xml; charset=iso-8859-1", LATIN_1.encode("latin-1")),
        ("text/xml; charset=utf-8", LATIN_1.encode()),
        ("text/xml; charset=utf-8", b"\xef\xbb\xbf<a>z\xc3\xa9</a>"),
        ("text/xml; charset=iso-8859-1", b"\xef\xbb\xbf<a>z\xc3\xa9</a>"),
        ("text/xml", LATIN_1.encode("latin-1")),
        ('application/x+xml; charset="utf-16"', LATIN_1.encode("utf-16")),
    ],
)
def test_the_charset_of_xml_is_the_one_of_its_header(connections, content_type, content):
    with scripted(answer(200, content, Content_Type=content_type)) as (address, _):
        outgoing = connections(address, format="json")
        outgoing.server.registry.add_types("xml", [XmlFormat])
        assert outgoing.get().data.text == "zé"


def test_the_charset_of_other_answers_counts_too(connections):
    with scripted(
        answer(200, '{"a": "é"}'.encode("latin-1"), Content_Type="application/json;charset=latin1"),
        answer(200, "é".encode("latin-1"), Content_Type="text/csv;charset=ISO-8859-1"),
        answer(200, b'"\xff"', Content_Type="application/json; charset=us-ascii"),
        answer(200, b'"a"', Content_Type="application/json; charset=base64"),
    ) as (address, _):
        outgoing = connections(address)
        found = outgoing.get()
        assert (found.data, found.json()) == ({"a": "é"}, {"a": "é"})
        assert outgoing.get().data == "é"
        with pytest.raises(BadAnswer, match="not valid ascii"):
            outgoing.get().json()
        with pytest.raises(BadAnswer, match="'base64' of the content type is not known"):
            _ = outgoing.get().data


def test_the_connection_s_own_format_reads_what_others_claim_too(connections):
    script = answer(200, b"<a>1</a>", Content_Type="text/xml")
    with scripted(script) as (address, _):
        for own in ("xml", "json", ""):
            outgoing = connections(address, format=own)
            outgoing.server.registry.add_types("soap", [SoapFormat])
            outgoing.server.registry.add_types("xml", [XmlFormat])
            assert outgoing.get().data.text == "1", own
        outgoing = connections(address, format="soap")
        outgoing.server.registry.add_types("soap", [SoapFormat])
        outgoing.server.registry.add_types("xml", [XmlFormat])
        with pytest.raises(BadAnswer, match="Envelope"):
            _ = outgoing.get().data


# -- what callers learn ----------------------------------------------------------------------------


def breaks(client, stop):
    """Close the connection without an answer."""


def test_errors_name_the_connection_and_never_its_address(connections, caplog):
    caplog.set_level(logging.DEBUG, "hansa")
    key = {"api_key": "S3CRET"}
    long = b"x" * 100_000
    scripts = [
        answer(500),
        answer(302, Location="http://elsewhere.invalid/a?api_key=S3CRET"),
        answer(200, b"{", Content_Type="application/json"),
        answer(200, b"{", Content_Type="application/json"),
        answer(200, b"{", Content_Encoding="gzip"),
        answer(200, b"x" * 2000),
        lambda client, stop: client.sendall(b"HTTP/9 " + long),
        breaks,
    ]
    with scripted(*scripts) as (address, _):
        outgoing = connections(address, url_path="/secret", max_response=1000, retries=0)
        details = []
        for use in (
            lambda: outgoing.get(key).raise_for_status(),
            lambda: outgoing.get(key).raise_for_status(),
            lambda: outgoing.get(key).json(),
            lambda: outgoing.get(key).data,
            lambda: outgoing.get(key),
            lambda: outgoing.get(key),
            lambda: outgoing.get(key),
            lambda: outgoing.get(key),
            lambda: outgoing.get(key, headers={"Authorization": "S3CRET\n"}),
            lambda: outgoing.get(key, headers={"Authorization": " S3CRET "}),
            lambda: outgoing.request("G T", None, key),
        ):
            with pytest.raises(HansaError) as caught:
                use()
            assert "outgoing http 'peer'" in caught.value.detail
            details.append(caught.value.detail)
    outgoing = connections(
        "http://no-such-host.invalid", url_path="/secret", retries=1, retry_delay=0
    )
    with pytest.raises(Unavailable) as caught:
        outgoing.get(key)
    details.append(caught.value.detail)
    for detail in details:
        for hidden in ("S3CRET", "127.0.0.1", "invalid/", "no-such-host", "/secret", "xxxx"):
            assert hidden not in detail
    assert "S3CRET" not in caplog.text
    assert "GET http://no-such-host.invalid/secret failed" in caplog.text


def test_a_ping_tells_its_administrator_the_reason(connections):
    with pytest.raises(Unavailable, match=r"cannot be reached \(no-such-host.invalid cannot be"):
        connections("http://no-such-host.invalid").ping()


def test_a_header_that_cannot_be_sent_is_named(connections):
    outgoing = connections("http://127.0.0.1:1")
    with pytest.raises(Invalid, match="cannot be sent: the value of the header X-A is not valid"):
        outgoing.get(headers={"X-A": "b\r\nX-Evil: 1"})
    with pytest.raises(Invalid, match="cannot be sent: 'X A' is not a valid name"):
        outgoing.get(headers={"X A": "b"})
