"""Mail addresses, as they stand in the headers of messages and in the envelope (RFC 5322, 6531)."""

from __future__ import annotations

from collections.abc import Iterable
from email import errors
from email.headerregistry import Address, AddressHeader, BaseHeader
from email.policy import SMTP

LONGEST = 254
"""Bytes of an address that SMTP can carry (RFC 5321, section 4.5.3.1.3)."""
LONGEST_TEXT = 10_000
"""Characters of a text with addresses; more of them are given as a list."""
_FAULTS = (errors.InvalidHeaderDefect, errors.NonPrintableDefect, errors.UndecodableBytesDefect)
_UNREADABLE = (ValueError, IndexError, RecursionError, errors.HeaderParseError)
"""What the parser of the standard library raises for texts that it does not expect."""


def parse_address(text: str) -> Address:
    """Return the address in a text such as `Ada <ada@example.com>`.

    Raises ValueError for what is not one address.
    """
    found = _parsed(text)
    if len(found) != 1:
        raise ValueError(f"{_shown(text)} is not one address")
    return found[0]


def parse_addresses(given: str | Iterable[str]) -> tuple[Address, ...]:
    """Return the addresses in a text, separated by commas, or in a list of texts.

    Raises ValueError, whose text begins with what is not an address.
    """
    if isinstance(given, str):
        return _parsed(given)
    return tuple(parse_address(text) for text in given)


def fault_of_address(text: str) -> str:
    """Return what is wrong with an address; an empty text if nothing is."""
    try:
        parse_address(text)
    except ValueError as error:
        return str(error)
    return ""


def _parsed(text: str) -> tuple[Address, ...]:
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"{_shown(text)} is too long a text: give a list")
    if any(character in text for character in "\r\n\0"):
        raise ValueError(f"{_shown(text)} has control characters")
    try:
        header = SMTP.header_factory("To", text)
    except _UNREADABLE:
        raise ValueError(f"{_shown(text)} is not a mail address") from None
    assert isinstance(header, AddressHeader)
    assert isinstance(header, BaseHeader)
    if any(isinstance(defect, _FAULTS) for defect in header.defects):
        raise ValueError(f"{_shown(text)} is not a mail address")
    return tuple(_checked(one) for one in header.addresses)


def _checked(address: Address) -> Address:
    spec = address.addr_spec
    if not address.username or not address.domain:
        raise ValueError(f"{_shown(spec)} is not a mail address")
    if len(spec.encode()) > LONGEST:
        raise ValueError(f"{_shown(spec)} is longer than {LONGEST} bytes")
    if not address.username.isascii() or address.domain.isascii():
        return address
    # the rest is ASCII: in this form, every server knows the domain (RFC 5890)
    domain = address.domain.encode("idna").decode("ascii")
    return Address(address.display_name, address.username, domain)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:80]}...")
