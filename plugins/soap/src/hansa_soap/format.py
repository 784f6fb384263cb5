"""The format `soap`: envelopes <-> models, dot-access elements and plain data."""

from __future__ import annotations

import builtins
from contextvars import ContextVar

from hansa import Format, Invalid, Service, problem
from hansa_xml.format import Documents, check_namespace, error_content
from hansa_xml.shapes import Data, Hint
from hansa_xml.text import binary_writer, is_name
from hansa_xml.writer import as_element, write_element
from lxml import etree

from .attachments import Attachments
from .envelope import V11, VERSIONS, fault, unwrap
from .message import take_envelope
from .names import names_of
from .related import Package
from .xop import BinaryParts, reconstitute

takes_packages: ContextVar[bool] = ContextVar("takes_packages", default=False)
"""Whether the caller of the current context reads answers with attachments (MTOM)."""


class SoapFormat(Format):
    """SOAP 1.1, or 1.2 if the channel's setting `soap_version` says so; document/literal, UTF-8 is
    written.

    Parsing takes the one element in the Body, whatever its name: the channel knows by the action
    what is meant. Errors are faults: of the client (Sender) for 4xx, of the server (Receiver) for
    all else, with status, title, detail and cid.
    """

    type = "soap"
    content_types = ("text/xml", "application/soap+xml")

    def __init__(
        self, config: object = None, service: builtins.type[Service] | None = None
    ) -> None:
        super().__init__(config, service)
        self.version = VERSIONS.get(getattr(config, "soap_version", ""), V11)
        self.names = names_of(config, service)
        self._understood = frozenset(getattr(config, "understood_headers", ()) or ())
        self._mtom_over: int = getattr(config, "mtom_over", 0)
        self._documents = Documents()
        if not is_name(self.names.response):
            raise Invalid(
                {"response_elem": f"{self.names.response!r} is not a name that XML can write"}
            )
        check_namespace(self.names.namespace)

    @property
    def content_type(self) -> str:
        """text/xml for SOAP 1.1, application/soap+xml for 1.2."""
        return self.version.content_type

    def parse(self, raw: bytes, model: Hint = None) -> Data:
        """Build a `model` from the element in the Body, or a dot-access `Element`; raises `Invalid`
        with every fault. An empty Body is an element without content, and an xop:Include in a
        `Package` the Base64 text of its attachment.
        """
        root, processed = take_envelope(raw)
        if isinstance(raw, Package) and raw.is_xop:
            reconstitute(root, raw.attachments)
        element = unwrap(root, self.version, self._understood | processed)
        if element is None:
            element = etree.Element(f"{{{self.names.namespace}}}{self.names.request}")
        return self._documents.read(element, model)

    def render(self, value: Data, model: Hint = None) -> bytes:
        """Return an envelope around a value; an lxml element or `Element` goes into the Body as it
        is. Raises `Invalid`.

        It is a `Package` if the caller takes one and the setting `mtom_over` has larger binary
        values sent as attachments.
        """
        if not self._mtom_over or not takes_packages.get():
            return self._written(value, model)
        parts = BinaryParts(self._mtom_over)
        token = binary_writer.set(parts.write)
        try:
            envelope = self._written(value, model)
        finally:
            binary_writer.reset(token)
        if not parts.attachments:
            return envelope
        return Package(envelope, Attachments(parts.attachments), is_xop=True)

    def _written(self, value: Data, model: Hint) -> bytes:
        content = None if model is not None else as_element(value)
        if content is None:
            names = self.names
            content = write_element(
                names.response, self._documents.write(value, model), names.response_namespace
            )
        version = self.version
        return version.start + content.encode() + version.end

    def render_error(self, error: BaseException, cid: str) -> tuple[bytes, str]:
        """Return an envelope with a fault; its detail holds an `error` element with status, title,
        detail, cid and faults by field.
        """
        text = str(problem(error, cid)["detail"])
        return fault(error, text, error_content(error, cid), self.version), self.content_type
