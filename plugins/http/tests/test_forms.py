"""Forms on HTTP channels: literal bytes of clients, read over a real listener."""

from __future__ import annotations

import gzip
import json
from tempfile import SpooledTemporaryFile
from typing import Any

import pytest
from hansa import Invalid, Model, Refused, Request, Response, Service, load
from hansa.contract.service import Binding
from hansa.plugins.registry import Registry
from hansa.runtime.routes import compile_route
from hansa_http import UploadedFile
from hansa_http.channel import HttpChannel
from hansa_http.forms import FORM, Forms
from hansa_http.multipart_form import IN_MEMORY
from hansa_http.plugin import hansa_wrap
from hansa_http.upload import plain_name
from hansa_json.format import JsonFormat
from pydantic import BaseModel, ConfigDict

SEEN: list[UploadedFile] = []


def described(file: UploadedFile) -> list[object]:
    SEEN.append(file)
    content = file.read()
    assert len(content) == file.size
    return [file.name, file.content_type, content[:40].decode("latin-1"), file.size]


class Claim(Service):
    class Input(Model):
        number: int
        note: str = ""
        tags: list[str] = []
        document: UploadedFile | None = None
        photos: list[UploadedFile] = []

    def handle(self) -> Any:
        given = self.request.input
        if given.note == "fail":
            raise RuntimeError("the service fails")
        return {
            "number": given.number,
            "note": given.note,
            "tags": given.tags,
            "document": given.document and described(given.document),
            "photos": [described(photo) for photo in given.photos],
        }


class Untyped(Service):
    def handle(self) -> Any:
        request = self.request
        form = request.extra.get("form")
        found = {
            name: described(value) if isinstance(value, UploadedFile) else value
            for name, value in (request.input or {}).items()
        }
        return {"input": found, "form": sorted(form or ()), "raw": request.raw.decode()}


class Pydantic(Service):
    class Input(BaseModel):
        model_config = ConfigDict(arbitrary_types_allowed=True)

        number: int
        document: UploadedFile

    def handle(self) -> Any:
        return [self.request.input.number, described(self.request.input.document)]


@pytest.fixture(scope="module")
def shared(shared_sites):
    """One server with channels that read forms, within narrow limits at /narrow."""
    site = shared_sites(max_body=4_000_000)
    forms = Forms(enabled=True)
    narrow = Forms(enabled=True, max_fields=3, max_text=20, max_files=1, max_file=10)
    apart: dict[str, Any] = {"merge_url_params_req": False}
    site.add(Claim, name="claim", url_path="/claim", forms=forms)
    site.add(Claim, name="path", url_path="/claim/{number}", forms=forms)
    site.add(Claim, name="apart", url_path="/apart", forms=forms, **apart)
    site.add(Claim, name="narrow", url_path="/narrow", forms=narrow)
    site.add(Untyped, name="untyped", url_path="/untyped", forms=forms)
    site.add(Untyped, name="bare", url_path="/bare", forms=forms, format="")
    site.add(Pydantic, name="pydantic", url_path="/pydantic", forms=forms)
    return site


def sent(site, path, content_type, body, *headers):
    """Send one request as bytes; returns the status and what the JSON of the answer says."""
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Type: {content_type}", *headers]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
    (answer,) = site.raw(head.encode() + body)
    return answer[0], json.loads(answer[2])


def part(name: str, value: bytes, *more: str, filename: str | None = None) -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    lines = [f'Content-Disposition: form-data; name="{name}"{file}', *more, "", ""]
    return b"--b\r\n" + "\r\n".join(lines).encode() + value + b"\r\n"


def multipart(site, *parts: bytes, path: str = "/claim") -> Any:
    return sent(site, path, "multipart/form-data; boundary=b", b"".join(parts) + b"--b--\r\n")


NUMBER = part("number", b"7")

# -- what clients send -----------------------------------------------------------------------------

