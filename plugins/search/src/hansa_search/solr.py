"""The outgoing connection solr: documents of a core or collection are written and searched."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from hansa import Misused, setting
from hansa_http.address import HttpAddress

from .engine import EngineOutgoing
from .faults import PartialAnswer
from .found import Document, Found

if TYPE_CHECKING:
    import pysolr

MOST_PAGES = 1_000_000


class SolrSettings(HttpAddress):
    """Solr.

    Settings of the outgoing connection solr: those of http, and these.
    """

    address: Annotated[
        str,
        setting(
            "Address of a core or collection, without credentials",
            pattern="^https?://",
            example="https://search.example.com:8983/solr/books",
        ),
    ]
    id_field: Annotated[
        str, setting("Field that tells documents apart (uniqueKey of the schema)", min_length=1)
    ] = "id"
    commit: Annotated[
        bool,
        setting("Make each change visible to searches at once, which costs much", advanced=True),
    ] = False
    page_size: Annotated[
        int, setting("Documents that `search_all` asks for at a time", ge=1, le=10_000)
    ] = 500
    ping_path: Annotated[
        str,
        setting("Path of the first request of a ping, below the address", advanced=True),
    ] = "/select?q=*:*&rows=0"
    ping_method: Annotated[
        str,
        setting("Method of the first request of a ping", pattern="^[A-Z]+$", advanced=True),
    ] = "GET"


class SolrOutgoing(EngineOutgoing[SolrSettings]):
    """Documents for services: `self.outgoing.solr["name"].search("title:hansa")`.

    Safe in many threads; time-outs, TLS, security and the pool are those of http. Methods raise
    `SearchFault`, `RemoteNotFound` and `RemoteForbidden` for what Solr refuses, and what requests
    raise. `client` is the client of pysolr, for everything else.
    """

    type: ClassVar[str] = "solr"
    Config = SolrSettings
    library, extra = "pysolr", "solr"

    @cached_property
    def client(self) -> pysolr.Solr:
        """The client of pysolr, whose requests go out over this connection."""
        # a worker that searches nothing saves the library
        with self.importing:
            from .solr_client import SolrClient

        return SolrClient(self, always_commit=self.config.commit)

    def add(
        self,
        documents: Mapping[str, object] | Iterable[Mapping[str, object]],
        *,
        commit: bool = False,
    ) -> None:
        """Write documents, in the place of those with the same ids.

        They are found after the next commit: with `commit`, the setting of that name, or as Solr is
        set up.
        """
        several = [documents] if isinstance(documents, Mapping) else list(documents)
        if several:
            self.client.add([dict(one) for one in several], commit=commit or None)

    def delete(  # type: ignore[override] # of documents
        self, id: str | Iterable[str] = (), *, query: str = "", commit: bool = False
    ) -> None:
        """Delete documents by their ids, or those that a query finds."""
        ids = [id] if isinstance(id, str) else list(id)
        if bool(ids) == bool(query):
            raise Misused({"id": "give ids, or a query", "query": "give ids, or a query"})
        if ids:
            self.client.delete(id=ids, commit=commit or None)
        else:
            self.client.delete(q=query, commit=commit or None)

    def commit(self) -> None:
        """Make all changes visible to searches."""
        self.client.commit()

    def search(
        self,
        query: str,
        *,
        rows: int = 10,
        start: int = 0,
        partial: bool = False,
        **options: object,
    ) -> Found:
        """Return the documents that a query finds, the best `rows` of them.

        Options are parameters of Solr, such as `fq`, `sort` and `fl`; those with a dot in their
        names are given as `**{"facet.field": "author"}`. Raises `Unavailable` if shards fail or the
        time is up, where Solr is set up to answer all the same, unless it may be `partial`.
        """
        found = self.client.search(query, rows=rows, start=start, **options)
        if not partial:
            self._check_whole(found.raw_response)
        ids = self._ids(found.docs)
        complete = not _is_partial(found.raw_response)
        return Found(int(found.hits), ids, found.docs, found.raw_response, complete)

    def search_all(self, query: str, **options: object) -> Iterator[Document]:
        """Return all documents that a query finds, one at a time, by their ids."""
        mark = "*"
        for _ in range(MOST_PAGES):
            given = {"sort": f"{self.config.id_field} asc", "cursorMark": mark, **options}
            found = self.client.search(query, rows=self.config.page_size, **given)
            self._check_whole(found.raw_response)
            yield from found.docs
            following = found.nextCursorMark
            if not following or following == mark:
                return
            mark = following

    def _check_whole(self, answer: Document) -> None:
        if _is_partial(answer):
            raise PartialAnswer(
                f"{self.label}: the answer is partial: shards did not answer in time"
            )

    def ping(self) -> str:
        """Search for nothing; raises what keeps that from working."""
        began = time.perf_counter()
        answered = super().ping()
        total = self.search("*:*", rows=0).total
        took = (time.perf_counter() - began) * 1000
        return f"{total} documents, answered in {took:.1f} ms" if answered else ""

    def body_of(self, method: str, path: str, body: object, headers: Mapping[str, str]) -> str:
        """Send a request of the client and return the text of the answer; raises what is wrong."""
        content = body.encode() if isinstance(body, str) else cast(bytes | None, body)
        answer = self.send(method, f"/{path}", content, headers)
        if answer.status != 200:
            raise self.refusal(answer.status, _message(answer.content))
        return answer.text

    def _ids(self, documents: list[dict[str, Any]]) -> list[str]:
        return [str(one.get(self.config.id_field, "")) for one in documents]


def _is_partial(answer: Document) -> bool:
    header = answer.get("responseHeader")
    if not isinstance(header, dict):
        return False
    # some versions tell it as a text, and of what was left out on request
    return str(header.get("partialResults", "")).lower() == "true"


def _message(content: bytes) -> str:
    """Return what Solr says is wrong."""
    try:
        return str(json.loads(content)["error"]["msg"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return "the answer does not say why"
