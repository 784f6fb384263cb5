"""The outgoing connection odoo: reads and changes the records of a database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, TypeAlias

from hansa import Login, Misused, OutgoingRequest, Unavailable
from hansa_http.outgoing import HttpOutgoing
from hansa_http.response import BadAnswer, HttpResponse

from .calls import Call, Caller
from .faults import LoginRefused
from .json2 import Json2Caller
from .settings import OdooSettings
from .values import Record, Value, plain
from .xmlrpc import XmlRpcCaller

Domain: TypeAlias = Sequence[object]
"""What to search for, such as `[("is_company", "=", True)]`."""


class OdooOutgoing(HttpOutgoing[OdooSettings]):
    """Records for services: `self.outgoing.odoo["name"].search_read("res.partner", [...], [...])`.

    Safe in many threads; time-outs, TLS and the pool are those of http. Each call is a transaction
    of its own. All raise `OdooFault`, `RemoteForbidden` or `RemoteNotFound` for what Odoo refuses,
    `Unavailable` or `TimedOut` where it does not answer; after these two a change may have been
    made all the same.
    """

    type: ClassVar[str] = "odoo"
    Config = OdooSettings

    @cached_property
    def _caller(self) -> Caller:
        database = self.config.database
        if self.config.protocol == "json-2":
            return Json2Caller(self.label, database, self._post)
        return XmlRpcCaller(self.label, database, self._post, self._login)

    # -- records -----------------------------------------------------------------------------------

    def search_read(
        self,
        model: str,
        domain: Domain = (),
        fields: Iterable[str] = (),
        *,
        offset: int = 0,
        limit: int | None = None,
        order: str = "",
        context: Mapping[str, object] | None = None,
    ) -> list[Record]:
        """Return the records that meet a domain, with some fields, by default with all of them."""
        parameters = {**_selection(domain, offset, limit, order), "fields": list(fields)}
        return self._records(self._call(model, "search_read", None, parameters, context))

    def search_all(
        self,
        model: str,
        domain: Domain = (),
        fields: Iterable[str] = (),
        *,
        context: Mapping[str, object] | None = None,
    ) -> Iterator[Record]:
        """Return all records that meet a domain one at a time, by their ids, `page_size` a call.

        Records that are made or deleted meanwhile do not make it leave out or repeat others.
        """
        size = self.config.page_size
        names = list(fields)
        last = 0
        while True:
            page = self.search_read(
                model,
                [("id", ">", last), *domain],
                names,
                limit=size,
                order="id",
                context=context,
            )
            yield from page
            if len(page) < size:
                return
            last = self._number(page[-1].get("id"))

    def search(
        self,
        model: str,
        domain: Domain = (),
        *,
        offset: int = 0,
        limit: int | None = None,
        order: str = "",
        context: Mapping[str, object] | None = None,
    ) -> list[int]:
        """Return the ids of the records that meet a domain."""
        parameters = _selection(domain, offset, limit, order)
        return self._numbers(self._call(model, "search", None, parameters, context))

    def count(self, model: str, domain: Domain = ()) -> int:
        """Return how many records meet a domain."""
        return self._number(self.execute(model, "search_count", domain=domain))

    def read(
        self,
        model: str,
        ids: int | Iterable[int],
        fields: Iterable[str] = (),
        *,
        context: Mapping[str, object] | None = None,
    ) -> list[Record]:
        """Return records by their ids, with some fields, by default with all of them."""
        found = self.execute(model, "read", ids, context=context, fields=list(fields))
        return self._records(found)

    def create(
        self,
        model: str,
        values: Mapping[str, object] | Iterable[Mapping[str, object]],
        *,
        context: Mapping[str, object] | None = None,
    ) -> list[int]:
        """Make one record, or several in one transaction; returns their ids."""
        several = [values] if isinstance(values, Mapping) else list(values)
        return self._numbers(self.execute(model, "create", context=context, vals_list=several))

    def write(
        self,
        model: str,
        ids: int | Iterable[int],
        values: Mapping[str, object],
        *,
        context: Mapping[str, object] | None = None,
    ) -> None:
        """Change fields of records, all in one transaction."""
        self.execute(model, "write", ids, context=context, vals=values)

    def unlink(self, model: str, ids: int | Iterable[int]) -> None:
        """Delete records, all in one transaction."""
        self.execute(model, "unlink", ids)

    def execute(
        self,
        model: str,
        method: str,
        /,
        ids: int | Iterable[int] | None = None,
        *,
        context: Mapping[str, object] | None = None,
        **parameters: object,
    ) -> Value:
        """Call any public method, of a model or of records, and return what it answers.

        Parameters are by name, as the page `/doc` of the server lists them.
        """
        return self._call(model, method, ids, parameters, context)

    def _call(
        self,
        model: str,
        method: str,
        ids: int | Iterable[int] | None,
        parameters: Mapping[str, object],
        context: Mapping[str, object] | None,
    ) -> Value:
        values = {name: plain(value) for name, value in parameters.items()}
        around = {name: plain(value) for name, value in (context or {}).items()}
        return self._carry_out(Call(model, method, _ids(ids), values, around))

    def _carry_out(self, call: Call) -> Value:
        """Make a call; a refused login is what the state says until the next call."""
        try:
            return self._caller.call(call)
        except LoginRefused as error:
            self._troubled = True
            self.trouble(error.detail)
            raise

    def ping(self) -> str:
        """Have the server answer, and log in; raises what keeps that from working."""
        answered = super().ping()
        return f"{answered}; {self._caller.check()}"

    # -- requests ----------------------------------------------------------------------------------

    def url(self, params: Mapping[str, Any]) -> str:
        """Return the URL of a call: `path` is below the address and `url_path`."""
        rest = {name: value for name, value in params.items() if name != "path"}
        return super().url(rest) + str(params.get("path", ""))

    def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        answer = self.request("POST", body, {"path": path}, headers=headers)
        if answer.fault or 300 <= answer.status < 400:
            raise BadAnswer(f"{self.label} was redirected; check the setting address")
        return answer

    def _sign(self, request: OutgoingRequest) -> None:
        """Sign calls by JSON-2; those by XML-RPC have their login in the body."""
        if self.config.protocol == "json-2":
            super()._sign(request)

    def _login(self) -> Login:
        security = self.security
        if security is None:
            raise Unavailable(f"{self.label} has no security definition")
        return security.login()

    # -- answers -----------------------------------------------------------------------------------

    def _records(self, found: Value) -> list[Record]:
        if isinstance(found, list):
            records = [one for one in found if isinstance(one, dict)]
            if len(records) == len(found):
                return records
        raise self._unexpected("records")

    def _numbers(self, found: Value) -> list[int]:
        several = found if isinstance(found, list) else [found]
        return [self._number(one) for one in several]

    def _number(self, found: Value) -> int:
        if isinstance(found, int) and not isinstance(found, bool):
            return found
        raise self._unexpected("a number")

    def _unexpected(self, expected: str) -> BadAnswer:
        return BadAnswer(f"{self.label}: the answer has not {expected}, as was expected")


def _selection(domain: Domain, offset: int, limit: int | None, order: str) -> dict[str, object]:
    """Return the parameters of a search, without those that are as Odoo has them by default."""
    found: dict[str, object] = {"domain": list(domain)}
    if offset:
        found["offset"] = offset
    if limit is not None:
        found["limit"] = limit
    if order:
        found["order"] = order
    return found


def _ids(given: int | Iterable[int] | None) -> list[int] | None:
    """Return ids as a list; raises `Misused` for what is none."""
    if given is None:
        return None
    several = [given] if isinstance(given, int) else list(given)
    for one in several:
        if isinstance(one, bool) or not isinstance(one, int):
            raise Misused({"ids": f"{one!r} is not the id of a record"})
    return several
