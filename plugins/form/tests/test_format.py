"""Forms: what clients send and what is written, with literal bytes."""

from __future__ import annotations

import enum
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hansa import Invalid, Model, Secret, TooLarge, load
from hansa_form import FormFile
from hansa_form.format import FormFormat
from hansa_form.settings import FormSettings
from hansa_http import UploadedFile
from hansa_http.content import BodyWriter
from hypothesis import example, given, strategies as some
from multipart import MultipartParser
from pydantic import BaseModel

FORM: Any = FormFormat()


def form(**settings):
    return FormFormat(SimpleNamespace(form=load(FormSettings, settings)))


class Claim(Model):
    number: int
    amount: Decimal = Decimal(0)
    due: date | None = None
    urgent: bool = False
    note: str = ""
    tags: list[str] = []
    document: UploadedFile | None = None


# a browser, as the HTML Standard (4.10.22.8) has it: percent signs for quotes and line ends
OF_BROWSER = (
    b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
    b'Content-Disposition: form-data; name="number"\r\n\r\n'
    b"7\r\n"
    b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
    b'Content-Disposition: form-data; name="urgent"\r\n\r\n'
    b"on\r\n"
    b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
    b'Content-Disposition: form-data; name="due"\r\n\r\n'
    b"\r\n"
    b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
    b'Content-Disposition: form-data; name="tags"\r\n\r\n'
    b"two\r\nlines\r\n"
    b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
    b'Content-Disposition: form-data; name="document"; filename="a %22b%22 \xc3\xb6.pdf"\r\n'
    b"Content-Type: application/pdf\r\n\r\n"
    b"\r\n--\x00\xff\r\n"
    b"------WebKitFormBoundary7MA4YWxkTrZu0gW\r\n"
    b'Content-Disposition: form-data; name="photo"; filename=""\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n\r\n"
    b"------WebKitFormBoundary7MA4YWxkTrZu0gW--\r\n"
)


def test_a_form_of_a_browser():
    claim = FORM.parse(OF_BROWSER, Claim)
    document = FormFile(b"\r\n--\x00\xff", 'a "b" ö.pdf', "application/pdf")
    assert claim == Claim(number=7, urgent=True, tags=["two\r\nlines"], document=document)
    assert set(FORM.parse(OF_BROWSER)) == {"number", "urgent", "due", "tags", "document"}


def test_several_values_of_one_name():
    assert FORM.parse(b"a=1&b=2&a=3&a=") == {"a": ["1", "3", ""], "b": "2"}
    assert FORM.parse(b"number=1&tags=x", Claim) == Claim(number=1, tags=["x"])
    with pytest.raises(Invalid) as caught:
        FORM.parse(b"number=1&number=2", Claim)
    assert caught.value.errors == {"number": "given 2 times, and takes one value"}


def test_all_faults_are_told_by_field():
    with pytest.raises(Invalid) as caught:
        FORM.parse(b"amount=x&due=2026-13-01&document=text", Claim)
    assert set(caught.value.errors) == {"number", "amount", "due", "document"}


def test_other_types_of_inputs():
    class Pydantic(BaseModel):
        number: int
        tags: list[str] = []

    assert FORM.parse(b"number=1&tags=x", Pydantic) == Pydantic(number=1, tags=["x"])
    assert FORM.parse(b"a=1&b=2", dict[str, int]) == {"a": 1, "b": 2}
    assert FORM.parse(b"") == {}
    with pytest.raises(Invalid, match="no object"):
        FORM.parse(b"a=1", int)


def test_charsets():
    assert form(encoding="cp1252").parse(b"a=%80&b=\xfc") == {"a": "€", "b": "ü"}
    assert form(encoding="cp1252").render({"a": "€ ü"}) == b"a=%80+%FC"
    with pytest.raises(Invalid, match="characters that cp1252 does not have"):
        form(encoding="cp1252").render({"a": "✓"})
    in_parts = form(encoding="cp1252", multipart=True)
    raw = in_parts.render({"ü": "€"})
    assert b'name="\xc3\xbc"\r\nContent-Type: text/plain; charset=cp1252\r\n\r\n\x80\r\n' in raw
    assert FORM.parse(raw) == {"ü": "€"}
    with pytest.raises(Invalid, match="characters that cp1252 does not have"):
        in_parts.render({"a": "✓"})
    said = b'--b\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\niso-8859-1\r\n'
    body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xfc\r\n--b--\r\n'
    assert FORM.parse(said + body)["a"] == "ü"
    with pytest.raises(Invalid):
        FORM.parse(body)