CURL = (
    b"--------------------------d74496d66958873e\r\n"
    b'Content-Disposition: form-data; name="number"\r\n\r\n7\r\n'
    b"--------------------------d74496d66958873e\r\n"
    b'Content-Disposition: form-data; name="document"; filename="scan 1.pdf"\r\n'
    b"Content-Type: application/pdf\r\n\r\n%PDF-1.7\r\n\x00\xff\r\n--\r\n\r\n"
    b"--------------------------d74496d66958873e--\r\n"
)
CHROMIUM = (
    b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
    b'Content-Disposition: form-data; name="number"\r\n\r\n7\r\n'
    b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
    b'Content-Disposition: form-data; name="note"\r\n\r\nz\xc3\xa9ro\r\nline\r\n'
    b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
    b'Content-Disposition: form-data; name="photos"; filename="a%22b.png"\r\n'
    b"Content-Type: image/png\r\n\r\n1\r\n"
    b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
    b'Content-Disposition: form-data; name="photos"; filename="\xc5\xbc.png"\r\n'
    b"Content-Type: image/png\r\n\r\n\r\n"
    b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
    b'Content-Disposition: form-data; name="document"; filename=""\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n\r\n"
    b"------WebKitFormBoundary7MA4YWxkTrZu0gW--\r\n"
)


def test_a_form_of_curl(shared):
    content_type = "multipart/form-data; boundary=------------------------d74496d66958873e"
    status, found = sent(shared, "/claim", content_type, CURL)
    content = "%PDF-1.7\r\n\x00\xff\r\n--\r\n"
    expected = ["scan 1.pdf", "application/pdf", content, len(content)]
    assert (status, found["number"], found["document"]) == (200, 7, expected)
    assert SEEN[-1].stream.closed


def test_a_form_of_a_browser_with_a_file_field_left_empty(shared):
    content_type = "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW"
    status, found = sent(shared, "/claim", content_type, CHROMIUM)
    assert status == 200
    assert (found["note"], found["document"]) == ("zéro\r\nline", None)
    assert found["photos"] == [['a"b.png', "image/png", "1", 1], ["ż.png", "image/png", "", 0]]


@pytest.mark.parametrize(
    ("content_type", "body", "note"),
    [
        (FORM, b"number=7&note=a+b%20c%26&tags=x", "a b c&"),
        (FORM.upper(), b"tags=x&note=z%C3%A9&number=7", "zé"),
        (f"{FORM}; charset=utf-8", "note=zé&number=7&tags=x".encode(), "zé"),
        (f"{FORM};charset=ISO-8859-1", b"note=z%E9\xe9&number=7&tags=x", "zéé"),
    ],
)
def test_a_form_without_files(shared, content_type, body, note):
    status, found = sent(shared, "/claim", content_type, body)
    assert (status, found["number"], found["note"], found["tags"]) == (200, 7, note, ["x"])


def test_repeated_fields_are_lists_where_lists_are_declared(shared):
    assert multipart(shared, NUMBER, part("tags", b"a"), part("tags", b"b"))[1]["tags"] == [
        "a",
        "b",
    ]
    status, found = multipart(shared, NUMBER, part("note", b"a"), part("note", b"b"))
    assert (status, found["errors"]) == (400, {"note": "given 2 times, and takes one value"})
    status, found = sent(shared, "/claim", FORM, b"number=x&tags=a")
    assert (status, list(found["errors"])) == (400, ["number"])


def test_path_and_query_take_precedence(shared):
    status, found = sent(shared, "/claim/5?note=query", FORM, b"number=7&note=form&tags=form")
    assert (status, found["number"], found["note"], found["tags"]) == (200, 5, "query", ["form"])
    status, found = sent(shared, "/apart?note=query", FORM, b"number=7&note=form")
    assert (status, found["number"], found["note"]) == (200, 7, "form")


@pytest.mark.parametrize("path", ["/untyped", "/bare"])
def test_a_service_without_a_declared_input(shared, path):
    status, found = multipart(shared, NUMBER, part("scan", b"x", filename="a"), path=path)
    file = ["a", "application/octet-stream", "x", 1]
    expected = {"input": {"number": "7", "scan": file}, "form": ["number", "scan"], "raw": ""}
    if path == "/bare":  # a channel without a format writes no objects
        assert status == 500
        return
    assert (status, found) == (200, expected)
    assert sent(shared, path, FORM, b"")[1] == {"input": {}, "form": [], "raw": ""}
    assert sent(shared, path, "application/json", b'{"a": "1"}')[1]["input"] == {"a": "1"}


