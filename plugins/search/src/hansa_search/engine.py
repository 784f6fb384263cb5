"""What both connections have in common: their client's requests go out over hansa-http."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, TypeVar

from hansa import HansaError, Unavailable
from hansa_http.address import HttpAddress
from hansa_http.outgoing import HttpOutgoing
from hansa_http.response import HttpResponse

from .faults import LoginRefused, fault_of

AddressT = TypeVar("AddressT", bound=HttpAddress)


class EngineOutgoing(HttpOutgoing[AddressT]):
    """Base of connections to search engines."""

    library = ""
    """The library that speaks with the engine, and the extra of hansa-search that installs it."""
    extra = ""

    def start(self) -> None:
        """Read the certificates; raises `Unavailable` if the engine's client is not installed."""
        if find_spec(self.library) is None:
            raise Unavailable(
                f"{self.label} needs {self.library}: pip install 'hansa-search[{self.extra}]'"
            )
        super().start()

    def url(self, params: Mapping[str, Any]) -> str:
        """Return the URL of a request: `path` is below the address and `url_path`."""
        rest = {name: value for name, value in params.items() if name != "path"}
        return super().url(rest) + str(params.get("path", ""))

    def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> HttpResponse:
        """Send a request of the engine's client."""
        return self.request(method, body or b"", {"path": path}, headers=headers)

    def refusal(self, status: int, reason: str) -> HansaError:
        """Return the error for a status; a refused login is what the state says from now on."""
        error = fault_of(self.label, status, reason)
        if isinstance(error, LoginRefused):
            self._troubled = True
            self.trouble(error.detail)
        return error
