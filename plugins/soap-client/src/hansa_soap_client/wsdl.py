"""Operations of a WSDL, called through zeep."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import zeep
from hansa import HansaError, Invalid, Misused, Unavailable
from hansa_http.response import BadAnswer, HttpResponse
from hansa_soap.attachments import Attachment
from hansa_soap.uploaded import SETTING
from hansa_xml.element import to_data
from hansa_xml.parser import local_name
from lxml import etree
from zeep.helpers import serialize_object
from zeep.wsa import WsAddressingPlugin
from zeep.wsdl import Document
from zeep.wsdl.bindings.soap import SoapBinding, SoapOperation

from .documents import Documents, Post
from .messages import Message, Messages, SoapAnswer
from .mtom import take_binaries
from .settings import SoapSettings, location_of
from .typed import MessageTypes, lost_content

PlainData: TypeAlias = Any
"""What an operation answers: dicts, lists and values of Python."""


class WsdlClient:
    """The operations of the WSDL that the settings name.

    `label` is what errors call the connection. `zeep` is zeep's own client. Calls go to `address`,
    whatever the WSDL says, by way of `post`. Raises `Invalid` for a WSDL that cannot be used.
    """

    def __init__(
        self,
        config: SoapSettings,
        label: str,
        address: str,
        documents: Documents,
        messages: Messages,
        post: Post,
    ) -> None:
        self.label = label
        self.zeep = load_wsdl(config, address, documents)
        self._config = config
        self._messages = messages
        self._post = post
        self._types = MessageTypes(self.zeep.wsdl.types)

    def call(
        self,
        operation: str,
        arguments: Sequence[object],
        named: Mapping[str, object],
        attachments: Iterable[Attachment] = (),
    ) -> SoapAnswer[PlainData]:
        """Call an operation and return its answer as plain data, with its attachments.

        Raises `Invalid` for what does not fit the operation, and `SoapFault` or `BadAnswer` for an
        answer that cannot be used.
        """
        found = self._operation(operation)
        envelope, headers = self._envelope(found, arguments, named)
        content, headers = self._packed(found, envelope, headers, attachments)
        message = self._messages.read(self._post(content, headers))
        if message is None:
            return SoapAnswer(None)
        return SoapAnswer(self._data(found, message), message.attachments)

    def _operation(self, name: str) -> SoapOperation:
        binding: SoapBinding = self.zeep.service._binding
        known = binding.all()  # type: ignore[no-untyped-call]
        if name not in known:
            listed = ", ".join(sorted(known))
            raise Misused(f"{self.label} has no operation {name!r} (there are: {listed})")
        operation: SoapOperation = known[name]
        return operation

    def _envelope(
        self,
        operation: SoapOperation,
        arguments: Sequence[object],
        named: Mapping[str, object],
    ) -> tuple[etree._Element, dict[str, str]]:
        """Return the envelope of a call and its HTTP headers; raises `Invalid`."""
        service = self.zeep.service
        try:
            envelope, headers = service._binding._create(
                operation.name,
                arguments,
                dict(named),
                client=self.zeep,
                options=service._binding_options,
            )
        except Exception as error:  # the library checks arguments by what fails
            raise Invalid(f"{self.label}: {operation.name}: {error}") from error
        return envelope, headers

    def _packed(
        self,
        operation: SoapOperation,
        envelope: etree._Element,
        headers: dict[str, str],
        attachments: Iterable[Attachment],
    ) -> tuple[bytes, dict[str, str]]:
        """Return the bytes and HTTP headers of a call."""
        parts = list(attachments)
        if self._config.mtom:
            typed = self._types.of(operation.input, envelope)
            parts += take_binaries(list(typed))
        elif not parts:
            content = etree.tostring(envelope, encoding="utf-8", xml_declaration=True)
            return self._messages.sign(content), headers
        signed = self._messages.sign(etree.tostring(envelope, encoding="utf-8"))
        return self._messages.pack(signed, headers, parts)

    def _data(self, operation: SoapOperation, message: Message) -> PlainData:
        """Return what an answer holds; raises `BadAnswer`."""
        place = f"{self.label}: {operation.name}"
        output = operation.output
        if message.element is None and output is not None and output.body is not None:
            raise BadAnswer(f"{place}: the Body of the answer is empty")
        try:
            lost = self._lost(operation, message)
            if not lost:
                answer = operation.process_reply(message.envelope)  # type: ignore[no-untyped-call]
                return _plain(serialize_object(answer, dict))  # type: ignore[no-untyped-call]
        except Exception as error:  # whatever the library trips over is a fault of the answer
            raise BadAnswer(f"{place}: {error}") from error
        raise BadAnswer(f"{place}: {lost}")

    def _lost(self, operation: SoapOperation, message: Message) -> str:
        """Return what of an answer the library would leave out, or do without, without a word."""
        if not self._config.strict:
            return ""
        for element, declared in self._types.of(operation.output, message.envelope):
            fault = lost_content(element, declared) or self._types.missing(element, declared)
            if fault:
                return fault
        return ""


def load_wsdl(config: SoapSettings, address: str, documents: Documents) -> zeep.Client:
    """Read the WSDL that the settings name or hold; raises `Invalid` for one that cannot be used."""
    try:
        return _load_wsdl(config, address, documents)
    except Invalid as invalid:
        fault = invalid.errors.get("wsdl")
        if not config.wsdl_document or not fault:
            raise
        raise Invalid({SETTING: fault}) from invalid


def _load_wsdl(config: SoapSettings, address: str, documents: Documents) -> zeep.Client:
    settings = zeep.Settings(
        forbid_dtd=True,
        forbid_entities=True,
        strict=config.strict,
        xml_huge_tree=config.xml_huge_tree,
    )
    plugins = [WsAddressingPlugin()] if config.ws_addressing else []
    try:
        client = zeep.Client(  # type: ignore[no-untyped-call]
            location_of(config), transport=documents, settings=settings, plugins=plugins
        )
        binding = _binding(client.wsdl, config)
        service = client.create_service(binding, address)  # type: ignore[no-untyped-call]
        client._default_service = service
    except HansaError:
        raise
    except RecursionError as error:
        fault = f"its imports do not come to an end, the last one is {documents.latest}"
        raise Invalid({"wsdl": fault}) from error
    except Exception as error:  # whatever the library trips over is a fault of the WSDL
        fault = f"cannot be used: {type(error).__name__}: {error}"
        raise Invalid({"wsdl": fault}) from error
    return client


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
        load_wsdl(config, config.address, documents)


def _plain(value: PlainData) -> PlainData:
    """Return data in which elements that the WSDL leaves open (xsd:any) are plain data by name."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | deque):  # zeep keeps in a deque what is more than its types have
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
