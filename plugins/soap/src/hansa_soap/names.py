"""Names that SOAP needs, made from the name of a service: operation, elements, namespace."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from hansa import Service
from hansa_xml.text import is_name

from .dialect import describes_messages

_WORDS = re.compile(r"[\W_]+")


def camel(text: str) -> str:
    """Return words in one, each with a capital: `get-rate` -> `GetRate`; always a name that XML can
    write.
    """
    joined = "".join(word[:1].upper() + word[1:] for word in _WORDS.split(text) if word)
    joined = "".join(character for character in joined if is_name(f"_{character}"))
    return joined if is_name(joined) else f"_{joined}"


@dataclass(frozen=True)
class Names:
    """What one service is called in SOAP; the response has a namespace of its own where its dialect
    says so.
    """

    operation: str
    namespace: str
    response: str
    response_namespace: str

    @property
    def request(self) -> str:
        """The element that a request holds; any other is accepted too."""
        return self.operation


def service_name(config: object, service: type[Service] | None) -> str:
    """Return the name of the service of a channel with these settings; empty where neither says it."""
    name: str = getattr(config, "service", "")
    if name or service is None:
        return name
    return service.get_name()


def names_of(config: object, service: type[Service] | None) -> Names:
    """Return the names of a channel's service: `my-service.get-rate` is `GetRate` in the namespace
    `urn:hansa:my-service`.

    The setting `namespace`, or else the service's attribute of that name, replaces the namespace;
    the service's `response_elem` replaces `GetRateResponse`.
    """
    full = service_name(config, service) or "operation"
    module, _, own = full.rpartition(".")
    operation = camel(own)
    given = getattr(config, "namespace", "") or getattr(service, "namespace", "")
    namespace = given or f"urn:hansa:{quote(module or own, safe='-._~:')}"
    response = getattr(service, "response_elem", "")
    if describes_messages(service):
        # a dialect that writes its response elements itself
        return Names(operation, namespace, response or f"{operation}Response", given)
    return Names(operation, namespace, response or f"{operation}Response", namespace)
