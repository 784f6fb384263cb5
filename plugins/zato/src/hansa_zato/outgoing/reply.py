"""What an outgoing HTTP call returns: its body as bytes, with all of requests.Response.

Parsers take the bytes as they are.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from http.client import responses
from typing import Final

from ..dialect.exceptions import ClientHTTPError, HTTPException
from ..payloads import Value

REDIRECTS: Final = (301, 302, 303, 307, 308)


class CaseInsensitive(dict[str, str]):
    """Headers by name in any case."""

    def __init__(self, items: Mapping[str, str]) -> None:
        super().__init__(items)
        self._folded = {name.lower(): value for name, value in items.items()}

    def __getitem__(self, name: str) -> str:
        return self._folded[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._folded

    def get(self, name: str, default: Value = None) -> Value:
        return self._folded.get(name.lower(), default)


class Reply(bytes):
    """A response: `etree.fromstring(reply)` works, and so do `reply.text`, `.json()` and so on.

    Its truth is `ok`, as that of requests.Response is.
    """

    status_code: int
    reason: str
    url: str
    headers: CaseInsensitive
    encoding: str | None
    elapsed: timedelta

    def __new__(
        cls,
        content: bytes,
        status: int,
        headers: Mapping[str, str],
        url: str = "",
        elapsed: timedelta = timedelta(0),
    ) -> Reply:
        made = super().__new__(cls, content)
        made.status_code = status
        made.reason = responses.get(status, "")
        made.headers = CaseInsensitive(headers)
        made.encoding = _charset(made.headers.get("content-type", ""))
        made.url = url
        made.elapsed = elapsed
        return made

    @property
    def content(self) -> bytes:
        """The body."""
        return bytes(memoryview(self))

    @property
    def text(self) -> str:
        """The body as text, by `encoding`, or UTF-8 if there is none.

        What cannot be decoded is replaced.
        """
        try:
            return self.decode(self.encoding or "utf-8", "replace")
        except LookupError:
            return self.decode("utf-8", "replace")

    @property
    def data(self) -> Value:
        """The body parsed by its content type.

        It is plain data for JSON, an lxml.objectify root for XML, else the text.
        """
        content_type = self.headers.get("content-type", "")
        media_type = content_type.partition(";")[0].strip().lower()
        if not len(self):
            return None
        if media_type.endswith("json"):
            return self.json()
        if media_type.endswith("xml"):
            return self._objectified()
        return self.text

    def _objectified(self) -> Value:
        from lxml import etree, objectify  # lazy: trial imports of services do without

        parser = objectify.makeparser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        )
        try:
            return objectify.fromstring(self.content, parser)
        except etree.XMLSyntaxError as error:
            raise ValueError(f"the response of {self.url} is not XML: {error}") from None

    def json(self, **options: Value) -> Value:
        """Return the body as JSON; `options` are those of json.loads. Raises ValueError."""
        return json.loads(self.content, **options)

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status_code < 400

    @property
    def apparent_encoding(self) -> str:
        """The encoding assumed without a charset."""
        return "utf-8"

    @property
    def is_redirect(self) -> bool:
        """Whether it points elsewhere."""
        return "location" in self.headers and self.status_code in REDIRECTS

    @property
    def history(self) -> list[Reply]:
        """Redirections followed: none."""
        return []

    def raise_for_status(self) -> None:
        """Raise an error for 4xx and 5xx.

        It is requests.HTTPError if anything in this process has imported requests, else an
        HTTPException of Zato.
        """
        if self.ok:
            return
        is_client_error = self.status_code < 500
        side = "Client" if is_client_error else "Server"
        text = f"{self.status_code} {side} Error: {self.reason} for url: {self.url}"
        requests = sys.modules.get("requests")
        if requests is not None:
            raise requests.HTTPError(text, response=self)
        error = ClientHTTPError if is_client_error else HTTPException
        raise error(None, text, self.status_code)

    def iter_content(self, chunk_size: int = 1, decode_unicode: bool = False) -> Iterator[bytes]:
        """Return the body in pieces."""
        content = self.content
        size = chunk_size or len(content) or 1
        for start in range(0, len(content), size):
            yield content[start : start + size]

    def iter_lines(self, **options: object) -> Iterator[bytes]:
        """Return the body by lines."""
        return iter(self.content.splitlines())

    def close(self) -> None:
        """Do nothing: no connection is left open."""

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return f"<Response [{self.status_code}]>"

    __str__ = __repr__


def _charset(content_type: str) -> str | None:
    for part in content_type.split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'") or None
    return None
