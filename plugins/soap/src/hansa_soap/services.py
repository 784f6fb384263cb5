"""The admin services of WSDL: `admin.wsdl.{get,set,delete}`."""

from __future__ import annotations

from typing import Annotated, Literal

from hansa import Edit, Invalid, Key, Model, NotFound, PlainSettings, setting
from hansa_admin.administration import Administration
from hansa_admin.operation import Operation

from .documents import channels_of, of_channel, of_outgoing, of_service
from .uploaded import LONGEST, SETTING


class Subject(Model):
    """Whose WSDL: a service's, or that of a channel or an outgoing connection of SOAP."""

    service: Annotated[str, setting("Name of a service behind SOAP channels")] = ""
    kind: Annotated[
        Literal["channel", "outgoing"], setting("Kind of the definition that name means")
    ] = "channel"
    name: Annotated[str, setting("Name of a channel or an outgoing connection")] = ""

    def check(self) -> None:
        """Either a service or a definition is named."""
        if bool(self.service) == bool(self.name):
            raise Invalid({"name": "either this or service is needed"})


class Wanted(Subject):
    """Whose WSDL, and where it is to say that the service is."""

    address: Annotated[
        str,
        setting(
            "URL of the servers, without a path, that a derived document names; empty for that of "
            "the caller",
            example="https://api.example.com",
        ),
    ] = ""


class Found(Model):
    """A WSDL."""

    text: Annotated[str, setting("The document")]
    origin: Annotated[
        Literal["derived", "uploaded", "fetched", "file"],
        setting(
            "derived from services, uploaded, fetched from the other side, or a file of the server"
        ),
    ]
    file: Annotated[str, setting("A name for a file with it")]
    subjects: Annotated[list[str], setting("The channels or the connection that it is of")]


class Uploaded(Subject):
    """A WSDL that is to be served, or used, instead of the present one."""

    text: Annotated[str, setting("The document: WSDL 1.1", min_length=1, max_length=LONGEST)]


class Stored(Model):
    """A change."""

    revision: Annotated[int, setting("Revision of the change")]
    subjects: Annotated[list[str], setting("The definitions that have changed")]


class WsdlOperation(Operation):
    """Base of the operations on WSDL."""

    abstract = True

    def _keys(self, asked: Subject) -> list[Key]:
        """Return the definitions that are meant; raises `NotFound`."""
        if asked.name:
            return [self.server.definitions.get(asked.kind, "soap", asked.name).key]
        keys = [one.key for one in channels_of(self.server, asked.service)]
        if not keys:
            raise NotFound(f"no SOAP channel leads to the service {asked.service!r}")
        return keys

    def _store(self, asked: Subject, text: str) -> Stored:
        keys = self._keys(asked)
        settings: PlainSettings = {SETTING: text}
        edits = [Edit(key, dict(settings), "edit") for key in keys]
        judges = self.server.resource(Administration)
        judges.require_edits(self.request.principal, edits)
        applied = self.server.definitions.change(edits, by=self.caller)
        return Stored(revision=applied.revision, subjects=[" ".join(key) for key in keys])


class WsdlGet(WsdlOperation):
    """Show the WSDL of a service, or of a channel or an outgoing connection of SOAP."""

    name = "admin.wsdl.get"
    right = "view"
    Input = Wanted
    Output = Found

    def handle(self) -> Found:
        """Return the document; raises `NotFound`."""
        asked: Wanted = self.request.input
        keys = self._keys(asked)
        address = asked.address.rstrip("/") or self._own_address()
        if asked.service:
            document = of_service(self.server, asked.service, address)
            if document is None:
                raise NotFound(f"no SOAP channel of {asked.service!r} is in service")
        elif asked.kind == "channel":
            document = of_channel(self.server, asked.name, address)
        else:
            document = of_outgoing(self.server, asked.name)
        named = asked.service or asked.name
        file = "".join(each for each in named if each.isalnum() or each in ".-_") or "service"
        subjects = [" ".join(key) for key in keys]
        return Found(
            text=document.text, origin=document.origin, file=f"{file}.wsdl", subjects=subjects
        )

    def _own_address(self) -> str:
        environ = self.request.environ or {}
        scheme = environ.get("wsgi.url_scheme", "http")
        return f"{scheme}://{environ.get('HTTP_HOST') or 'localhost'}"


class WsdlSet(WsdlOperation):
    """Serve, or use, a WSDL that is uploaded: instead of the derived one of channels, or of what the
    setting wsdl of an outgoing connection names.
    """

    name = "admin.wsdl.set"
    right = "develop"
    Input = Uploaded
    Output = Stored

    def handle(self) -> Stored:
        """Store it; raises `Invalid` for one that cannot be used."""
        asked: Uploaded = self.request.input
        return self._store(asked, asked.text)


class WsdlDelete(WsdlOperation):
    """Forget a WSDL that was uploaded: what is derived, or what the setting wsdl names, counts again."""

    name = "admin.wsdl.delete"
    right = "develop"
    Input = Subject
    Output = Stored

    def handle(self) -> Stored:
        """Forget it."""
        return self._store(self.request.input, "")


OPERATIONS: tuple[type[Operation], ...] = (WsdlGet, WsdlSet, WsdlDelete)
