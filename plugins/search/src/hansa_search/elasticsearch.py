"""The outgoing connection elasticsearch: documents are written, read and searched."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

from hansa import Misused, setting
from hansa_http.address import HttpAddress
from hansa_http.response import BadAnswer

from .engine import EngineOutgoing
from .faults import PartialAnswer, SearchFault
from .found import Document, Found

if TYPE_CHECKING:
    from elastic_transport import ObjectApiResponse
    from elasticsearch import Elasticsearch

Query = Mapping[str, object]
"""A query of Elasticsearch, such as `{"match": {"title": "hansa"}}`."""
Action = tuple[Literal["index", "create", "delete"], str, str, Mapping[str, object] | None]
"""What is to be done: the operation, the index, the id, and the document."""
KEEP = "5m"
"""How long Elasticsearch keeps the state of a search between two pages."""


class ElasticsearchSettings(HttpAddress):
    """Elasticsearch.

    Settings of the outgoing connection elasticsearch: those of http, and these.
    """

    page_size: Annotated[
        int, setting("Documents that `search_all` asks for at a time", ge=1, le=10_000)
    ] = 500


class ElasticsearchOutgoing(EngineOutgoing[ElasticsearchSettings]):
    """Documents for services: `self.outgoing.elasticsearch["name"].search("books", {...})`.

    Safe in many threads; time-outs, TLS, security and the pool are those of http. Methods raise
    `SearchFault`, `RemoteNotFound`, `RemoteForbidden` and `RemoteConflict` for what Elasticsearch
    refuses, and what requests raise. `client` is the vendor's client, for everything else.
    """

    type: ClassVar[str] = "elasticsearch"
    Config = ElasticsearchSettings
    library, extra = "elasticsearch", "elasticsearch"

    @cached_property
    def client(self) -> Elasticsearch:
        """The client of Elasticsearch, whose requests go out over this connection."""
        # a worker that searches nothing saves the library
        with self.importing:
            from .node import client_of

        return client_of(self)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise what the client raises as errors of Hansa."""
        with self.importing:
            from elastic_transport import SerializationError
            from elasticsearch import ApiError, UnsupportedProductError

        try:
            yield
        except UnsupportedProductError as error:
            fault = f"{self.label}: the answer is none of Elasticsearch; check the setting address"
            raise BadAnswer(fault) from error
        except ApiError as error:
            raise self.refusal(error.status_code, str(error.body)) from error
        except SerializationError as error:
            raise BadAnswer(f"{self.label}: the answer or the document is no JSON") from error

    def _told(self, answer: ObjectApiResponse[Any]) -> dict[str, Any]:
        """Return what an answer holds; raises `BadAnswer` for what is none of Elasticsearch."""
        if isinstance(answer.body, dict):
            return answer.body
        raise BadAnswer(f"{self.label}: the answer is none of Elasticsearch")

    def index(
        self, index: str, document: Mapping[str, object], id: str = "", *, refresh: bool = False
    ) -> str:
        """Write a document, in the place of one with the same id; returns its id.

        With `refresh` it can be searched at once, which costs much.
        """
        with self._translated():
            done = self.client.index(index=index, id=id or None, document=document, refresh=refresh)
        return str(self._told(done)["_id"])

    def get(self, index: str, id: str) -> Document:  # type: ignore[override] # of documents
        """Return a document; raises `RemoteNotFound`."""
        with self._translated():
            found = self.client.get(index=index, id=id)
        return cast(Document, self._told(found)["_source"])

    def delete(  # type: ignore[override] # of documents
        self, index: str, id: str, *, refresh: bool = False
    ) -> None:
        """Delete a document; raises `RemoteNotFound`."""
        with self._translated():
            self.client.delete(index=index, id=id, refresh=refresh)

    def search(
        self,
        index: str,
        query: Query | None = None,
        *,
        size: int = 10,
        partial: bool = False,
        **options: Any,
    ) -> Found:
        """Return the documents that a query finds, the best `size` of them; by default any.

        Options are those of the API, such as `sort`, `from_`, `aggs` and `source`. Raises
        `Unavailable` if shards fail or the time is up, unless it may be `partial`.
        """
        given = {"index": index, "query": query, "size": size, **options}
        body = self._searched(given, partial=partial)
        return _found(body, complete=not _missing(body))

    def _searched(self, given: dict[str, Any], *, partial: bool = False) -> dict[str, Any]:
        """Return the answer to a search; raises `PartialAnswer`."""
        with self._translated():
            answer = self.client.search(allow_partial_search_results=partial, **given)
        body = self._told(answer)
        missing = _missing(body)
        if missing and not partial:
            raise PartialAnswer(f"{self.label}: the answer is partial: {missing}")
        return body

    def search_all(self, index: str, query: Query | None = None) -> Iterator[Document]:
        """Return all documents that a query finds, one at a time, as they were when it began."""
        with self._translated():
            opened = self.client.open_point_in_time(index=index, keep_alive=KEEP)
        kept = str(self._told(opened)["id"])
        after: list[Any] | None = None
        try:
            while True:
                page = self._page(kept, query, after)
                kept = str(page.get("pit_id", kept))  # it may change with each page
                hits = page["hits"]["hits"]
                yield from (hit["_source"] for hit in hits)
                if len(hits) < self.config.page_size:
                    return
                after = hits[-1]["sort"]
        finally:
            with self._translated():
                self.client.close_point_in_time(id=kept)

    def _page(self, kept: str, query: Query | None, after: list[Any] | None) -> dict[str, Any]:
        return self._searched(
            {
                "pit": {"id": kept, "keep_alive": KEEP},
                "query": query,
                "size": self.config.page_size,
                "sort": [{"_shard_doc": "asc"}],
                "search_after": after,
                "track_total_hits": False,
            }
        )

    def bulk(self, actions: Iterable[Action], *, refresh: bool = False) -> None:
        """Carry out many actions in one request; raises `SearchFault` if any of them failed.

        Those that did not fail stay done.
        """
        lines: list[Mapping[str, object]] = []
        for operation, index, id, document in actions:
            if (document is None) != (operation == "delete"):
                raise Misused({"actions": f"{operation} of {id!r} with or without a document"})
            lines.append({operation: {"_index": index, "_id": id}})
            if document is not None:
                lines.append(document)
        if not lines:
            return
        with self._translated():
            done = self.client.bulk(operations=lines, refresh=refresh)
        answer = self._told(done)
        failed = [one for item in answer["items"] for one in item.values() if "error" in one]
        if failed:
            fault = f"{len(failed)} of {len(answer['items'])} actions failed"
            raise SearchFault(self.label, int(failed[0]["status"]), str(failed[:10]), fault)

    def ping(self) -> str:
        """Ask which version the server has; raises what keeps that from working."""
        super().ping()
        began = time.perf_counter()
        with self._translated():
            told = self.client.info()
        version = self._told(told)["version"]["number"]
        return f"Elasticsearch {version} answered in {(time.perf_counter() - began) * 1000:.1f} ms"


def _missing(body: dict[str, Any]) -> str:
    """Return what an answer lacks, as a text; empty if it is whole."""
    shards = body.get("_shards", {})
    clusters = body.get("_clusters", {})
    absent = sum(int(clusters.get(name, 0)) for name in ("skipped", "partial", "failed"))
    if body.get("timed_out"):
        return "the time of the search was up"
    if shards.get("failed"):
        return f"{shards['failed']} of {shards['total']} shards failed"
    return f"{absent} of {clusters['total']} clusters are missing" if absent else ""


def _found(body: dict[str, Any], *, complete: bool) -> Found:
    hits = body["hits"]["hits"]
    total = body["hits"].get("total", {"value": len(hits)})
    return Found(
        int(total["value"]),
        [str(hit["_id"]) for hit in hits],
        [hit.get("_source", {}) for hit in hits],
        body,
        complete,
    )
