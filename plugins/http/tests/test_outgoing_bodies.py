"""Bodies of outgoing HTTP: what is sent is what its headers say, forms and files included."""

from __future__ import annotations

import gzip
import io

import brotli
import falcon
import falcon.testing
import pytest
from backports import zstd
from hansa import Invalid
from hansa_http import UploadedFile
from hansa_http.coding import decode
from hansa_xml.format import XmlFormat

from plugins.http.tests.scripted_peer import answer, scripted

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def post(connections):
    """Send one body by a new connection; returns the headers, lower-case, and the body as sent."""

    def send(data=None, content_type="", *, files=None, headers=None, **settings):
        with scripted(answer(200)) as (address, seen):
            outgoing = connections(address, **settings)
            outgoing.server.registry.add_types("xml", [XmlFormat])
            given = dict(headers or {})
            if content_type:
                given["Content-Type"] = content_type
            outgoing.post(data, files=files, headers=given)
        head, _, body = seen[0].partition(b"\r\n\r\n")
        found = {}
        for line in head.decode("latin-1").split("\r\n")[1:]:
            name, _, value = line.partition(": ")
            assert name.lower() not in found, "a header is sent twice"
            found[name.lower()] = value
        return found, body

    return send


@pytest.mark.parametrize(
    ("data", "content_type", "body"),
    [
        ("zé", "text/plain; charset=iso-8859-1", b"z\xe9"),
        ("zé", 'text/plain; charset="UTF-8"', b"z\xc3\xa9"),
        ("zé", "text/plain", b"z\xc3\xa9"),
        (b"z\xe9", "text/plain; charset=utf-8", b"z\xe9"),
        ({"a": "é"}, "application/json; charset=iso-8859-1", b'{"a":"\xe9"}'),
        ({"a": "é"}, "application/vnd.x+json", b'{"a":"\xc3\xa9"}'),
        (
            '<?xml version="1.0" encoding="iso-8859-2"?><a>é</a>',
            "text/xml",
            b'<?xml version="1.0" encoding="utf-8"?><a>\xc3\xa9</a>',
        ),
        (
            {"a": "é"},
            "text/xml; charset=iso-8859-1",
            b'<?xml version="1.0" encoding="iso-8859-1"?>\n<response><a>\xe9</a></response>',
        ),
        (
            {"a": True, "b": [1, False], "c": None, "d": "x y&é"},
            FORM,
            b"a=true&b=1&b=false&d=x+y%26%C3%A9",
        ),
        ({"d": "é"}, f"{FORM}; charset=iso-8859-1", b"d=%E9"),
        ({"a": 1}, FORM.upper(), b"a=1"),
    ],
)
def test_label_and_body_agree(post, data, content_type, body):
    headers, sent = post(data, content_type, format="json")
    assert (headers["content-type"], sent) == (content_type, body)


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        ("♥", "text/plain; charset=iso-8859-1"),
        ("a", "text/plain; charset=nonsense"),
        ({"a": {"b": 1}}, FORM),
        ("♥".join("ab").split(), FORM),
        ({"a": 1}, "multipart/mixed"),
    ],
)
def test_what_cannot_agree_is_refused(connections, data, content_type):
    with pytest.raises(Invalid, match="outgoing http 'peer': the body cannot be written"):
        connections("http://127.0.0.1:1", format="json").post(
            data, headers={"Content-Type": content_type}
        )


def test_a_header_of_a_call_replaces_one_of_the_connection(connections):
    with scripted(answer(200)) as (address, seen):
        outgoing = connections(address, headers={"content-type": "text/csv", "X-A": "1"})
        outgoing.post("a", headers={"Content-Type": "text/plain", "x-a": "2"})
    head = seen[0].lower()
    assert head.count(b"content-type:") == head.count(b"x-a:") == 1
    assert b"\r\nx-a: 2\r\n" in head


# -- forms with files ------------------------------------------------------------------------------


class Received:
    """A resource of another HTTP implementation, which keeps the form that it was sent."""

    def on_post(self, request, response):
        self.parts = []
        for part in request.get_media():
            self.parts.append((part.name, part.filename, part.content_type, part.get_data()))


