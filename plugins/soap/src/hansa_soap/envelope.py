"""Envelopes of SOAP 1.1 (W3C Note, 2000) and 1.2 (W3C Recommendation, 2007): unwrapping, wrapping,
and faults.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from hansa import HansaError, Invalid
from hansa_xml.format import DECLARATION
from hansa_xml.parser import local_name
from hansa_xml.scalars import XML_SPACE
from hansa_xml.text import escape_attribute, presentable
from lxml import etree

ERROR_NAMESPACE = "urn:hansa:error"
"""The namespace of the `error` element in the detail of faults."""


@dataclass(frozen=True)
class Version:
    """One version of SOAP: its names, and the texts around a body."""

    name: str
    namespace: str
    content_type: str
    sender: str
    receiver: str
    role: str
    roles: frozenset[str]
    start: bytes = field(init=False)
    end: bytes = b"</soap:Body></soap:Envelope>"

    def __post_init__(self) -> None:
        start = f'{DECLARATION}<soap:Envelope xmlns:soap="{self.namespace}"><soap:Body>'
        object.__setattr__(self, "start", start.encode())
        for part in ("Envelope", "Header", "Body"):
            object.__setattr__(self, part.lower(), f"{{{self.namespace}}}{part}")

    envelope: str = field(init=False)
    header: str = field(init=False)
    body: str = field(init=False)


V11 = Version(
    "1.1",
    "http://schemas.xmlsoap.org/soap/envelope/",
    "text/xml; charset=utf-8",
    "Client",
    "Server",
    "actor",
    frozenset({"", "http://schemas.xmlsoap.org/soap/actor/next"}),
)
V12 = Version(
    "1.2",
    "http://www.w3.org/2003/05/soap-envelope",
    "application/soap+xml; charset=utf-8",
    "Sender",
    "Receiver",
    "role",
    frozenset(
        {
            "",
            "http://www.w3.org/2003/05/soap-envelope/role/next",
            "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver",
        }
    ),
)
VERSIONS = {version.name: version for version in (V11, V12)}
_BY_NAMESPACE = {version.namespace: version for version in (V11, V12)}


class VersionMismatch(Invalid):
    """The envelope is of another version of SOAP than the channel's, or of none."""

    title = "SOAP version mismatch"


class NotUnderstood(Invalid):
    """A header that must be understood is not; `blocks` names these as `{namespace}name`."""

    title = "SOAP header not understood"

    def __init__(self, blocks: list[str]) -> None:
        super().__init__(f"these headers must be understood and are not: {', '.join(blocks)}")
        self.blocks = blocks


class CodedFault:
    """Mixin of errors whose faults have a code of their own, as specifications on top of SOAP define
    them.

    `fault_code` is that code, as `{namespace}name`: the `faultcode` in SOAP 1.1, the `Subcode` in
    SOAP 1.2.
    """

    fault_code: ClassVar[str]


def version_of(root: etree._Element) -> Version | None:
    """Return the version of SOAP of an envelope; None if it is none."""
    version = _BY_NAMESPACE.get(etree.QName(root).namespace or "")
    return version if version is not None and root.tag == version.envelope else None


def header_blocks(root: etree._Element, name: str) -> Iterator[etree._Element]:
    """Yield the headers of one name, `{namespace}name`, that are for the last receiver of an
    envelope; raises `Invalid` for a wrong envelope.
    """
    version = version_of(root)
    if version is None:
        raise Invalid(f"expected a SOAP Envelope, got {root.tag}")
    header, _ = _parts(root, version)
    if header is None:
        return
    for block in header:
        if block.tag == name and _is_for_us(block, version):
            yield block


def unwrap(
    root: etree._Element, version: Version, understood: Collection[str] = ()
) -> etree._Element | None:
    """Return the one element in the body of an envelope, None if the body is empty; raises
    `Invalid` for a wrong envelope.

    `understood` names headers, as `{namespace}name`, that may ask to be understood; those for
    another role are left alone.
    """
    if root.tag != version.envelope:
        raise _no_envelope(root, version)
    header, body = _parts(root, version)
    if header is not None and len(header):
        _check_headers(header, version, understood)
    if len(body) == 1:
        child: etree._Element = body[0]
        return child
    if len(body) or (body.text or "").strip(XML_SPACE):
        raise Invalid(f"the Body must hold one element, it holds {len(body) or 'text'}")
    return None


def _parts(root: etree._Element, version: Version) -> tuple[etree._Element | None, etree._Element]:
    """Return the Header, if there is one, and the Body of an envelope, which stand in this order.

    After the Body, SOAP 1.1 (section 4.1.1) has elements of any namespace, SOAP 1.2 has none.
    """
    header: etree._Element | None = None
    body: etree._Element | None = None
    for part in root:
        if part.tag == version.header and header is None and body is None:
            header = part
        elif part.tag == version.body and body is None:
            body = part
        elif part.tag in (version.header, version.body):
            raise Invalid(
                f"the envelope must have at most one Header, before one Body; "
                f"its {local_name(part.tag)} is out of place"
            )
        elif body is None:
            raise Invalid(f"the envelope has a {part.tag} where its Header or Body should be")
        elif version is V12 or not part.tag.startswith("{"):
            raise Invalid(f"the envelope has a {part.tag} after its Body")
    if body is None:
        raise Invalid("the envelope has no Body")
    _check_no_text(root)
    if header is not None:
        _check_no_text(header)
    if len(body):
        _check_no_text(body)
    return header, body


