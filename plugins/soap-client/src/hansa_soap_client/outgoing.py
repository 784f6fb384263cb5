"""The outgoing connection soap: operations of a WSDL as methods, or bodies sent as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from hansa import Invalid, NotFound, OutgoingRequest, Unavailable
from hansa_http.outgoing import HttpOutgoing
from hansa_http.remedy import remedy_of
from hansa_http.response import BadAnswer, HttpResponse
from hansa_soap.attachments import Attachment
from hansa_soap.documents import Document, Origin
from hansa_soap.envelope import VERSIONS, Version
from hansa_xml.parser import local_name, parse
from lxml import etree

from .documents import Documents
from .faults import SoapFault as SoapFault
from .messages import Messages, SoapAnswer
from .settings import SoapSettings, is_web_address

if TYPE_CHECKING:
    import zeep

    from .wsdl import WsdlClient

_GONE = (404, 410)
_REFUSED = frozenset((401, 403))

Xml: TypeAlias = str | bytes | etree._Element
"""XML as text, bytes or an element."""

Operation: TypeAlias = Callable[..., Any]
"""An operation of the WSDL, whose parameters and answer that describes."""


class SoapOutgoing(HttpOutgoing[SoapSettings]):
    """Calls a SOAP service; safe in many threads.

    `service.Operation(...)` calls an operation of the WSDL and returns plain data; `send(body)`
    sends an element as it is; `call_with_attachments` and `send_with_attachments` do the same with
    attachments. Time-outs, TLS, security and the deadline are those of http.
    """

    type: ClassVar[str] = "soap"
    Config = SoapSettings
    _wsdl: WsdlClient | None = None

    @cached_property
    def _messages(self) -> Messages:
        return Messages(self.config, self.label, self._sign_envelope)

    @property
    def client(self) -> zeep.Client | None:
        """The client of zeep; None without a WSDL."""
        return None if self._wsdl is None else self._wsdl.zeep

    def start(self) -> None:
        """Make the pool, and read the WSDL if there is one.

        Raises what keeps it from being read.
        """
        super().start()
        if self.config.wsdl or self.config.wsdl_document:
            # zeep takes half a second and 20 MB, which a worker that only sends bodies saves
            with self.importing:
                from .wsdl import WsdlClient

            address = self.url({})
            self._wsdl = WsdlClient(
                self.config, self.label, address, self._documents(), self._messages, self._post
            )

    def _documents(self) -> Documents:
        kept = self.server.dir / "soap"
        return Documents(self.config, self._read, self._post_envelope, kept)

    def wsdl_document(self) -> Document:
        """Return the WSDL with where it comes from; raises `NotFound` if there is none, and what keeps
        it from being read.
        """
        if self.config.wsdl_document:
            return Document(self.config.wsdl_document, "uploaded")
        if not self.config.wsdl:
            raise NotFound(f"{self.label} has no WSDL: set `wsdl`, or upload one")
        root = parse(self._documents().load(self.config.wsdl))
        origin: Origin = "fetched" if is_web_address(self.config.wsdl) else "file"
        return Document(etree.tostring(root, encoding="unicode"), origin)

    @classmethod
    def prepare(cls, config: SoapSettings) -> SoapSettings:
        """Refuse a WSDL in a file that cannot be used; one of the other side is read at the start.

        Raises `Invalid`, which names the import that is at fault.
        """
        if config.wsdl_document or (config.wsdl and not is_web_address(config.wsdl)):
            with cls.importing:
                from .wsdl import check_file

            check_file(config)
        return config

    def _read(self, url: str) -> bytes:
        try:
            answer = self.fetch(url)
        except Unavailable as error:
            # read at the start, for states and operators: the library's reason, and where
            remedy = remedy_of(str(error.__cause__), url) or "check the setting wsdl"
            raise Unavailable(f"{error.detail}: {url}: {error.__cause__}; {remedy}") from error
        if answer.status in _GONE:
            fault = f"refers to {url}, which was answered with status {answer.status}"
            raise Invalid({"wsdl": fault})
        if not answer.ok:
            fault = f"{self.label}: {url} was answered with status {answer.status}"
            if answer.status in _REFUSED:
                fault += "; check the setting security"
            raise BadAnswer(fault)
        return answer.utf8

    def _post(self, message: bytes, headers: Mapping[str, str]) -> HttpResponse:
        return self.request("POST", message, headers=headers)

    def _post_envelope(self, envelope: bytes, headers: Mapping[str, str]) -> HttpResponse:
        return self._post(self._sign_envelope(envelope), headers)

    # -- security ----------------------------------------------------------------------------------

    def _sign_envelope(self, envelope: bytes) -> bytes:
        """Return an envelope as the security definition signs it, if it signs messages."""
        security = self.security
        if security is None or not security.signs_messages:
            return envelope
        return security.sign_message(envelope)

    def _sign(self, request: OutgoingRequest) -> None:
        security = self.security
        if security is None or not security.signs_messages:
            super()._sign(request)

    # -- operations --------------------------------------------------------------------------------

    @property
    def service(self) -> Operations:
        """The operations of the WSDL as methods."""
        return Operations(self.call)

    def call(self, operation: str, /, *arguments: object, **named: object) -> Any:
        """Call an operation of the WSDL and return its answer as dicts, lists and values.

        Raises `Invalid` for an unknown operation or arguments that do not fit it, `SoapFault`, and
        what `request` raises.
        """
        return self._operations().call(operation, arguments, named).content

    def call_with_attachments(
        self,
        operation: str,
        attachments: Iterable[Attachment] = (),
        /,
        *arguments: object,
        **named: object,
    ) -> SoapAnswer[Any]:
        """Call an operation with attachments, and return what `call` does with those of the answer.

        Raises what `call` raises.
        """
        return self._operations().call(operation, arguments, named, attachments)

    def _operations(self) -> WsdlClient:
        if self._wsdl is None:
            raise Unavailable(f"{self.label} has no WSDL: set `wsdl`, or send bodies with send()")
        return self._wsdl

    # -- bodies ------------------------------------------------------------------------------------

    def send(
        self,
        body: Xml,
        action: str = "",
        *,
        header: Xml = b"",
        cid: str = "",
        timeout: float | None = None,
    ) -> etree._Element | None:
        """Send a body, or a whole envelope as it is, and return the element that answers.

        None stands for an answer without content, as one-way operations have. `header` goes into
        the SOAP header. Raises `SoapFault`, `BadAnswer` and what `request` raises.
        """
        answer = self.send_with_attachments(
            body, (), action, header=header, cid=cid, timeout=timeout
        )
        return answer.content

    def send_with_attachments(
        self,
        body: Xml,
        attachments: Iterable[Attachment] = (),
        action: str = "",
        *,
        header: Xml = b"",
        cid: str = "",
        timeout: float | None = None,
    ) -> SoapAnswer[etree._Element | None]:
        """Send a body with attachments, and return what `send` does with those of the answer.

        With the setting `mtom`, an xop:Include in the body may stand for an attachment, which it
        names by its `reference`. Raises what `send` raises.
        """
        content, headers = self.wrap(body, action, header)
        parts = list(attachments)
        if parts:
            content, headers = self._messages.pack(content, headers, parts)
        answer = self.request("POST", content, headers=headers, cid=cid, timeout=timeout)
        message = self._messages.read(answer)
        if message is None:
            return SoapAnswer(None)
        return SoapAnswer(message.element, message.attachments)

    def wrap(self, body: Xml, action: str = "", header: Xml = b"") -> tuple[bytes, dict[str, str]]:
        """Return the envelope of a body, signed by a security definition that signs messages, and
        its HTTP headers.

        Raises `Invalid` if it is not well-formed.
        """
        version = VERSIONS[self.config.soap_version]
        action = action or self.config.soap_action
        content = _to_bytes(body)
        if local_name(parse(content).tag) != "Envelope":
            content = _envelope(version, _to_bytes(header), _without_declaration(content))
        if version.name == "1.1":
            headers = {"Content-Type": version.content_type, "SOAPAction": f'"{action}"'}
        elif action:
            headers = {"Content-Type": f'{version.content_type}; action="{action}"'}
        else:
            headers = {"Content-Type": version.content_type}
        return self._sign_envelope(content), headers


class Operations:
    """`service.Operation(...)` is `call("Operation", ...)`."""

    def __init__(self, call: Operation) -> None:
        self._call = call

    def __getattr__(self, name: str) -> Operation:
        if name.startswith("__"):
            raise AttributeError(name)
        return partial(self._call, name)

    def __getitem__(self, name: str) -> Operation:
        return partial(self._call, name)


def _to_bytes(given: Xml) -> bytes:
    if isinstance(given, etree._Element):
        return etree.tostring(given)
    if isinstance(given, str):
        # what cannot be encoded becomes a reference that XML does not have, so that parsing refuses
        # it
        return given.encode(errors="xmlcharrefreplace")
    return bytes(given)


def _envelope(version: Version, header: bytes, body: bytes) -> bytes:
    head = b"<soap:Header>" + header + b"</soap:Header><soap:Body>"
    start = version.start.replace(b"<soap:Body>", head)
    return start + body + version.end


def _without_declaration(content: bytes) -> bytes:
    """Return a document without its declaration, so that it may stand inside another."""
    if content.lstrip().startswith(b"<?xml"):
        return etree.tostring(parse(content))
    return content
