"""The outgoing connection soap: operations of a WSDL as methods, or bodies sent as they are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from hansa import HansaError, Invalid, Unavailable
from hansa_http.outgoing import HttpOutgoing
from hansa_http.response import BadAnswer
from hansa_soap.envelope import VERSIONS, unwrap
from hansa_xml.parser import local_name, parse
from lxml import etree

from .documents import Documents
from .settings import SoapAddress


class SoapFault(BadAnswer):
    """The other side answered with a fault: its `code`, without prefix, its `reason`, and the `detail` as an element or None.

    A fault of the sender (`Client`, `Sender`) is not tried again by brokers.
    """

    title = "SOAP fault"

    def __init__(
        self, connection: str, code: str, reason: str, fault_detail: etree._Element | None = None
    ) -> None:
        super().__init__(f"{connection} answered with the fault {code}: {reason}")
        self.code, self.reason, self.fault_detail = code, reason, fault_detail
        if code in ("Client", "Sender"):
            self.outcome = "reject"


class SoapOutgoing(HttpOutgoing):
    """Calls a SOAP service; usable from many threads at once.

    `service.Operation(...)` calls an operation of the WSDL and gives plain data; `send(body)` sends an element as it is.
    Time-outs, TLS, security and the deadline are those of http. `client` is zeep's, if there is a WSDL.
    """

    type: ClassVar[str] = "soap"
    Config = SoapAddress
    client: Any = None

    def start(self) -> None:
        """Make the pool, and read the WSDL if there is one; raises what keeps it from being read."""
        super().start()
        if self.config.wsdl:
            # PERF: half a second and 20 MB, which who only sends bodies need not pay
            import zeep
            from zeep.wsa import WsAddressingPlugin

            documents = Documents(self.config, self._fetch, self._post, self.server.dir / "soap")
            settings = zeep.Settings(forbid_dtd=True, forbid_entities=True, xml_huge_tree=False)
            plugins = [WsAddressingPlugin()] if self.config.ws_addressing else []
            try:
                found = zeep.Client(
                    self.config.wsdl, transport=documents, settings=settings, plugins=plugins
                )  # type: ignore[no-untyped-call]
                create: Any = found.create_service
                found._default_service = create(self._binding(found.wsdl), self.url({}))
                self.client = found
            except (zeep.exceptions.Error, etree.LxmlError, KeyError, ValueError) as error:
                raise Invalid(
                    {"wsdl": f"cannot be used: {type(error).__name__}: {error}"}
                ) from error

    def _binding(self, wsdl: Any) -> str:
        """The binding of the port to use."""
        ports = {
            port.name: port.binding
            for service in wsdl.services.values()
            for port in service.ports.values()
        }
        if self.config.port:
            if self.config.port not in ports:
                raise Invalid({"port": f"is not in the WSDL (there are: {', '.join(ports)})"})
            return str(ports[self.config.port].name)
        wanted = f"Soap{self.config.soap_version.replace('.', '')}Binding"
        named = [binding for binding in ports.values() if type(binding).__name__ == wanted]
        if not named:
            raise Invalid(
                {
                    "wsdl": f"has no port for SOAP {self.config.soap_version} (ports: {', '.join(ports)})"
                }
            )
        return str(named[0].name)

    def _fetch(self, url: str) -> bytes:
        answer = self._try("GET", url, self._headers({}, ""), b"", self.config.timeout)
        if not answer.ok:
            raise BadAnswer(f"{self.label}: {url} was answered with status {answer.status}")
        return answer.content

    def _post(self, message: bytes, headers: Mapping[str, str]) -> Any:
        return self.request("POST", message, headers=headers)

    # -- operations --------------------------------------------------------------------------------------------------

    @property
    def service(self) -> Operations:
        """The operations of the WSDL as methods."""
        return Operations(self)

    def call(self, operation: str, *arguments: Any, **named: Any) -> Any:
        """Call an operation of the WSDL and give its answer as plain data (dictionaries, lists, values of Python's types).

        Raises `Invalid` for an unknown operation or arguments that do not fit it, `SoapFault`, and what `request` raises.
        """
        if self.client is None:
            raise Unavailable(f"{self.label} has no WSDL: set `wsdl`, or send bodies with send()")
        from zeep import exceptions
        from zeep.helpers import serialize_object

        try:
            method = self.client.service[operation]
        except AttributeError:
            there = ", ".join(sorted(self.client.service._binding.all()))
            raise Invalid(
                f"{self.label} has no operation {operation!r} (there are: {there})"
            ) from None
        try:
            return serialize_object(method(*arguments, **named), dict)  # type: ignore[no-untyped-call]
        except exceptions.Fault as fault:
            raise SoapFault(
                self.label, _local(fault.code), fault.message or "", fault.detail
            ) from fault
        except (exceptions.ValidationError, exceptions.LookupError, TypeError, ValueError) as error:
            raise Invalid(f"{self.label}: {operation}: {error}") from error
        except (exceptions.Error, etree.LxmlError, ArithmeticError) as error:
            raise BadAnswer(f"{self.label}: {operation}: {error}") from error

    # -- bodies ------------------------------------------------------------------------------------------------------

    def wrap(self, body: Any, action: str = "", header: Any = b"") -> tuple[bytes, dict[str, str]]:
        """The envelope and the HTTP headers of a body; raises `Invalid` if it is not well-formed."""
        version, action = VERSIONS[self.config.soap_version], action or self.config.soap_action
        content = _content(body)
        if local_name(parse(content).tag) != "Envelope":
            head = b"<soap:Header>" + _content(header) + b"</soap:Header><soap:Body>"
            content = (
                version.start.replace(b"<soap:Body>", head) + _undeclared(content) + version.end
            )
        if version.name == "1.2":
            return content, {
                "Content-Type": version.content_type + (f'; action="{action}"' if action else "")
            }
        return content, {"Content-Type": version.content_type, "SOAPAction": f'"{action}"'}

    def send(
        self,
        body: Any,
        action: str = "",
        *,
        header: Any = b"",
        cid: str = "",
        timeout: float | None = None,
    ) -> etree._Element:
        """Send `body` (text, bytes or an element; a whole envelope is left as it is) and give the element that answers.

        `header` is what goes into the SOAP header. Raises `SoapFault`, `BadAnswer` and what `request` raises.
        """
        content, headers = self.wrap(body, action, header)
        answer = self.request("POST", content, headers=headers, cid=cid, timeout=timeout)
        version = VERSIONS[self.config.soap_version]
        try:
            found = unwrap(parse(answer.content), version)
        except HansaError as error:
            raise BadAnswer(
                f"{self.label}: status {answer.status} and no SOAP answer: {error.detail}"
            ) from error
        if found.tag == f"{{{version.namespace}}}Fault":
            parts = {local_name(part.tag): part for part in found.iter()}
            code, reason = (
                parts.get(a, parts.get(b))
                for a, b in (("faultcode", "Value"), ("faultstring", "Text"))
            )
            texts = [
                (part.text or "").strip() if part is not None else "" for part in (code, reason)
            ]
            raise SoapFault(
                self.label, _local(texts[0]), texts[1], parts.get("detail", parts.get("Detail"))
            )
        return found


class Operations:
    """`service.Operation(...)` is `call("Operation", ...)`."""

    def __init__(self, connection: SoapOutgoing) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return partial(self._connection.call, name)

    __getitem__ = __getattr__


def _content(given: Any) -> bytes:
    if isinstance(given, etree._Element):
        return etree.tostring(given)
    # what cannot be encoded becomes a reference that XML does not have, so that parsing refuses it
    return given.encode(errors="xmlcharrefreplace") if isinstance(given, str) else bytes(given)


def _undeclared(content: bytes) -> bytes:
    """A document without its declaration, so that it may stand inside another."""
    return etree.tostring(parse(content)) if content.lstrip().startswith(b"<?xml") else content


def _local(code: Any) -> str:
    return str(code or "").rpartition(":")[2].rpartition("}")[2]
