"""One call of a service of Zato's admin API, and what it does the work by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from hansa import NotFound, Request

from ..dialect.channel import stable_id
from ..dialect.exceptions import BadRequest, HTTPException
from ..payloads import PlainDict, Value

if TYPE_CHECKING:
    from hansa import Server

    from ..dialect.service import Service

PAGE: Final = 10_000
"""Maximum number of entries that an admin service lists at once."""


class Call:
    """The input of a call, and the admin services, which are called in the name of its caller."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.server: Server = service.server
        self.cid: str = service.cid
        self.meta: PlainDict | None = None
        self.details = ""
        self.input: PlainDict = dict(service.request.input)

    def text(self, name: str) -> str:
        """Return an input as text; empty if it is not given."""
        value = self.input.get(name)
        return "" if value is None else str(value)

    def given(self, *names: str) -> PlainDict:
        """Return those of these inputs that the caller has sent."""
        return {name: self.input[name] for name in names if self.input.get(name) is not None}

    def admin(self, name: str, /, **settings: Value) -> Value:
        """Call an admin service and return its answer; raises its error.

        What the caller may do is judged there.
        """
        if not is_known(self.server, name):
            raise HTTPException(self.cid, f"{name} is not there: its plugin is not loaded", 503)
        core = self._service.core
        request = Request(payload=settings, cid=self.cid, peer=core.peer, environ=core.environ)
        request.principal = core.principal
        response = self.server.handle(name, request)
        if response.error is not None:
            raise response.error
        return response.payload

    def all(self, name: str, /, **settings: Value) -> Iterator[PlainDict]:
        """Return all items that an admin service lists, page by page."""
        offset = 0
        while True:
            page = self.admin(name, **settings, offset=offset, limit=PAGE)
            yield from page["items"]
            offset += PAGE
            if offset >= page["total"]:
                return

    def refuse(self, text: str) -> BadRequest:
        """Return the error of an input that cannot be used."""
        return BadRequest(self.cid, text)

    def service_name(self) -> str:
        """Return the service that the input names, by its id or its name.

        Raises `HTTPException` for one that is not there; for who may not see the services, that of
        the admin service that lists them, so that nobody finds out names.
        """
        wanted = self.text("id") or self.text("service_id")
        name = self.text("name") or self.text("service")
        if not wanted and not name:
            raise self.refuse("id: required, and missing")
        for registered in self.server.registry.services():
            found = registered.name
            if str(stable_id(found)) == wanted if wanted else found == name:
                return found
        self.admin("admin.service.list", limit=1)
        if wanted:
            raise self.not_found("service", wanted)
        self.server.registry.service(name)
        return name

    def not_found(self, what: str, wanted: object) -> HTTPException:
        """Return the error of an id that nothing has."""
        return HTTPException(self.cid, f"no {what} has the id {wanted}", 404)


def is_known(server: Server, service: str) -> bool:
    """Whether a service is there."""
    try:
        server.registry.service(service)
    except NotFound:
        return False
    return True
