"""The format `soap`: envelopes <-> models, dot-access elements and plain data."""

from __future__ import annotations

import builtins

from hansa import Format, Invalid, Service, problem
from hansa_xml.format import Documents, check_namespace, error_content
from hansa_xml.parser import parse
from hansa_xml.shapes import Data, Hint
from hansa_xml.text import is_name
from hansa_xml.writer import as_element, write_element
from lxml import etree

from .envelope import V11, VERSIONS, fault, unwrap
from .names import names_of


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
        with every fault. An empty Body is an element without content.
        """
        element = unwrap(parse(raw), self.version, self._understood)
        if element is None:
            element = etree.Element(f"{{{self.names.namespace}}}{self.names.request}")
        return self._documents.read(element, model)

    def render(self, value: Data, model: Hint = None) -> bytes:
        """Return an envelope around a value; an lxml element or `Element` goes into the Body as it
        is. Raises `Invalid`.
        """
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
