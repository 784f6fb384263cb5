"""Redaction: the one way from a message to what may be kept or shown of it."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from .columns import CONTENT_TYPES, read_csv
from .credentials import secrets_in
from .found import MASK, FoundValues, TooManyValues
from .payloads import (
    FieldsPayload,
    JsonPayload,
    Payload,
    Unreadable,
    XmlPayload,
    is_masked_field,
    read_form,
)
from .rules import Rules

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/"
_BEGIN = re.compile(rb"^[\xef\xbb\xbf\xff\xfe\s\0]*([\[{<\"\-0-9tfn])")
_IN_ELEMENTS = re.compile(
    r"(<((?:[\w.-]+:)?[\w.-]*(?:password|passwd|secret|token|api[-_]?key))(?:\s[^<>]*(?<!/))?>)"
    r".+?(?=</\2\s*>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
"""An element, with all that is in it, up to its end or that of a message that was cut."""
_ENTITY = re.compile(r"(<!ENTITY\s[^\"'<>]*)(?:\"[^\"]*\"?|'[^']*'?)", re.IGNORECASE)
_ESCAPED = re.compile(r"(?:\\u00|%)([46][1-9a-f]|[57][0-9a]|5f)", re.IGNORECASE)
"""A letter or an underscore as JSON and forms may write it."""


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a message: at most the first of them, if `size` is that of a longer one."""

    raw: bytes = b""
    size: int = 0
    content_type: str = ""
    encoding: str = ""

    @property
    def is_cut(self) -> bool:
        """Whether there was more of it."""
        return self.size > len(self.raw)


@dataclass(frozen=True, slots=True)
class Redacted:
    """What may be kept of a body: a text, or base64 of what is no text; `why` nothing is kept."""

    text: str = ""
    base64: str = ""
    why: str = ""


class Redaction:
    """Masks one exchange of messages. Whatever is masked in one part of it, such as a header or a
    member of the request, is masked in all others, so parts are added first, and then asked for.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._found = FoundValues()

    def add_headers(self, headers: Mapping[str, str]) -> FieldsPayload:
        """Add headers, whose values may have been found elsewhere."""
        masked = {name: name in self._rules.headers for name in headers}
        fields = {name: [str(value)] for name, value in headers.items()}
        for name, (value,) in fields.items():
            if masked[name]:
                for secret in secrets_in(value):
                    self._found.add(secret)
        return FieldsPayload(fields, masked, self._found)

    def add_parameters(self, parameters: Mapping[str, object]) -> FieldsPayload:
        """Add parameters of a query and of a path."""
        fields: dict[str, list[str]] = {}
        for name, value in parameters.items():
            values = value if isinstance(value, list) else [value]
            fields[name] = [str(one) for one in values]
        masked = {name: is_masked_field(self._rules, name) for name in fields}
        return FieldsPayload(fields, masked, self._found)

    def add_body(self, body: Body) -> Payload | Body:
        """Add a body; returns it as it is if it cannot be read."""
        if not body.raw:
            return body
        try:
            return self._read_csv(body) if body.is_cut else self._read(body)
        except (Unreadable, RecursionError):
            return body

    def _read(self, body: Body) -> Payload:
        """Read a body as what it is; raises `Unreadable`."""
        kind = body.content_type.partition(";")[0].strip().lower()
        begin = _BEGIN.match(body.raw[:1000])
        # programs such as curl say that JSON and XML are a form unless they are told
        if kind == FORM and (begin is None or begin[1] not in b"[{<"):
            return read_form(body.raw, self._rules, self._found)
        if kind in CONTENT_TYPES or begin is None:
            return self._read_csv(body)
        if begin[1] == b"<":
            return XmlPayload.read(body.raw, self._rules, self._found)
        try:
            return JsonPayload.read(body.raw, self._rules, self._found)
        except Unreadable:
            return self._read_csv(body)

    def _read_csv(self, body: Body) -> Payload:
        kind = body.content_type.partition(";")[0].strip().lower()
        return read_csv(body.raw, kind, self._rules, self._found, is_cut=body.is_cut)

    def body(self, added: Payload | Body) -> Redacted:
        """Return what may be kept of a body that was added."""
        try:
            if isinstance(added, Body):
                return self._unread(added)
            added.sweep(self._found.in_text(added.text()))
            return Redacted(added.text())
        except TooManyValues:
            return Redacted(why="it has too many values that were masked")
        except RecursionError:
            return Redacted(why="it is nested too deeply")

    def _unread(self, body: Body) -> Redacted:
        """Return what may be kept of a body that was not read: nothing if paths lead into it."""
        if not body.raw:
            return Redacted(why="only its size is known" if body.size else "")
        if self._rules.is_strict:
            what = "it is too long" if body.is_cut else "it cannot be read"
            return Redacted(why=f"{what}, and there is something to mask in it")
        if body.content_type.strip().lower().startswith(MULTIPART):
            return Redacted(why="it has several parts")
        try:
            text = body.raw.decode()
        except UnicodeDecodeError:
            text = "" if not body.is_cut else body.raw.decode(errors="ignore")
            if "\0" in text or len(text) < len(body.raw) / 2:
                return self._binary(body)
        return Redacted(self.text(_masked_markup(_ESCAPED.sub(_letter, text))))

    def _binary(self, body: Body) -> Redacted:
        """Return what may be kept of what is no text."""
        if body.encoding:
            return Redacted(why=f"it is encoded ({body.encoding})")
        readable = body.raw.replace(b"\0", b"").decode("latin-1")
        if self.text(readable) != readable:
            return Redacted(why="it is no text, and there is something to mask in it")
        return Redacted(base64=base64.b64encode(body.raw).decode())

    def fields(self, added: FieldsPayload) -> dict[str, str]:
        """Return headers or parameters that were added; several values of one are joined."""
        try:
            written = list(added.fields)
            for values in added.fields.values():
                written += values
            added.sweep(self._found.in_text("\n".join(written)))
        except TooManyValues:
            return dict.fromkeys(added.fields, MASK)
        return {name: _storable(", ".join(values)) for name, values in added.fields.items()}

    def path(self, path: str) -> str:
        """Return the path of a URL with masks, also for parts that are short."""
        parts = path.split("/")
        return self.text("/".join(MASK if unquote(one) in self._found else one for one in parts))

    def text(self, text: str) -> str:
        """Return a text, such as an error, with masks."""
        try:
            return _storable(self._found.in_text(text)(text))
        except TooManyValues:
            return MASK


def _masked_markup(text: str) -> str:
    """Return a text with masks in elements with names of credentials, and in entities, which may be
    their values.
    """
    return _ENTITY.sub(_masked_text, _IN_ELEMENTS.sub(_masked_text, text))


def _masked_text(match: re.Match[str]) -> str:
    return match[1] + MASK


def _letter(match: re.Match[str]) -> str:
    """Return a letter as itself, so that the name of a credential is found."""
    return chr(int(match[1], 16))


def _storable(text: str) -> str:
    """Return a text that JSON can hold."""
    return text.encode(errors="backslashreplace").decode()
