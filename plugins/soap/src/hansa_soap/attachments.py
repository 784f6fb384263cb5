"""Attachments of SOAP messages: the parts beside the envelope."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from hansa import Invalid

_SCHEME = "cid:"


@dataclass(frozen=True, slots=True)
class Attachment:
    """One attachment: its content, decoded, and what its headers say of it.

    `content_id` is without its angle brackets, and empty if there is none. `headers` has all
    headers of a part that arrived, by their names in lower case; those of a part to be sent are
    written besides its own.
    """

    content: bytes
    content_type: str = "application/octet-stream"
    content_id: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """The URL by which an envelope refers to it (RFC 2392), `cid:` and the Content-ID."""
        return _SCHEME + quote(self.content_id, safe="@!$&'()*+,;=:-._~")


class Attachments(Mapping[str, Attachment]):
    """The attachments of one message by Content-ID; `all` has those without one, too, in order.

    Raises `Invalid` if two have the same Content-ID.
    """

    def __init__(self, attachments: Iterable[Attachment] = ()) -> None:
        self.all = tuple(attachments)
        self._by_id: dict[str, Attachment] = {}
        for attachment in self.all:
            name = attachment.content_id
            if name in self._by_id:
                raise Invalid(f"two parts have the Content-ID {name[:100]!r}")
            if name:
                self._by_id[name] = attachment

    def __getitem__(self, content_id: str) -> Attachment:
        return self._by_id[content_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)

    def __bool__(self) -> bool:
        return bool(self.all)

    def find(self, reference: str) -> Attachment | None:
        """Return what an envelope refers to by a URL; None if it is no part of the message.

        It is `cid:` and a Content-ID (RFC 2392), or the Content-Location of a part.
        """
        reference = reference.strip()
        if reference[: len(_SCHEME)].lower() == _SCHEME:
            name = reference[len(_SCHEME) :]
            return self._by_id.get(unquote(name)) or self._by_id.get(name)
        for attachment in self.all:
            if reference and attachment.headers.get("content-location") == reference:
                return attachment
        return None


NO_ATTACHMENTS = Attachments()
"""The attachments of a message that has none."""