def parts_of(content_type, body):
    application = falcon.App()
    received = Received()
    application.add_route("/", received)
    client = falcon.testing.TestClient(application)
    client.simulate_post("/", body=body, headers={"Content-Type": content_type})
    return received.parts


def test_fields_and_files_are_a_form_with_a_boundary(post):
    headers, body = post(
        {"a": True, "b": [1, "é"], "none": None},
        files={
            "one": ('r"é.csv', b"1;2\r\n", "text/csv"),
            "many": [("x.bin", io.BytesIO(b"\x00\xff")), ("y.txt", b"y")],
        },
    )
    assert headers["content-type"].startswith("multipart/form-data; boundary=")
    assert headers["content-length"] == str(len(body))
    assert parts_of(headers["content-type"], body) == [
        ("a", None, "text/plain", b"true"),
        ("b", None, "text/plain", b"1"),
        ("b", None, "text/plain", "é".encode()),
        ("one", "r%22é.csv", "text/csv", b"1;2\r\n"),
        ("many", "x.bin", "application/octet-stream", b"\x00\xff"),
        ("many", "y.txt", "text/plain", b"y"),
    ]


def test_fields_alone_can_be_multipart_too(post):
    headers, body = post({"a": 1}, "multipart/form-data")
    assert parts_of(headers["content-type"], body) == [("a", None, "text/plain", b"1")]
    headers, body = post({"a": 1}, "multipart/form-data; boundary=xyz")
    assert headers["content-type"] == "multipart/form-data; boundary=xyz"
    assert body == b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--xyz--\r\n'


def test_files_that_cannot_be_sent_are_refused(connections):
    outgoing = connections("http://127.0.0.1:1")
    with pytest.raises(Invalid, match="files are sent as multipart/form-data, not as text/csv"):
        outgoing.post(files={"a": b"1"}, headers={"content-type": "text/csv"})
    with pytest.raises(Invalid, match="BytesIO"):
        outgoing.post(files={"a": ("a.txt", io.StringIO("text"))})


# -- content codings -------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_bodies_are_compressed_where_the_setting_says_so(post, coding):
    headers, body = post({"a": "x" * 5000}, format="json", compression=coding)
    assert headers["content-encoding"] == coding
    assert headers["content-length"] == str(len(body))
    assert len(body) < 200
    assert decode(body, coding, 10_000) == b'{"a":"' + b"x" * 5000 + b'"}'


def test_a_coding_named_in_a_header_is_applied_unless_the_caller_did(post):
    headers, body = post("text", headers={"content-encoding": "gzip, zstd"}, compression="br")
    assert headers["content-encoding"] == "gzip, zstd"
    assert gzip.decompress(zstd.decompress(body)) == b"text"
    ready = brotli.compress(b"text")
    headers, body = post(ready, headers={"Content-Encoding": "br"}, compression="gzip")
    assert (headers["content-encoding"], body) == ("br", ready)
    headers, body = post(compression="gzip")
    assert "content-encoding" not in headers
    with pytest.raises(Invalid, match="'rot13' is not supported"):
        post("text", headers={"Content-Encoding": "rot13"})


# -- sessions --------------------------------------------------------------------------------------


def test_a_session_keeps_cookies_where_the_setting_says_so(connections):
    scripts = [answer(200, Set_Cookie="sid=1; Path=/; HttpOnly"), answer(200), answer(200)]
    with scripted(*scripts) as (address, seen):
        outgoing = connections(address, cookies=True)
        outgoing.get()
        outgoing.get()
        outgoing.get(headers={"Cookie": "own=2"})
    assert b"ookie" not in seen[0]
    assert b"\r\nCookie: sid=1\r\n" in seen[1]
    assert b"\r\nCookie: own=2\r\n" in seen[2]
    assert b"sid=1" not in seen[2]


def test_an_uploaded_file_is_passed_on_whole(post):
    named = UploadedFile("a.txt", "text/plain", 3, io.BytesIO(b"abc"))
    assert named.read(2) == b"ab"
    nameless = UploadedFile("", "image/png", 1, io.BytesIO(b"x"))
    _, body = post({"id": 7}, files={"scan": [named, nameless]})
    assert b'; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nabc\r\n' in body
    assert b'; filename="file"\r\nContent-Type: image/png\r\n\r\nx\r\n' in body
