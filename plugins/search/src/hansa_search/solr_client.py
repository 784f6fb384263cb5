"""The client of pysolr over a connection of Hansa, which sends its requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pysolr
from hansa import Invalid
from hansa_http.response import BadAnswer

if TYPE_CHECKING:
    from .solr import SolrOutgoing


class _Decoder:
    """Reads answers; raises `BadAnswer` for what is no JSON."""

    def __init__(self, label: str) -> None:
        self._label = label

    def decode(self, text: str) -> Any:
        """Return the objects in a text."""
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadAnswer(f"{self._label}: the answer is no JSON") from error
        if not isinstance(found, dict):
            raise BadAnswer(f"{self._label}: the answer is no answer of Solr")
        return found


class SolrClient(pysolr.Solr):  # type: ignore[misc] # pysolr has no types
    """Sends what pysolr makes by a connection."""

    def __init__(self, outgoing: SolrOutgoing, *, always_commit: bool) -> None:
        decoder = _Decoder(outgoing.label)
        super().__init__("http://localhost", decoder=decoder, always_commit=always_commit)
        self._outgoing = outgoing

    def _send_request(
        self,
        method: str,
        path: str = "",
        body: object = None,
        headers: Mapping[str, str] | None = None,
        files: object = None,
    ) -> str:
        if files is not None:
            raise Invalid("outgoing solr sends no files")
        return self._outgoing.body_of(method.upper(), path, body, headers or {})