@pytest.mark.parametrize("encoding", ["nope", "utf-16", "hex", ""])
def test_a_charset_that_no_form_can_have_is_refused(encoding):
    with pytest.raises(Invalid) as caught:
        load(FormSettings, {"encoding": encoding})
    assert set(caught.value.errors) == {"encoding"}


FIELD = b'--b\r\nContent-Disposition: form-data; name="a"%s\r\n\r\n%s\r\n'
FILE = b'; filename="x"'


@pytest.mark.parametrize(
    ("limit", "fits", "too_large"),
    [
        ("max_fields", b"a=1&a=2", b"a=1&a=2&a=3"),
        ("max_fields", FIELD % (b"", b"") * 2, FIELD % (b"", b"") * 3),
        ("max_text", b"a=", b"a=1"),
        ("max_text", FIELD % (b"", b"12"), FIELD % (b"", b"123")),
        ("max_files", FIELD % (FILE, b"") * 2, FIELD % (FILE, b"") * 3),
        ("max_file", FIELD % (FILE, b"12"), FIELD % (FILE, b"123")),
    ],
)
def test_limits_are_named(limit, fits, too_large):
    limited = form(**{limit: 2})
    end = b"--b--\r\n" if fits.startswith(b"--") else b""
    assert limited.parse(fits + end)
    with pytest.raises(TooLarge, match=rf"setting form\.{limit}"):
        limited.parse(too_large + end)


def test_a_name_of_a_file_has_no_folder():
    for name in (b"../../etc/passwd", b"C:\\\\temp\\\\passwd", b"/etc/passwd"):
        raw = FIELD % (b'; filename="%s"' % name, b"x") + b"--b--\r\n"
        assert FORM.parse(raw)["a"].name == "passwd"


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    y: float


def test_values_become_texts():
    moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    assert FORM.write(Point(1, 2.5)) == (b"x=1&y=2.5", "application/x-www-form-urlencoded")
    value = {"a b": "=&+%", "at": moment, "key": Secret("hidden"), "no": None, "c": Colour.RED}
    assert FORM.render(value) == b"a+b=%3D%26%2B%25&at=2026-01-02T03%3A04%3A00%2B00%3A00&c=red"
    assert FORM.render({"tags": ["a", "b"], "none": [], "yes": True}) == b"tags=a&tags=b&yes=true"
    assert FORM.render(Claim(number=1)) == b"number=1&amount=0&urgent=false&note="
    assert FORM.render(None) == FORM.render({}) == b""


def test_a_file_makes_it_multipart():
    file = UploadedFile('a "b".pdf', "application/pdf", 3, BytesIO(b"\r\n-"))
    raw, content_type = FORM.write({"n": 1, "file": file})
    boundary = content_type.removeprefix("multipart/form-data; boundary=").encode()
    assert raw == (
        b'--%(b)s\r\nContent-Disposition: form-data; name="n"\r\n\r\n1\r\n'
        b'--%(b)s\r\nContent-Disposition: form-data; name="file"; filename="a %%22b%%22.pdf"\r\n'
        b"Content-Type: application/pdf\r\n\r\n\r\n-\r\n--%(b)s--\r\n" % {b"b": boundary}
    )
    assert raw != FORM.render({"n": 1, "file": file}), "a boundary is used once"
    empty, _ = form(multipart=True).write({})
    assert empty.endswith(b"--\r\n") and FORM.parse(empty) == {}


def test_what_no_form_can_hold_is_refused_by_name():
    value = {"a": {}, "b": b"x", "c": [1, [2]], "d": float("nan"), "e": object(), "f\0": 1, "g": 2}
    with pytest.raises(Invalid) as caught:
        FORM.render(value)
    assert set(caught.value.errors) == {"a", "b", "c", "d", "e", "f\\0"}
    for wrong in ("text", 5, [1], b"a=1"):
        with pytest.raises(Invalid):
            FORM.render(wrong)
    for number in (Decimal("NaN"), Decimal("sNaN"), Decimal("-Infinity"), 10**5000):
        with pytest.raises(Invalid) as caught:
            FORM.render({"n": number})
        assert set(caught.value.errors) == {"n"}
    assert FORM.render({"a": 10**400, "d": Decimal("1E-400")}) == b"a=1%s&d=1E-400" % (b"0" * 400)
    assert FORM.render({"d": Decimal("1E400")}) == b"d=1E%2B400"


