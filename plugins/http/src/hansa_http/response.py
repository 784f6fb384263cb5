"""What an outgoing HTTP call returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import msgspec
from hansa import HansaError, Invalid


class BadAnswer(HansaError):
    """The other side answered, with an error or with what cannot be used."""

    code = "bad-answer"
    status = 502
    title = "Bad answer"


class HttpResponse:
    """The answer to an outgoing call: `status`, `headers` (names in any case), `content` (bytes),
    `url`, `seconds` it took.
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
        parse: Callable[[str, bytes], Any] | None = None,
    ) -> None:
        self.connection = connection
        self.method = method
        self.url = url
        self.status = status
        self.headers = headers
        self.content = content
        self.seconds = seconds
        self._parse = parse

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status < 400

    @property
    def content_type(self) -> str:
        """The media type, lower-case and without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def encoding(self) -> str:
        """The charset that the other side names, else UTF-8."""
        for part in self.headers.get("content-type", "").split(";")[1:]:
            name, _, value = part.partition("=")
            if name.strip().lower() == "charset":
                return value.strip().strip('"') or "utf-8"
        return "utf-8"

    @property
    def text(self) -> str:
        """The body as text; what is not valid in its encoding is replaced."""
        try:
            return self.content.decode(self.encoding, "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")

    @cached_property
    def data(self) -> Any:
        """The body as objects, read by the format that its content type belongs to, else by the
        connection's, else as text.

        Raises `BadAnswer` if it cannot be read.
        """
        if not self.content:
            return None
        if self._parse is None:
            return self.text
        try:
            return self._parse(self.content_type, self.content)
        except Invalid as invalid:
            raise BadAnswer(
                f"{self.connection}: the answer of {self.url} cannot be read: {invalid.detail}"
            ) from None

    def json(self) -> Any:
        """The body as JSON; raises `BadAnswer` if it is none."""
        try:
            return msgspec.json.decode(self.content)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise BadAnswer(
                f"{self.connection}: the answer of {self.url} is not JSON: {error}"
            ) from None

    def raise_for_status(self) -> HttpResponse:
        """Return this response, or raise `BadAnswer` if its status is 400 or more."""
        if not self.ok:
            raise BadAnswer(
                f"{self.connection}: {self.method} {self.url} was answered with status {self.status}"
            )
        return self

    def __len__(self) -> int:
        return len(self.content)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<HttpResponse {self.status} {self.method} {self.url}>"
