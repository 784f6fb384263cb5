"""The format form keeps the contract of formats, in both notations."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated

from hansa import Model, setting
from hansa_devkit import FormatContract
from hansa_form import FormFile
from hansa_form.format import FormFormat
from hansa_form.settings import FormSettings
from hypothesis import strategies as some

TEXT = some.text(some.characters(codec="utf-8"), max_size=20)
URLENCODED_NAMES = some.text(some.characters(codec="utf-8", exclude_characters="\0"), max_size=9)
# "%" and "\\" may stand for something else, controls are refused, "_charset_" has a meaning
MULTIPART_NAMES = some.text(
    some.characters(codec="utf-8", categories=("L", "N", "P", "S"), exclude_characters='%\\"'),
    min_size=1,
    max_size=9,
).filter(lambda name: name != "_charset_")
NO_MARK = TEXT.filter(lambda text: not text.startswith("\ufeff"))
CONTENT = some.binary(max_size=40) | some.lists(
    some.sampled_from([b"\r", b"\n", b"--", b"b", b"Content-Disposition: form-data"])
).map(b"".join)
FILES = some.builds(
    FormFile,
    CONTENT,
    some.text(some.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=9),
    some.sampled_from(["application/pdf", "text/plain; charset=utf-8", "image/png"]),
)


class Sent(Model):
    name: Annotated[str, setting("A text")]
    count: Annotated[int, setting("A whole number")] = 0
    share: Annotated[float, setting("A number")] = 0.0
    open: Annotated[bool, setting("Yes or no")] = False
    tags: Annotated[list[str], setting("Several texts")] = []
    document: Annotated[FormFile | None, setting("A file")] = None
    photos: Annotated[list[FormFile], setting("Several files")] = []


def forms(names, texts):
    """Values by name; several values of a name are at least two."""
    return some.dictionaries(names, texts | some.lists(texts, min_size=2, max_size=3), max_size=5)


def sent(texts, **more):
    return some.builds(
        Sent,
        name=texts,
        count=some.integers(-(2**53), 2**53),
        share=some.floats(allow_nan=False, allow_infinity=False),
        open=some.booleans(),
        tags=some.lists(texts, max_size=3),
        **more,
    )


class TestUrlencoded(FormatContract):
    cls = FormFormat
    examples = 50
    values = forms(URLENCODED_NAMES, TEXT)
    model = Sent
    hostile = (
        b"a=%",
        b"a=%zz",
        b"a=%ff",
        b"%00=1",
        b"a\0=1",
    )

    def objects(self):
        return sent(TEXT)


def part(head, content=b"x", boundary=b"b"):
    return b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary, head, content)


FIELD = b'Content-Disposition: form-data; name="a"'
END = b"--b--\r\n"


class TestMultipart(FormatContract):
    cls = FormFormat
    examples = 50
    values = forms(MULTIPART_NAMES, NO_MARK | FILES)
    model = Sent
    hostile = (
        b"--b\r\n",
        part(FIELD),
        part(FIELD) + b"--b-",
        part(b"Content-Type: text/plain") + END,
        part(b"Content-Disposition: form-data") + END,
        part(b'Content-Disposition: form-data; name=""') + END,
        part(FIELD + b'; name="b"') + END,
        part(FIELD + b"\r\n" + FIELD) + END,
        part(FIELD + b"\r\nContent-Type: multipart/mixed; boundary=c") + END,
        part(FIELD + b"\r\nContent-Transfer-Encoding: base64") + END,
        part(FIELD + b"\r\nContent-Type: text/plain; charset=nope") + END,
        part(b'Content-Disposition: form-data; name="a\0b"') + END,
        part(FIELD, b"\xff") + END,
        part(b"X: " + b"x" * 100_000) + END,
    )

    def make(self):
        return FormFormat(SimpleNamespace(form=FormSettings(multipart=True)))

    def objects(self):
        more = {
            "document": some.none() | FILES,
            "photos": some.lists(FILES, max_size=3),
        }
        return sent(NO_MARK, **more)
