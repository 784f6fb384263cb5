"""Services that answer in the envelope of Zato's own API, and the ping among them."""

from __future__ import annotations

from typing import ClassVar

from hansa_zato.constants import zato_namespace
from hansa_zato.dialect.service import Service

__all__ = ["AdminSIO", "AdminService", "Ping", "Ping2"]


class AdminSIO:
    """Base of the SimpleIO of admin services: their namespace."""

    namespace = zato_namespace


class AdminService(Service):
    """A service whose JSON responses carry `zato_env`, too, as those in XML always do."""

    abstract: ClassVar[bool] = True
    zato_env_in_json = True

    def handle(self) -> object:
        """Raise NotImplementedError: subclasses do the work."""
        raise NotImplementedError(f"{type(self).__name__} has no handle()")


class Ping(AdminService):
    """Answers `pong`, so that callers learn that the server is there."""

    class SimpleIO(AdminSIO):
        """One word."""

        output_required = ("pong",)
        response_elem = "zato_ping_response"

    def handle(self) -> None:
        """Answer."""
        self.response.payload.pong = "zato"


class Ping2(Ping):
    """The same under another name."""

    class SimpleIO(Ping.SimpleIO):
        """One word."""

        response_elem = "zato_ping2_response"
