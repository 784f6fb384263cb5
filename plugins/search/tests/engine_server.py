"""Stand-ins for Elasticsearch 9 and Solr 9, written from their documents: `PORT PASSWORD [CERTIFICATE]`.

At / is Elasticsearch, at /solr/books a core of Solr; both ask for the user hansa and a password. They
know what hansa-search and its clients use, and refuse everything else.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

ES_TYPE = "application/vnd.elasticsearch+json; compatible-with=9"
ES_LINES = "application/vnd.elasticsearch+x-ndjson; compatible-with=9"


class Fault(Exception):
    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.kind = status, kind


def meets(document: dict[str, Any], number: str, query: dict[str, Any]) -> bool:
    [(name, inner)] = query.items()
    if name == "match_all":
        return True
    if name == "ids":
        return number in inner["values"]
    if name == "term":
        [(field, wanted)] = inner.items()
        return bool(document.get(field) == wanted)
    if name == "match":
        [(field, wanted)] = inner.items()
        words = str(document.get(field, "")).lower().split()
        return any(word in words for word in str(wanted).lower().split())
    raise Fault(400, "parsing_exception", f"unknown query [{name}] at http://10.0.0.1/")


class Elasticsearch:
    def __init__(self) -> None:
        self.indices: dict[str, dict[str, Any]] = {}
        self.kept: dict[str, list[tuple[str, Any]]] = {}
        self.numbers = itertools.count(1)

    def call(self, method: str, parts: list[str], params: dict[str, str], body: bytes) -> Any:
        if not parts:
            return 200, {"name": "stand-in", "version": {"number": "9.5.1"}, "tagline": "You Know"}
        if parts == ["_bulk"]:
            return 200, self.bulk(body)
        given = json.loads(body) if body else {}
        if parts == ["_search"] or (len(parts) == 2 and parts[1] == "_search"):
            return 200, self.search(parts[0], given, params)
        if parts == ["_pit"] and method == "DELETE":
            return 200, {"succeeded": self.kept.pop(given["id"], None) is not None, "num_freed": 1}
        if len(parts) == 2 and parts[1] == "_pit" and "keep_alive" in params:
            name = f"pit{next(self.numbers)}"
            self.kept[name] = list(self.there(parts[0]).items())
            return 200, {"id": name}
        if len(parts) in (2, 3) and parts[1] in ("_doc", "_create"):
            return self.document(method, parts, given)
        raise Fault(400, "illegal_argument_exception", f"no handler for {method} {parts}")

    def there(self, index: str) -> dict[str, Any]:
        if index not in self.indices:
            raise Fault(404, "index_not_found_exception", f"no such index [{index}]")
        return self.indices[index]

    def write(
        self, index: str, number: str, document: Any, create: bool = False
    ) -> tuple[int, Any]:
        if re.search(r"[A-Z\s*?\"<>|]", index) or index.startswith("_"):
            raise Fault(400, "invalid_index_name_exception", f"invalid index name [{index}]")
        if not isinstance(document, dict) or "" in document:
            raise Fault(400, "document_parsing_exception", "failed to parse")
        documents = self.indices.setdefault(index, {})
        if create and number in documents:
            raise Fault(409, "version_conflict_engine_exception", "document already exists")
        status = 200 if number in documents else 201
        documents[number] = document
        return status, {"_index": index, "_id": number, "result": "created"}

    def document(self, method: str, parts: list[str], given: Any) -> tuple[int, Any]:
        index = parts[0]
        number = parts[2] if len(parts) == 3 else f"auto{next(self.numbers)}"
        if method in ("PUT", "POST"):
            return self.write(index, number, given, parts[1] == "_create")
        found = self.there(index).get(number)
        if found is None:
            return 404, {"_index": index, "_id": number, "found": False}
        if method == "DELETE":
            del self.indices[index][number]
            return 200, {"_index": index, "_id": number, "result": "deleted"}
        return 200, {"_index": index, "_id": number, "found": True, "_source": found}

    def search(self, index: str, given: dict[str, Any], params: dict[str, str]) -> dict[str, Any]:
        known = {"query", "size", "from", "sort", "pit", "search_after", "track_total_hits", "aggs"}
        if given.keys() - known:
            raise Fault(400, "parsing_exception", f"unknown key {given.keys() - known}")
        if "pit" in given:
            if given["pit"]["id"] not in self.kept:
                raise Fault(404, "search_context_missing_exception", "no such point in time")
            # the answer says how the state is called from now on
            documents = self.kept.pop(given["pit"]["id"])
            kept = {"pit_id": f"pit{next(self.numbers)}"}
            self.kept[kept["pit_id"]] = documents
        else:
            documents, kept = list(self.there(index).items()), {}
        query = given.get("query") or {"match_all": {}}
        numbered = [
            (at, number, document)
            for at, (number, document) in enumerate(documents)
            if meets(document, number, query)
        ]
        after = given.get("search_after")
        rest = [one for one in numbered if after is None or one[0] > after[0]]
        first = given.get("from", 0)
        hits = [
            {"_index": index, "_id": number, "_score": 1.0, "_source": document, "sort": [at]}
            for at, number, document in rest[first : first + given.get("size", 10)]
        ]
        told: dict[str, Any] = {"timed_out": False, "_shards": {"total": 5, "failed": 0}, **kept}
        titles = {document.get("title") for _, document in documents}
        if "odd:late" in titles:
            told["timed_out"] = True
        if "odd:failed" in titles:
            if params["allow_partial_search_results"] == "false":
                raise Fault(503, "search_phase_execution_exception", "Partial shards failure")
            told["_shards"]["failed"] = 1
        return {"hits": {"total": {"value": len(numbered), "relation": "eq"}, "hits": hits}, **told}

    def bulk(self, body: bytes) -> dict[str, Any]:
        if not body.endswith(b"\n"):
            raise Fault(400, "illegal_argument_exception", "must be terminated by a newline")
        lines = [json.loads(line) for line in body.splitlines()]
        items = []
        while lines:
            [(operation, about)] = lines.pop(0).items()
            try:
                if operation == "delete":
                    status, told = self.document(
                        "DELETE", [about["_index"], "_doc", about["_id"]], {}
                    )
                else:
                    create = operation == "create"
                    status, told = self.write(about["_index"], about["_id"], lines.pop(0), create)
            except Fault as fault:
                status, told = fault.status, {"error": {"type": fault.kind, "reason": str(fault)}}
            items.append({operation: {**told, "status": status}})
        return {"errors": any(x["status"] > 299 for i in items for x in i.values()), "items": items}


class Solr:
    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.pending: dict[str, dict[str, Any] | None] = {}

    def call(self, handler: str, params: dict[str, str], kind: str, body: bytes) -> Any:
        if handler == "select":
            return 200, self.select(params)
        if handler == "update":
            self.update(kind, body)
            if params.get("commit") == "true":
                self.commit()
            return 200, {"responseHeader": {"status": 0}}
        raise Fault(404, "", f"no handler {handler}")

    def update(self, kind: str, body: bytes) -> None:
        if kind.startswith("application/json"):
            given = json.loads(body)
            for document in given:
                if "id" not in document:
                    raise Fault(400, "", "Document is missing mandatory uniqueKey field: id")
                if document.keys() - {"id", "title", "number"}:
                    raise Fault(400, "", "unknown field at http://10.0.0.1/")
                self.pending[document["id"]] = document
            return
        root = ElementTree.fromstring(body)
        if root.tag == "commit":
            self.commit()
        elif root.tag == "delete":
            for one in root:
                numbers = [one.text] if one.tag == "id" else self.found(one.text or "")
                self.pending.update(dict.fromkeys([str(number) for number in numbers]))
        else:
            raise Fault(400, "", f"unknown command {root.tag}")

    def commit(self) -> None:
        for number, document in self.pending.items():
            if document is None:
                self.documents.pop(number, None)
            else:
                self.documents[number] = document
        self.pending.clear()

    def found(self, query: str) -> list[str]:
        field, colon, wanted = query.partition(":")
        if not colon or field not in ("*", "id", "title", "number"):
            raise Fault(400, "", f"undefined field in {query} at http://10.0.0.1/")
        wanted = wanted.strip('"').lower()
        return sorted(
            number
            for number, document in self.documents.items()
            if field == "*" or wanted in str(document.get(field, "")).lower().split()
        )

    def select(self, params: dict[str, str]) -> dict[str, Any]:
        numbers = self.found(params.get("q", ""))
        rows, start = int(params.get("rows", 10)), int(params.get("start", 0))
        mark = params.get("cursorMark")
        answer: dict[str, Any] = {"responseHeader": {"status": 0}}
        rest = numbers
        if mark is not None:
            if "id" not in params.get("sort", ""):
                raise Fault(400, "", "Cursor functionality requires a sort containing a uniqueKey")
            rest = [number for number in numbers if mark == "*" or number > mark]
        page = rest[start : start + rows]
        if mark is not None:
            answer["nextCursorMark"] = page[-1] if page else mark
        docs = [self.documents[number] for number in page]
        answer["response"] = {"numFound": len(numbers), "start": start, "docs": docs}
        if any("odd:partial" in str(one.get("title")) for one in docs):
            answer["responseHeader"]["partialResults"] = True
        return answer


elastic, solr, lock = Elasticsearch(), Solr(), threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        where = urlsplit(self.path)
        kind = self.headers.get("Content-Type", "")
        params = {name: found[0] for name, found in parse_qs(where.query, True).items()}
        if kind.startswith("application/x-www-form-urlencoded"):
            params |= {name: found[0] for name, found in parse_qs(body.decode(), True).items()}
        parts = [unquote(part) for part in where.path.split("/") if part]
        is_solr = parts[:1] == ["solr"]
        if b"odd:html" in body or "odd%3Ahtml" in self.path:
            return self.answer(200, b"<html>a proxy</html>", "text/html")
        try:
            self.known()
            with lock:
                if is_solr:
                    if parts[1:2] != ["books"]:
                        raise Fault(404, "", "no such core")
                    status, told = solr.call(parts[2], params, kind, body)
                else:
                    lines = parts == ["_bulk"]
                    if body and kind != (ES_LINES if lines else ES_TYPE):
                        raise Fault(406, "media_type_header_exception", f"Content-Type {kind}")
                    status, told = elastic.call(self.command, parts, params, body)
        except Fault as fault:
            status = fault.status
            reason: Any = {"type": fault.kind, "reason": str(fault), "root_cause": []}
            told = {"error": {"msg": str(fault), "code": status} if is_solr else reason}
            told["status"] = status
        content_type = "application/json" if is_solr else ES_TYPE.replace("; ", ";")
        return self.answer(status, json.dumps(told).encode(), content_type)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = respond

    def known(self) -> None:
        wanted = base64.b64encode(f"hansa:{sys.argv[2]}".encode()).decode()
        if self.headers.get("Authorization", "") != f"Basic {wanted}":
            raise Fault(401, "security_exception", "unable to authenticate user [hansa]")

    def answer(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if "elasticsearch" in kind:
            self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the tests."""


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3])
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    server.serve_forever()
