"""Forms as client libraries write them are what was written; hostile ones take no longer than their
size.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

import httpx2
import pytest
from hansa import Invalid, TooLarge
from hansa_http import UploadedFile
from hansa_http.forms import Forms
from hansa_http.multipart_form import FormValues, MultipartReader
from hypothesis import given, settings, strategies as st
from urllib3.filepost import encode_multipart_formdata

LIMITS = Forms(enabled=True)
characters = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"%\\')
names = st.text(characters, min_size=1).filter(lambda name: name != "_charset_")
texts = st.text(st.characters(exclude_categories=["Cs"]))
contents = st.binary() | st.lists(st.sampled_from([b"\r", b"\n", b"--", b"b"])).map(b"".join)
files = st.dictionaries(names, st.lists(contents, min_size=1, max_size=3), max_size=4)
fields = st.dictionaries(names, st.lists(texts, min_size=1, max_size=3), max_size=4)


def read(body: bytes, content_type: str, limits: Forms = LIMITS) -> FormValues:
    """The form in a body, with the content of files in their places."""
    with ExitStack() as opened:
        found: Any = MultipartReader(limits, opened).read(body, content_type)
        for name, value in found.items():
            several = value if isinstance(value, list) else [value]
            found[name] = [
                one.read() if isinstance(one, UploadedFile) else one.removeprefix("\ufeff")
                for one in several
            ]
        return found


def of_httpx2(parts: list[tuple[str, Any]]) -> tuple[bytes, str]:
    request = httpx2.Request("POST", "http://x", files=parts)
    return request.read(), request.headers["Content-Type"]


@pytest.mark.parametrize("encode", [of_httpx2, encode_multipart_formdata])
@settings(max_examples=60, deadline=None)
@given(fields, files)
def test_what_a_client_writes_is_read(encode, texts, contents):
    expected: dict[str, list[str | bytes]] = {}
    parts: list[tuple[str, Any]] = []
    for name, values in texts.items():
        expected.setdefault(name, []).extend(value.removeprefix("\ufeff") for value in values)
        parts += [(name, (None, value.encode())) for value in values]
    for name, several in contents.items():
        expected.setdefault(name, []).extend(several)
        parts += [(name, ("a.bin", content)) for content in several]
    if parts:
        assert read(*encode(parts)) == expected


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                b"--b",
                b"--",
                b"\r\n",
                b"\r",
                b"\n",
                b"\r\n--b\r\n",
                b'Content-Disposition: form-data; name="a"',
                b'; filename="x"',
                b"Content-Type: text/plain; charset=",
                b"\xff",
                b"\0",
                b": ",
            ]
        ),
        max_size=30,
    ).map(b"".join)
)
def test_any_bytes_are_read_or_invalid(body):
    try:
        read(b"--b\r\n" + body, "multipart/form-data; boundary=b")
    except (Invalid, TooLarge):
        return


def test_where_chunks_are_cut_makes_no_difference():
    """The end of the form at each place around the 64 KiB that are read at once."""
    head = b'--b\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\n'
    for size in range(65536 - len(head) - 12, 65536 - len(head) + 3):
        body = head + b"\r" * size + b"\r\n--b--\r\n"
        assert read(body, "multipart/form-data; boundary=b") == {"a": [b"\r" * size]}


PART = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
HOSTILE = {
    "carriage returns": lambda size: PART + b"\r" * size,
    "half boundaries": lambda size: PART + b"\r\n--" * (size // 4),
    "a preamble": lambda size: b"\r\n--" * (size // 4),
    "many parts": lambda size: PART * (size // len(PART)),
    "quotes": lambda size: (
        PART.replace(b'"a"', b'"a"' + b';a="\\' * 600) * (size // (len(PART) + 3600))
    ),
    "escapes": lambda size: PART.replace(b'"a"', b'"a"' + b'\\"' * 2000) * (size // 4000),
    "extended names": lambda size: (
        PART.replace(b'"a"', b'"a"' + b";filename*=a'" * 300) * (size // 3900)
    ),
    "parameters": lambda size: PART.replace(b'"a"', b'"a"' + b"; a" * 900) * (size // 2700),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_hostile_forms_take_time_in_proportion_to_their_size(make):
    generous = Forms(enabled=True, max_fields=100_000, max_text=2**30)

    def duration(size: int) -> float:
        body = make(size)
        best = float("inf")
        for _ in range(5):
            started = time.thread_time()
            try:
                read(body, "multipart/form-data; boundary=b", generous)
            except (Invalid, TooLarge):
                pass
            best = min(best, time.thread_time() - started)
        return best

    assert duration(800_000) < 30 * max(duration(100_000), 0.0005)


def test_ten_thousand_parts_are_refused_early():
    with pytest.raises(TooLarge, match=r"forms\.max_fields"):
        read(PART * 10_000 + b"--b--\r\n", "multipart/form-data; boundary=b")
    empty_files = PART.replace(b'"a"', b'"a"; filename=""')
    with pytest.raises(TooLarge, match=r"forms\.max_files"):
        read(empty_files * 10_000 + b"--b--\r\n", "multipart/form-data; boundary=b")
