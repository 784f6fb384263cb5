"""Operations of a WSDL, called through zeep."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import zeep
from hansa import HansaError, Invalid, Unavailable
from hansa_http.response import BadAnswer, HttpResponse
from hansa_xml.element import to_data
from hansa_xml.parser import local_name
from lxml import etree
from zeep import exceptions
from zeep.helpers import serialize_object
from zeep.wsa import WsAddressingPlugin
from zeep.wsdl import Document
from zeep.wsdl.bindings.soap import SoapBinding

from .documents import Documents, ZeepResponse
from .faults import SoapFault, without_prefix
from .settings import SoapSettings

PlainData: TypeAlias = Any
"""What an operation answers: dicts, lists and values of Python."""


CheckAnswer: TypeAlias = Callable[[ZeepResponse], None]
"""Raises `BadAnswer` for an answer that is no envelope to be read."""


class WsdlClient:
    """The operations of the WSDL that the settings name.

    `label` is what errors call the connection. `zeep` is zeep's own client. Calls go to `address`,
    whatever the WSDL says; `check_answer` sees each answer before zeep does. Raises `Invalid` for a
    WSDL that cannot be used.
    """

    def __init__(
        self,
        config: SoapSettings,
        label: str,
        address: str,
        documents: Documents,
        check_answer: CheckAnswer,
    ) -> None:
        self.label = label
        self._address = address
        self._documents = documents
        self._check_answer = check_answer
        settings = zeep.Settings(
            forbid_dtd=True,
            forbid_entities=True,
            strict=config.strict,
            xml_huge_tree=config.xml_huge_tree,
        )
        plugins = [WsAddressingPlugin()] if config.ws_addressing else []
        try:
            self.zeep = zeep.Client(  # type: ignore[no-untyped-call]
                config.wsdl, transport=documents, settings=settings, plugins=plugins
            )
            binding = _binding(self.zeep.wsdl, config)
            service = self.zeep.create_service(binding, address)  # type: ignore[no-untyped-call]
            self.zeep._default_service = service
        except HansaError:
            raise
        except RecursionError as error:
            fault = f"its imports do not come to an end, the last one is {documents.latest}"
            raise Invalid({"wsdl": fault}) from error
        except Exception as error:  # whatever the library trips over is a fault of the WSDL
            fault = f"cannot be used: {type(error).__name__}: {error}"
            raise Invalid({"wsdl": fault}) from error

    def call(
        self, operation: str, arguments: Sequence[object], named: Mapping[str, object]
    ) -> PlainData:
        """Call an operation and return its answer as plain data.

        Raises `Invalid` for what does not fit the operation, and `SoapFault` or `BadAnswer` for an
        answer that cannot be used.
        """
        binding = self.zeep.service._binding
        envelope, headers = self._written(binding, operation, arguments, named)
        response = self._documents.post_xml(self._address, envelope, headers)
        self._check_answer(response)
        return self._read(binding, operation, response)

    def _written(
        self,
        binding: SoapBinding,
        operation: str,
        arguments: Sequence[object],
        named: Mapping[str, object],
    ) -> tuple[etree._Element, Mapping[str, str]]:
        """Return the envelope of a call and its HTTP headers; raises `Invalid`."""
        known = sorted(binding.all())  # type: ignore[no-untyped-call]
        if operation not in known:
            listed = ", ".join(known)
            raise Invalid(f"{self.label} has no operation {operation!r} (there are: {listed})")
        options = self.zeep.service._binding_options
        try:
            envelope, headers = binding._create(  # type: ignore[no-untyped-call]
                operation, arguments, dict(named), client=self.zeep, options=options
            )
        except Exception as error:  # the library checks arguments by what fails
            raise Invalid(f"{self.label}: {operation}: {error}") from error
        return envelope, headers

    def _read(self, binding: SoapBinding, operation: str, response: ZeepResponse) -> PlainData:
        """Return what an answer holds; raises `SoapFault` or `BadAnswer`."""
        try:
            answer = binding.process_reply(  # type: ignore[no-untyped-call]
                self.zeep,
                binding.get(operation),  # type: ignore[no-untyped-call]
                response,
            )
            return _plain(serialize_object(answer, dict))  # type: ignore[no-untyped-call]
        except exceptions.Fault as fault:
            code = without_prefix(str(fault.code or ""))
            raise SoapFault(self.label, code, fault.message or "", fault.detail) from fault
        except Exception as error:  # whatever the library trips over is a fault of the answer
            raise BadAnswer(f"{self.label}: {operation}: {error}") from error


def check_file(config: SoapSettings) -> None:
    """Raise `Invalid` if the WSDL, which is a file, or what it imports cannot be used.

    Documents of the other side are not fetched: with these it is judged at the start.
    """

    def fetch(url: str) -> bytes:
        raise Unavailable(f"{url} is read at the start")

    def post(message: bytes, headers: Mapping[str, str]) -> HttpResponse:
        raise Unavailable("nothing is sent")

    documents = Documents(config, fetch, post)
    with contextlib.suppress(Unavailable):
        WsdlClient(config, "outgoing soap", config.address, documents, lambda response: None)


def _plain(value: PlainData) -> PlainData:
    """Return data in which elements that the WSDL leaves open (xsd:any) are plain data by name."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, etree._Element):
        return {local_name(value.tag): to_data(value)}
    return value


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
