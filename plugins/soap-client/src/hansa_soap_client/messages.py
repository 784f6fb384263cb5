"""The messages of a connection: envelopes that are sent, alone or with attachments, and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from hansa import HansaError
from hansa_http.charset import parameter_of
from hansa_http.response import BadAnswer, HttpResponse
from hansa_soap.attachments import Attachment, Attachments
from hansa_soap.envelope import VERSIONS, unwrap
from hansa_soap.related import Package, is_related, read_package, write_package
from hansa_soap.xop import reconstitute
from hansa_xml.format import DECLARATION
from hansa_xml.parser import OverLibraryLimit, parse
from lxml import etree

from .faults import read_fault
from .settings import SoapSettings

Sign: TypeAlias = Callable[[bytes], bytes]
ContentT = TypeVar("ContentT")

MOST_ATTACHMENTS = 10_000
"""Maximum number of attachments of an answer; its size is limited by the connection."""

_ADDRESSING = "http://www.w3.org/2005/08/addressing"
_ADDRESSING_HEADERS = [
    f"{{{_ADDRESSING}}}{name}"
    for name in ("To", "From", "ReplyTo", "FaultTo", "Action", "MessageID", "RelatesTo")
]


@dataclass(frozen=True, slots=True)
class SoapAnswer(Generic[ContentT]):
    """What a call has returned, with the attachments of the answer.

    `content` is what the call returns where nobody asks for attachments.
    """

    content: ContentT
    attachments: Attachments = field(default_factory=Attachments)


@dataclass(frozen=True, slots=True)
class Message:
    """An answer: its whole envelope, the element in the Body, if there is one, and attachments."""

    envelope: etree._Element
    element: etree._Element | None
    attachments: Attachments


class Messages:
    """Writes and reads the messages of one connection; `label` is what errors call it.

    `sign` returns an envelope with what proves who we are, where that is in the message itself.
    """

    def __init__(self, config: SoapSettings, label: str, sign: Sign) -> None:
        self.sign = sign
        self._config = config
        self._label = label
        self._version = VERSIONS[config.soap_version]
        self._understood = list(config.understood_headers)
        if config.ws_addressing:
            self._understood += _ADDRESSING_HEADERS

    def pack(
        self,
        envelope: bytes,
        headers: dict[str, str],
        attachments: Iterable[Attachment],
    ) -> tuple[bytes, dict[str, str]]:
        """Return the bytes and headers of a message with attachments.

        It is an XOP package if the connection's `mtom` says so, else SOAP with Attachments. Raises
        `Invalid` for attachments that cannot be sent.
        """
        # some peers read the envelope as text, which must not declare an encoding
        bare = envelope.removeprefix(DECLARATION.encode())
        package = Package(bare, Attachments(attachments), is_xop=self._config.mtom)
        action = parameter_of(headers["Content-Type"], "action")
        content, content_type = write_package(package, self._version.content_type, action)
        return content, {**headers, "Content-Type": content_type}

    def read(self, answer: HttpResponse) -> Message | None:
        """Return the envelope of an answer; None for one without content, as one-way calls have.

        Raises `SoapFault`, and `BadAnswer` for what is no envelope to be read.
        """
        if answer.ok and not answer.content:
            return None
        try:
            message = self._parsed(answer)
        except OverLibraryLimit as error:
            reason = f"{error.detail}; the setting `xml_huge_tree` accepts it"
            raise self._no_soap(answer, reason) from error
        except HansaError as error:
            raise self._no_soap(answer, error.detail) from error
        element = message.element
        if element is not None and element.tag == f"{{{self._version.namespace}}}Fault":
            raise read_fault(self._label, element)
        if not answer.ok:
            raise BadAnswer(
                f"{self._label}: status {answer.status} and an Envelope without a Fault"
            )
        return message

    def _parsed(self, answer: HttpResponse) -> Message:
        content_type = answer.headers.get("content-type", "")
        package = Package(b"")
        if is_related(content_type):
            package = read_package(answer.content, content_type, MOST_ATTACHMENTS)
            content: bytes = package
        else:
            content = answer.utf8
        config = self._config
        root = parse(content, huge=config.xml_huge_tree, recover=not config.strict)
        if package.is_xop:
            reconstitute(root, package.attachments)
        element = unwrap(root, self._version, self._understood)
        return Message(root, element, package.attachments)

    def _no_soap(self, answer: HttpResponse, reason: str) -> BadAnswer:
        return BadAnswer(f"{self._label}: status {answer.status} and no SOAP answer: {reason}")
