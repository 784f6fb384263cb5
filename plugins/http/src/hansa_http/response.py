"""What an outgoing HTTP call returns."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import msgspec
from hansa import HansaError, Invalid

from .charset import charset_of, media_type_of, to_utf8
from .redirect import without_query


class BadAnswer(HansaError):
    """The other side answered, with an error or with what cannot be used."""

    code = "bad-answer"
    status = 502
    title = "Bad answer"


class HttpResponse:
    """The answer to an outgoing call: `status`, `headers` (names in any case), `content` (bytes),
    `url`, `seconds` it took.

    `fault` says what is wrong with an answer whose status does not tell, such as a redirect that
    was not followed; it is empty otherwise.
    """

    def __init__(
        self,
        connection: str,
        method: str,
        url: str,
        status: int,
        headers: Mapping[str, str],
        content: bytes,
        seconds: float,
        parse: Callable[[HttpResponse], Any] | None = None,
    ) -> None:
        self.connection = connection
        self.method = method
        self.url = url
        self.status = status
        self.headers = headers
        self.content = content
        self.seconds = seconds
        self.fault = ""
        self._parse = parse

    @property
    def ok(self) -> bool:
        """Whether the status is below 400, and no redirect was left unfollowed."""
        return self.status < 400 and not self.fault

    @property
    def content_type(self) -> str:
        """The media type, lower-case and without parameters."""
        return media_type_of(self.headers.get("content-type", ""))

    @property
    def encoding(self) -> str:
        """The charset that the other side names, by the name of its codec, else UTF-8."""
        try:
            return charset_of(self.headers.get("content-type", "")) or "utf-8"
        except Invalid:
            return "utf-8"

    @property
    def text(self) -> str:
        """The body as text; what is not valid in its encoding is replaced."""
        return self.content.decode(self.encoding, "replace")

    @property
    def utf8(self) -> bytes:
        """The body in UTF-8, read by the charset of its content type (RFC 7303 for XML).

        Raises `Invalid` for a charset that is not known, or in which the body is not valid.
        """
        return to_utf8(self.content, self.headers.get("content-type", ""))

    @cached_property
    def data(self) -> Any:
        """The body as objects, read by the connection's format if it reads the content type, else
        by the format that does, else by the connection's, else as text.

        Raises `BadAnswer` if it cannot be read.
        """
        if not self.content:
            return None
        if self._parse is None:
            return self.text
        try:
            return self._parse(self)
        except Invalid as invalid:
            raise BadAnswer(
                f"{self.connection}: the answer cannot be read: {invalid.detail}"
            ) from None

    def json(self) -> Any:
        """The body as JSON; raises `BadAnswer` if it is none."""
        try:
            return msgspec.json.decode(self.utf8.removeprefix(codecs.BOM_UTF8))
        except Invalid as invalid:
            raise BadAnswer(
                f"{self.connection}: the answer is not JSON: {invalid.detail}"
            ) from None
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise BadAnswer(f"{self.connection}: the answer is not JSON: {error}") from None

    def raise_for_status(self) -> HttpResponse:
        """Return this response, or raise `BadAnswer` if it is not `ok`."""
        if self.fault:
            raise BadAnswer(f"{self.connection}: {self.method} {self.fault}")
        if not self.ok:
            raise BadAnswer(
                f"{self.connection}: {self.method} was answered with status {self.status}"
            )
        return self

    def __len__(self) -> int:
        return len(self.content)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<HttpResponse {self.status} {self.method} {without_query(self.url)}>"
