"""Zato's admin API over SOAP, and any service in plain JSON as Zato 3 has it."""

from __future__ import annotations

from typing import ClassVar

from ..dialect.service import Service
from ..gateway import Gateway, invoke_raw, resolved

ACTION = "soapaction"


class SOAPGateway(Gateway):
    """Invokes the service named by SOAPAction with the content of the envelope's body."""

    name: ClassVar[str] = "zato.soap-gateway"

    def handle(self) -> None:
        """Invoke the service."""
        action = self.core.headers.get(ACTION, "").strip(" \"'")
        name = resolved(self, action)
        self.response.payload = invoke_raw(self, name, self.core.raw, "soap")


class APIGateway(Gateway):
    """Invokes the service named in the path with the JSON of the body, and answers what the service
    answers, without an envelope.
    """

    name: ClassVar[str] = "zato.api-gateway"
    zato_env_in_json = False

    def handle(self) -> None:
        """Invoke the service."""
        name = resolved(self, str(self.request.http.params.get("service", "")))
        self.response.payload = invoke_raw(self, name, self.core.raw, "json")


class Alive(Service):
    """Answers that the server is there, to load-balancers that ask at `/zato-lb-alive`."""

    name: ClassVar[str] = "zato.lb-alive"

    def handle(self) -> None:
        """Answer."""
        self.response.payload = "OK"
