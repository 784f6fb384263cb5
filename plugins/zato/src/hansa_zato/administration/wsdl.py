"""`/zato/wsdl?service=NAME`: the WSDL of a service behind a SOAP channel, or of one of Zato's admin
API: uploaded, or derived from what the service declares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from hansa import NotFound

from ..constants import zato_namespace
from ..dialect.exceptions import HTTPException
from ..dialect.service import Service
from .service import AdministrationService

if TYPE_CHECKING:
    from hansa import Server

SOAP: Final = "/zato/soap"
"""The path of Zato's admin API over SOAP."""
NOT_FOUND: Final = "No WSDL found"
XML: Final = "application/wsdl+xml; charset=utf-8"


@dataclass(frozen=True)
class Settings:
    """What a SOAP channel of one service of the admin API would have set."""

    service: str
    soap_action: str
    namespace: str = zato_namespace
    soap_version: str = "1.1"


class WSDL(Service):
    """Answers with the WSDL of the service that `service` names, as a file; `cluster_id` is read, and
    there is one cluster.
    """

    name: ClassVar[str] = "zato.wsdl"

    def handle(self) -> None:
        """Answer."""
        name = str(self.request.http.GET.get("service", ""))
        host = self.core.headers.get("host", "localhost")
        scheme = (self.core.environ or {}).get("wsgi.url_scheme", "http")
        document = wsdl_of(self.server, name, f"{scheme}://{host}")
        if document is None:
            raise HTTPException(self.cid, NOT_FOUND, 404)
        file = "".join(character for character in name if character.isalnum() or character in ".-_")
        self.response.payload = document
        self.response.content_type = XML
        self.response.headers["Content-Disposition"] = f'attachment; filename="{file}.wsdl"'


def wsdl_of(server: Server, name: str, address: str) -> bytes | None:
    """Return the WSDL of a service at an address; None if no SOAP channel that tells its WSDL leads
    to it.
    """
    try:
        # needs the extra `soap`
        from hansa_soap.documents import of_service
        from hansa_soap.wsdl import Operation, wsdl
    except ImportError:
        return None
    try:
        cls = server.registry.service(name).cls
    except NotFound:
        return None
    if issubclass(cls, AdministrationService):
        return wsdl([Operation.of(Settings(name, name), cls)], address + SOAP)
    found = of_service(server, name, address, served=True)
    return None if found is None else found.text.encode()