def test_a_pydantic_input_with_a_file(shared):
    status, found = multipart(
        shared, NUMBER, part("document", b"x", filename="a"), path="/pydantic"
    )
    assert (status, found) == (200, [7, ["a", "application/octet-stream", "x", 1]])
    status, found = multipart(shared, part("document", b"x", filename="a"), path="/pydantic")
    assert (status, list(found["errors"])) == (400, ["number"])


def test_a_file_and_a_text_are_not_taken_for_each_other(shared):
    status, found = multipart(shared, NUMBER, part("document", b"text"))
    assert (status, list(found["errors"])) == (400, ["document"])
    assert "Expected a file of a form" in found["errors"]["document"]
    status, found = multipart(shared, NUMBER, part("note", b"x", filename="a"))
    assert (status, list(found["errors"])) == (400, ["note"])
    status, found = sent(shared, "/claim", "application/json", b'{"number": 7, "document": "x"}')
    assert (status, list(found["errors"])) == (400, ["document"])
    assert sent(shared, "/claim", "application/json", b'{"number": 7}')[0] == 200


def test_a_compressed_form(shared):
    body = gzip.compress(NUMBER + b"--b--\r\n")
    content_type = "multipart/form-data; boundary=b"
    assert sent(shared, "/claim", content_type, body, "Content-Encoding: gzip")[0] == 200


@pytest.mark.parametrize(
    ("parts", "note"),
    [
        ([part("note", b"z\xe9", "Content-Type: text/plain; charset=iso-8859-1")], "zé"),
        ([part("_charset_", b"iso-8859-1"), part("note", b"z\xe9")], "zé"),
        ([part("note", b"z\xc3\xa9"), part("_charset_", b"UTF-8")], "zé"),
        ([part("_charset_", b""), part("note", b"z\xc3\xa9")], "zé"),
        ([part("note", b"a", "Content-Transfer-Encoding: 8bit", "X-Other: x")], "a"),
    ],
)
def test_the_charset_of_a_field(shared, parts, note):
    status, found = multipart(shared, NUMBER, *parts)
    assert (status, found["note"]) == (200, note)


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('filename="C:\\\\Users\\\\me\\\\scan.pdf"', "scan.pdf"),
        ('filename="../../etc/passwd"', "passwd"),
        ('filename="a\tb\x7f.txt"', "ab.txt"),
        ("filename=plain.txt", "plain.txt"),
        ("filename*=UTF-8''z%C3%A9.txt", "zé.txt"),
        ('filename=".."', ""),
    ],
)
def test_names_of_files_have_no_folders(shared, disposition, name):
    file = f'--b\r\nContent-Disposition: form-data; name="document"; {disposition}\r\n\r\nx\r\n'
    status, found = multipart(shared, NUMBER, file.encode())
    assert (status, found["document"][:1]) == (200, [name])


def test_names_of_files_are_cut_to_what_file_systems_take():
    assert plain_name("ż" * 300 + ".pdf") == "ż" * 125 + ".pdf"
    assert plain_name("a\u202egpj.exe") == "agpj.exe"
    assert plain_name("x/") == ""


# -- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "setting"),
    [
        ([NUMBER] * 4, "max_fields"),
        ([part("note", b"x" * 21)], "max_text"),
        ([part("note", b"x" * 11), part("tags", b"x" * 10)], "max_text"),
        ([part("photos", b"x", filename="a")] * 2, "max_files"),
        ([part("document", b"x" * 11, filename="a")], "max_file"),
    ],
)
def test_what_is_beyond_a_limit_is_too_large_and_the_setting_is_named(shared, parts, setting):
    status, found = multipart(shared, *parts, path="/narrow")
    assert (status, found["code"]) == (413, "too-large")
    assert f"(setting forms.{setting})" in found["detail"]


@pytest.mark.parametrize(
    ("body", "setting"), [(b"a&b&c&d", "max_fields"), (b"number=7&note=" + b"x" * 7, "max_text")]
)
def test_limits_of_a_form_without_files(shared, body, setting):
    status, found = sent(shared, "/narrow", FORM, body)
    assert status == 413
    assert f"(setting forms.{setting})" in found["detail"]