def test_no_name_or_type_adds_a_header():
    raw = form(multipart=True).render({'a"; filename="x\r\nX: y': "v"})
    assert raw.count(b"\r\n") == 5 and b'name="a%22; filename=%22x%0D%0AX: y"\r\n\r\nv' in raw
    assert FORM.parse(raw) == {'a"; filename="x\r\nX: y': "v"}
    for content_type in ("a/b\r\nX: y", "a", "", "a/b; c=\0"):
        with pytest.raises(Invalid, match="the content type of its file is none"):
            FORM.render({"a": FormFile(b"", content_type=content_type)})
    for name in ("", "%22"):
        with pytest.raises(Invalid, match="cannot stand in multipart"):
            form(multipart=True).render({name: "x"})
    with pytest.raises(Invalid, match="the name of its file"):
        FORM.render({"a": FormFile(b"", "%0D.pdf")})


@given(some.text(max_size=12), some.text(max_size=12), some.text(max_size=12), some.binary())
@example("_charset_", "x", "a", b"")
def test_what_is_written_has_one_reading(name, value, file_name, content):
    """Whatever the names are, a form is refused, or a recipient finds what was put in."""
    file = FormFile(content, file_name)
    try:
        raw, content_type = FORM.write({name: [value, file]})
    except Invalid:
        return
    boundary = content_type.partition("boundary=")[2]
    parts = list(MultipartParser(BytesIO(raw), boundary, strict=True))
    assert [part.name for part in parts] == [name, name]
    assert parts[0].raw == value.encode() and parts[1].raw == content
    assert parts[1].filename == (file.name or "file")
    for part in parts:
        part.close()


@given(some.dictionaries(some.text(min_size=1), some.text(min_size=1), min_size=1))
def test_the_standard_library_reads_what_is_urlencoded(values):
    try:
        raw = FORM.render(values)
    except Invalid:
        return
    assert dict(parse_qsl(raw.decode(), strict_parsing=True)) == values


PIECES = [
    b"--b",
    b"--b--",
    b"--",
    b"\r\n",
    b"\n",
    b'Content-Disposition: form-data; name="a"',
    b'; filename="x"',
    b"Content-Type: multipart/mixed",
    b"\0",
    b"\xff",
    b"%",
    b"&",
    b"=",
]


@given(some.lists(some.sampled_from(PIECES), max_size=14).map(b"".join))
def test_any_mixture_of_pieces_is_read_or_refused(raw):
    for prefix in (b"", b"--b\r\n"):
        try:
            FORM.parse(prefix + raw)
        except (Invalid, TooLarge):
            pass


def took(raw):
    limited = form(max_fields=100_000, max_text=2**30)
    began = time.perf_counter()
    try:
        limited.parse(raw)
    except Invalid:
        pass
    return time.perf_counter() - began


@pytest.mark.parametrize(
    ("begin", "repeated"),
    [
        (b"--", b"- "),
        (b"--b\r\n", b"--b"),
        (b"", b"%"),
        (b"--b\r\n" + b'Content-Disposition: form-data; name="a"\r\n\r\n', b"\r\n--"),
        (b"--b\r\n" + b'Content-Disposition: form-data; name="a"\r\n\r\n', b"\r\n--b "),
    ],
)
def test_hostile_forms_take_time_in_proportion(begin, repeated):
    small = min(took(begin + repeated * 5_000) for _ in range(3))
    large = min(took(begin + repeated * 50_000) for _ in range(3))
    assert large < 60 * small + 0.05


class Formats:
    """The formats of an outgoing connection whose own is `form`."""

    own = FORM

    def of(self, media_type):
        return None


def test_an_outgoing_connection_names_the_boundary():
    headers: dict[str, str] = {}
    formats: Any = Formats()
    body = BodyWriter("outgoing", formats, "").write({"a": FormFile(b"x")}, None, headers)
    boundary = body.partition(b"\r\n")[0].decode().removeprefix("--")
    assert headers == {"Content-Type": f"multipart/form-data; boundary={boundary}"}
