"""Operations of a WSDL, called through zeep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import zeep
from hansa import Invalid
from hansa_http.response import BadAnswer
from lxml import etree
from zeep import exceptions
from zeep.helpers import serialize_object
from zeep.wsa import WsAddressingPlugin
from zeep.wsdl import Document

from .documents import Documents
from .faults import SoapFault, without_prefix
from .settings import SoapSettings

PlainData: TypeAlias = Any
"""What an operation answers: dicts, lists and values of Python."""

_UNUSABLE = (exceptions.Error, etree.LxmlError, KeyError, ValueError)
_NOT_FITTING = (exceptions.ValidationError, exceptions.LookupError, TypeError, ValueError)
_UNREADABLE = (exceptions.Error, etree.LxmlError, ArithmeticError)


class WsdlClient:
    """The operations of the WSDL that the settings name.

    `label` is what errors call the connection. `zeep` is zeep's own client. Calls go to `address`,
    whatever the WSDL says. Raises `Invalid` for a WSDL that cannot be used.
    """

    def __init__(
        self, config: SoapSettings, label: str, address: str, documents: Documents
    ) -> None:
        self.label = label
        settings = zeep.Settings(forbid_dtd=True, forbid_entities=True, xml_huge_tree=False)
        plugins = [WsAddressingPlugin()] if config.ws_addressing else []
        try:
            self.zeep = zeep.Client(  # type: ignore[no-untyped-call]
                config.wsdl, transport=documents, settings=settings, plugins=plugins
            )
            binding = _binding(self.zeep.wsdl, config)
            service = self.zeep.create_service(binding, address)  # type: ignore[no-untyped-call]
            self.zeep._default_service = service
        except _UNUSABLE as error:
            fault = f"cannot be used: {type(error).__name__}: {error}"
            raise Invalid({"wsdl": fault}) from error

    def call(
        self, operation: str, arguments: Sequence[object], named: Mapping[str, object]
    ) -> PlainData:
        """Call an operation and return its answer as plain data.

        Raises `Invalid`, `SoapFault` or `BadAnswer`.
        """
        try:
            method = self.zeep.service[operation]
        except AttributeError:
            known = ", ".join(sorted(self.zeep.service._binding.all()))
            raise Invalid(
                f"{self.label} has no operation {operation!r} (there are: {known})"
            ) from None
        try:
            answer = method(*arguments, **named)
            return serialize_object(answer, dict)  # type: ignore[no-untyped-call]
        except exceptions.Fault as fault:
            code = without_prefix(str(fault.code or ""))
            raise SoapFault(self.label, code, fault.message or "", fault.detail) from fault
        except _NOT_FITTING as error:
            raise Invalid(f"{self.label}: {operation}: {error}") from error
        except _UNREADABLE as error:
            raise BadAnswer(f"{self.label}: {operation}: {error}") from error


def _binding(wsdl: Document, config: SoapSettings) -> str:
    """Return the name of the binding to use.

    Raises `Invalid` if there is none for these settings.
    """
    bindings = {
        port.name: port.binding
        for service in wsdl.services.values()
        for port in service.ports.values()
    }
    ports = ", ".join(bindings)
    if config.port:
        if config.port not in bindings:
            raise Invalid({"port": f"is not in the WSDL (there are: {ports})"})
        return str(bindings[config.port].name)
    wanted = f"Soap{config.soap_version.replace('.', '')}Binding"
    for binding in bindings.values():
        if type(binding).__name__ == wanted:
            return str(binding.name)
    raise Invalid({"wsdl": f"has no port for SOAP {config.soap_version} (ports: {ports})"})
