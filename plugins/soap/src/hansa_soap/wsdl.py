"""WSDL 1.1, document/literal wrapped: the operations behind one address, their types from the
services' models.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from hansa import Invalid, Service
from hansa_xml.schema import Schema
from hansa_xml.shapes import Hint
from lxml import etree

from .dialect import describes_messages
from .names import Names, camel, names_of, service_name

WSDL = "http://schemas.xmlsoap.org/wsdl/"
TRANSPORT = "http://schemas.xmlsoap.org/soap/http"
BINDINGS = {
    "1.1": "http://schemas.xmlsoap.org/wsdl/soap/",
    "1.2": "http://schemas.xmlsoap.org/wsdl/soap12/",
}
"""The namespace of the elements of WSDL for each version of SOAP."""
_PREFIXES = {"1.1": "soap", "1.2": "soap12"}


@dataclass(frozen=True)
class Operation:
    """One operation: what it is called, how it is asked for, and what goes in and out (None:
    anything).
    """

    names: Names
    service: str
    action: str
    version: str
    input: Hint = None
    output: Hint = None
    help: str = ""

    @classmethod
    def of(cls, config: object, service: type[Service]) -> Self:
        """Return the operation that a channel makes of its service, which may be of a dialect."""
        names = names_of(config, service)
        if describes_messages(service):
            input, output, response = service.io_models()
            names = replace(names, response=response or names.response)
        else:
            input = service.Input
            output = service.Output
        return cls(
            names,
            service_name(config, service),
            getattr(config, "soap_action", ""),
            getattr(config, "soap_version", "1.1"),
            input,
            output,
            " ".join((service.__doc__ or "").split()),
        )


def wsdl(operations: list[Operation], address: str) -> bytes:
    """Return the document for all operations at an address; raises `Invalid` if the address cannot
    be written.
    """
    document = _Document(operations, address)
    return etree.tostring(document.root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


class _Document:
    """Builds the sections one after another, in the order that WSDL prescribes."""

    def __init__(self, operations: list[Operation], address: str) -> None:
        self.operations = _named(operations)
        namespace = operations[0].names.namespace
        namespaces = {
            uri for o in operations for uri in (o.names.namespace, o.names.response_namespace)
        }
        self.prefixes = {
            uri: f"ns{number}" if uri else "" for number, uri in enumerate(sorted(namespaces))
        }
        prefixes = {prefix: uri for uri, prefix in self.prefixes.items() if uri}
        self.root = etree.Element(
            _qualified("definitions"),
            nsmap={
                "wsdl": WSDL,
                "tns": namespace,
                **prefixes,
                **{_PREFIXES[v]: uri for v, uri in BINDINGS.items()},
            },
            targetNamespace=namespace,
        )
        self._types()
        self._messages()
        self._port_type()
        versions = sorted({operation.version for operation in operations})
        for version in versions:
            self._binding(version)
        service = _add(self.root, "service", name="Service")
        for version in versions:
            port = _add(
                service,
                "port",
                name=f"Port{version.replace('.', '')}",
                binding=f"tns:{_binding_name(version)}",
            )
            try:
                etree.SubElement(port, f"{{{BINDINGS[version]}}}address", location=address)
            except ValueError as error:
                raise Invalid(f"the address cannot be written: {error}") from None

    def _types(self) -> None:
        schemas = {uri: Schema(uri, prefix) for uri, prefix in self.prefixes.items()}
        for operation in self.operations.values():
            names = operation.names
            schemas[names.namespace].add_element(names.request, operation.input)
            schemas[names.response_namespace].add_element(names.response, operation.output)
        types = _add(self.root, "types")
        for uri in sorted(schemas):
            types.append(schemas[uri].root)

    def _messages(self) -> None:
        for name, operation in self.operations.items():
            names = operation.names
            for suffix, namespace, element in (
                ("Request", names.namespace, names.request),
                ("Response", names.response_namespace, names.response),
            ):
                message = _add(self.root, "message", name=f"{name}{suffix}")
                _add(
                    message,
                    "part",
                    name="parameters",
                    element=":".join(filter(None, (self.prefixes[namespace], element))),
                )

    def _port_type(self) -> None:
        port_type = _add(self.root, "portType", name="PortType")
        for name, operation in self.operations.items():
            element = _add(port_type, "operation", name=name)
            if operation.help:
                _add(element, "documentation").text = operation.help
            _add(element, "input", message=f"tns:{name}Request")
            _add(element, "output", message=f"tns:{name}Response")

    def _binding(self, version: str) -> None:
        binding = _add(self.root, "binding", name=_binding_name(version), type="tns:PortType")
        uri = BINDINGS[version]
        etree.SubElement(binding, f"{{{uri}}}binding", style="document", transport=TRANSPORT)
        for name, operation in self.operations.items():
            if operation.version == version:
                element = _add(binding, "operation", name=name)
                etree.SubElement(
                    element, f"{{{uri}}}operation", soapAction=operation.action, style="document"
                )
                for direction in ("input", "output"):
                    etree.SubElement(_add(element, direction), f"{{{uri}}}body", use="literal")


def _named(operations: list[Operation]) -> dict[str, Operation]:
    """Return a name for each operation, unique in the document: the short one, or the service's
    whole name, or that with a number.
    """
    found: dict[str, Operation] = {}
    for operation in operations:
        name = operation.names.operation
        number = 1
        if name in found:
            name = whole = camel(operation.service)
            while name in found:
                number += 1
                name = f"{whole}{number}"
        found[name] = operation
    return found


def _binding_name(version: str) -> str:
    return f"Binding{version.replace('.', '')}"


def _qualified(tag: str) -> str:
    return f"{{{WSDL}}}{tag}"


def _add(parent: etree._Element, tag: str, /, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, _qualified(tag), attributes)