def test_what_is_within_the_limits_is_taken(shared):
    file = part("document", b"x" * 10, filename="a")
    assert multipart(shared, NUMBER, part("note", b"x" * 19), file, path="/narrow")[0] == 200
    assert sent(shared, "/narrow", FORM, b"number=7&note=xxxxxx")[0] == 200


def test_large_files_are_on_disk_and_no_file_is_left(shared):
    content = bytes(range(256)) * (IN_MEMORY // 256 + 1)
    file = part("document", content, filename="a")
    SEEN.clear()
    status, found = multipart(shared, NUMBER, file, part("photos", b"x", filename="b"))
    assert (status, found["document"][3]) == (200, len(content))
    on_disk = [getattr(file.stream, "_rolled") for file in SEEN]  # noqa: B009 - not public
    assert on_disk == [True, False]
    assert all(file.stream.closed for file in SEEN)


# -- faults ----------------------------------------------------------------------------------------

SAID = [
    (b"", "multipart/form-data", "needs a boundary"),
    (b"", "multipart/form-data; boundary=" + "b" * 71, "needs a boundary"),
    (b"", 'multipart/form-data; boundary="ż"', "needs a boundary"),
    (NUMBER, "", "unexpected end of multipart stream"),
    (NUMBER[:-4], "", "unexpected end of multipart stream"),
    (b"number=7", "", "unexpected end of multipart stream"),
    (b"x" + NUMBER + b"--b--\r\n", "", "unexpected byte in front of first boundary"),
    (b"--b\nA: b\n\n7\n--b--\n", "", "invalid line break"),
    (b"--b\r\n\r\n7\r\n--b--\r\n", "", "missing Content-Disposition"),
    (b"--b\r\nContent-Disposition: form-data\r\n\r\n7\r\n--b--\r\n", "", "has no name"),
    (b'--b\r\nContent-Disposition: file; name="a"\r\n\r\n7\r\n--b--\r\n', "", "wrong type"),
    (b"--b\r\nno header\r\n\r\n7\r\n--b--\r\n", "", "malformed segment header"),
    (
        part("a", b"7", 'Content-Disposition: form-data; name="b"') + b"--b--\r\n",
        "",
        "the header Content-Disposition twice",
    ),
    (
        part("a", b"7", "Content-Type: text/plain", "Content-Type: text/html") + b"--b--\r\n",
        "",
        "the header Content-Type twice",
    ),
    (
        b'--b\r\nContent-Disposition: form-data; name="a"; name="b"\r\n\r\n7\r\n--b--\r\n',
        "",
        "a parameter of its Content-Disposition twice",
    ),
    (
        part("a", b"Nw==", "Content-Transfer-Encoding: base64") + b"--b--\r\n",
        "",
        "transfer encoding 'base64'",
    ),
    (
        part("a", b"", "Content-Type: multipart/mixed; boundary=c") + b"--b--\r\n",
        "",
        "has parts itself",
    ),
    (
        b'--b\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n7\r\n--b--\r\n',
        "",
        "segment header failed to decode",
    ),
    (part("a\0b", b"7") + b"--b--\r\n", "", "NUL character"),
    (part("a", b"\xff") + b"--b--\r\n", "", "a: is not valid utf-8"),
    (part("a", b"7", "Content-Type: text/plain; charset=x") + b"--b--\r\n", "", "a: the charset"),
    (part("_charset_", b"base64") + b"--b--\r\n", "", "_charset_: is not a charset"),
    (part("a", b"7", "Content-Length: 2") + b"--b--\r\n", "", "does not match Content-Length"),
    (part("a", b"7", "X: " + "x" * 1_000_000) + b"--b--\r\n", "", "header length exceeded"),
    (part("a", b"7", *["X: x"] * 9) + b"--b--\r\n", "", "header count exceeded"),
    (b"a=%", FORM, "the form has a %"),
    (b"a=%FF", FORM, "the form is not valid UTF-8"),
    (b"a%00=1", FORM, "NUL character"),
    (b"a=1", f"{FORM}; charset=none-such", "charset 'none-such'"),
]


@pytest.mark.parametrize(("body", "content_type", "detail"), SAID)
def test_what_is_wrong_with_a_form_is_said(shared, body, content_type, detail):
    content_type = content_type or "multipart/form-data; boundary=b"
    status, found = sent(shared, "/claim", content_type, body or b"x")
    assert status == 400
    assert detail.lower() in found["detail"].lower()


def test_files_are_closed_also_after_errors(shared, monkeypatch):
    opened: list[Any] = []

    def remember(**options: Any) -> Any:
        opened.append(SpooledTemporaryFile(**options))  # noqa: SIM115 - the form closes it
        return opened[-1]

    monkeypatch.setattr("hansa_http.multipart_form.SpooledTemporaryFile", remember)
    file = part("document", bytes(IN_MEMORY + 1), filename="a")
    assert multipart(shared, NUMBER, part("note", b"fail"), file)[0] == 500
    assert multipart(shared, file)[0] == 400
    assert multipart(shared, file, b"--b\r\nno header\r\n\r\n")[0] == 400
    assert multipart(shared, file, *[NUMBER] * 1001)[0] == 413
    assert [one.closed for one in opened] == [True] * 4


# -- before and beside -----------------------------------------------------------------------------


def test_a_caller_who_is_refused_has_no_form_read(sites):
    def refuse(request: Request) -> object:
        raise Refused("who are you?")

    site = sites()
    channel = site.add(Claim, forms=Forms(enabled=True))
    channel.dispatch = compile_route(
        Binding("test", site.server, None, "test", "http", channel.config),
        Claim,
        channel=channel,
        authenticators=[refuse],
        wraps=[lambda channel, service, call: hansa_wrap(channel, call)],
    )
    (answer,) = site.raw(
        b"POST /test HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data\r\n"
        b"Content-Length: 1\r\n\r\nx"
    )
    assert answer[0] == 401


def at_the_route(content: bytes, content_type: str, **settings: object) -> Request:
    """The request as a channel dispatches it; without `forms` the channel reads none."""
    registry = Registry()
    registry.add_types("http", [HttpChannel])
    registry.add_types("json", [JsonFormat])
    given = {"service": "s.s", "url_path": "/s", "format": "json", **settings}
    config: Any = load(registry.type("channel", "http").model, given)
    server: Any = type("Server", (), {"registry": registry})()
    channel = HttpChannel("s", config, server)
    dispatched: list[Request] = []

    def dispatch(request: Request) -> Response:
        dispatched.append(request)
        return Response()

    channel.dispatch = dispatch
    channel.answer(Request(content, environ={"CONTENT_TYPE": content_type}))
    return dispatched[0]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data; boundary=b", NUMBER + b"--b--\r\n"),
        ("Multipart/Form-Data; boundary=b", b"x"),
        (FORM, b"number=7"),
        (FORM, b"a b=%7B"),
        (f"{FORM}; charset=utf-8", b'number=7&note={"a":1}'),
    ],
)
def test_a_channel_that_reads_no_forms_says_what_it_reads(content_type, body):
    fault: Any = at_the_route(body, content_type).fault
    assert (fault.status, fault.code) == (415, "unsupported-media-type")
    assert fault.headers == {"Accept": "application/json, text/json"}
    assert "forms.enabled" in fault.detail
    assert at_the_route(body, content_type, format="").fault is None
    assert at_the_route(body, content_type, forms={"enabled": True}).fault is None


@pytest.mark.parametrize("body", [b'{"number": 7}', b' [1, "a=b"]', b"7", b'<a b="c"/>', b'"a=b"'])
def test_what_clients_wrongly_call_a_form_is_left_to_the_format(body):
    """`curl -d` says so of any content."""
    assert at_the_route(body, FORM).fault is None


def test_the_settings_are_checked_by_name():
    with pytest.raises(Invalid) as caught:
        at_the_route(b"", "", forms={"enabled": True, "max_fields": 0, "max_parts": 1})
    assert caught.value.errors.keys() == {"forms.max_fields", "forms.max_parts"}