def _check_no_text(part: etree._Element) -> None:
    """Raise `Invalid` for text beside the elements in an Envelope, a Header or a Body."""
    texts = [part.text, *(child.tail for child in part)]
    if any(text and text.strip(XML_SPACE) for text in texts):
        raise Invalid(f"the {local_name(part.tag)} has text beside its elements")


def _no_envelope(root: etree._Element, version: Version) -> Invalid:
    if local_name(root.tag) != "Envelope":
        return Invalid(f"expected a SOAP {version.name} Envelope, got {root.tag}")
    other = _BY_NAMESPACE.get(etree.QName(root).namespace or "")
    if other is not None:
        return VersionMismatch(f"expected SOAP {version.name}, got SOAP {other.name}")
    return VersionMismatch(
        f"expected an Envelope in the namespace {version.namespace}, got {root.tag}"
    )


def _check_headers(header: etree._Element, version: Version, understood: Collection[str]) -> None:
    missed = [
        str(block.tag)
        for block in header
        if _must_be_understood(block, version)
        and _is_for_us(block, version)
        and block.tag not in understood
    ]
    if missed:
        raise NotUnderstood(missed)


def _is_for_us(block: etree._Element, version: Version) -> bool:
    """Return whether a header is for the last receiver of the message, and not for another role."""
    role = block.get(f"{{{version.namespace}}}{version.role}") or ""
    return role.strip() in version.roles


def _must_be_understood(block: etree._Element, version: Version) -> bool:
    """Return the mustUnderstand of a header; raises `Invalid` for a value that is no boolean."""
    given = block.get(f"{{{version.namespace}}}mustUnderstand", "0").strip()
    if given not in ("0", "1", "true", "false"):
        raise Invalid(f"mustUnderstand of the header {block.tag} is {given[:40]!r}, no boolean")
    return given in ("1", "true")


def fault(error: BaseException, text: str, content: str, version: Version) -> bytes:
    """Return an envelope with a fault: `text` for people, `content` the elements of its `error`
    detail.

    4xx is the sender's fault, all else the receiver's.
    """
    code = _code(error, version)
    detail = f'<error xmlns="{ERROR_NAMESPACE}">{content}</error>'
    reason = presentable(text)
    if version is V12:
        header = _header(error)
        body = (
            f"<soap:Code><soap:Value>soap:{code}</soap:Value>{_subcode(error)}</soap:Code>"
            f'<soap:Reason><soap:Text xml:lang="en">{reason}</soap:Text></soap:Reason>'
            f"<soap:Detail>{detail}</soap:Detail>"
        )
    else:
        header = ""
        body = (
            f"{_fault_code(error, code)}"
            f"<faultstring>{reason}</faultstring>"
            f"<detail>{detail}</detail>"
        )
    head = f"<soap:Header>{header}</soap:Header>" if header else ""
    envelope = (
        f'{DECLARATION}<soap:Envelope xmlns:soap="{version.namespace}">{head}'
        f"<soap:Body><soap:Fault>{body}</soap:Fault></soap:Body></soap:Envelope>"
    )
    return envelope.encode()


def _code(error: BaseException, version: Version) -> str:
    if isinstance(error, NotUnderstood):
        return "MustUnderstand"
    if isinstance(error, VersionMismatch):
        return "VersionMismatch"
    if isinstance(error, HansaError) and 400 <= error.status < 500:
        return version.sender
    return version.receiver


def _fault_code(error: BaseException, code: str) -> str:
    """Return the element `faultcode` of SOAP 1.1; `code` is SOAP's own."""
    if isinstance(error, CodedFault):
        namespace, local = _split(error.fault_code)
        return f'<faultcode xmlns:code="{escape_attribute(namespace)}">code:{local}</faultcode>'
    return f"<faultcode>soap:{code}</faultcode>"


def _subcode(error: BaseException) -> str:
    """Return the element `Subcode` of SOAP 1.2, or nothing."""
    if not isinstance(error, CodedFault):
        return ""
    namespace, local = _split(error.fault_code)
    declared = f'xmlns:code="{escape_attribute(namespace)}"'
    return f"<soap:Subcode><soap:Value {declared}>code:{local}</soap:Value></soap:Subcode>"


def _split(name: str) -> tuple[str, str]:
    """Return namespace and local name of `{namespace}name`."""
    namespace, _, local = name.rpartition("}")
    return namespace[1:], local


def _header(error: BaseException) -> str:
    """Return what a fault of SOAP 1.2 says in its header."""
    if isinstance(error, NotUnderstood):
        return "".join(f"<soap:NotUnderstood {_qualified(name)}/>" for name in error.blocks)
    if isinstance(error, VersionMismatch):
        supported = f"<soap:SupportedEnvelope {_qualified(V12.envelope)}/>"
        return f"<soap:Upgrade>{supported}</soap:Upgrade>"
    return ""


def _qualified(name: str) -> str:
    """Return the attribute `qname` that names `{namespace}name`, with the declaration of its
    prefix.
    """
    namespace, local = _split(name)
    if not namespace:
        return f'qname="{local}"'
    return f'qname="h:{local}" xmlns:h="{escape_attribute(namespace)}"'
