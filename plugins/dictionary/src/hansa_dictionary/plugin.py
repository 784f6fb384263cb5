"""What hansa-dictionary adds to a worker: its tables in memory, what services use, and the admin
services.
"""

from __future__ import annotations

from collections.abc import Mapping

from hansa import Server, Service, hookimpl

from .dictionary_services import OPERATIONS as DICTIONARY_OPERATIONS
from .exchange_services import OPERATIONS as EXCHANGE_OPERATIONS
from .lookup import Dictionaries
from .translation_services import OPERATIONS as TRANSLATION_OPERATIONS


@hookimpl
def hansa_startup() -> Dictionaries:
    """Return the tables of this worker, which its definitions fill."""
    return Dictionaries()


@hookimpl
def hansa_attributes(server: Server) -> Mapping[str, object]:
    """Return `self.dictionary` and `self.translate` of services."""
    dictionaries = server.resource(Dictionaries)
    return {"dictionary": dictionaries, "translate": dictionaries.translate}


@hookimpl
def hansa_services() -> list[type[Service]]:
    """Return the admin services."""
    return [*DICTIONARY_OPERATIONS, *TRANSLATION_OPERATIONS, *EXCHANGE_OPERATIONS]
