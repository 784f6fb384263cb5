"""User names in filters (RFC 4515) and distinguished names (RFC 4514), where they can mean nothing
else; and the addresses of servers.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import urlsplit

USERNAME = "{username}"
"""Where a template has the name of the user."""
DN = "{dn}"
"""Where a filter of groups has the distinguished name of the user's entry."""
_in_filter = re.compile(r"[\x00-\x1f\x7f()*\\]")
_in_name = re.compile(r'[\x00-\x1f\x7f"+,;<=>\\]')


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a directory is: `encrypted` if TLS begins with the connection."""

    host: str
    port: int
    encrypted: bool


def parse_server(url: str) -> ServerAddress:
    """Return the address in `ldap://HOST:PORT` or `ldaps://HOST:PORT`; raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("ldap", "ldaps") or not parts.hostname:
        raise ValueError(f"{url!r} is not ldap://HOST:PORT or ldaps://HOST:PORT")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise ValueError(f"{url!r} has more than a scheme, a host and a port")
    encrypted = parts.scheme == "ldaps"
    return ServerAddress(parts.hostname, parts.port or (636 if encrypted else 389), encrypted)


def filled_filter(template: str, username: str, dn: str = "") -> str:
    """Return a filter with the values of a user, escaped as RFC 4515, section 3, has it."""
    values = {USERNAME: _escaped(_in_filter, username), DN: _escaped(_in_filter, dn)}
    return re.sub(r"\{username\}|\{dn\}", lambda found: values[found[0]], template)


def filled_dn(template: str, username: str) -> str:
    """Return a distinguished name with the name of a user as a value, escaped as RFC 4514, section
    2.4, has it.
    """
    value = _escaped(_in_name, username)
    if value[:1] in (" ", "#"):
        value = f"\\{ord(value[0]):02x}{value[1:]}"
    if value.endswith(" "):
        value = f"{value[:-1]}\\20"
    return template.replace(USERNAME, value)


def comparable(username: str) -> str:
    """Return a user name as directories compare it (RFC 4518), so that whoever guesses gains
    nothing by other spellings: without differences of case, of form and of white space.
    """
    return " ".join(unicodedata.normalize("NFKC", username).casefold().split())


def first_value(dn: str) -> str:
    """Return the value that a distinguished name begins with: `staff` of `cn=staff,dc=example`.

    It is the name itself if it cannot be read.
    """
    from ldap3.core.exceptions import LDAPInvalidDnError
    from ldap3.utils.dn import parse_dn

    try:
        _, value, _ = parse_dn(dn)[0]
    except (LDAPInvalidDnError, IndexError):
        return dn
    return _unescaped(value)


def _escaped(special: re.Pattern[str], text: str) -> str:
    return special.sub(lambda found: f"\\{ord(found[0]):02x}", text)


def _unescaped(value: str) -> str:
    """Return a value of a distinguished name without its escapes (RFC 4514, section 3)."""
    pairs = re.compile(rb"\\(?:([0-9A-Fa-f]{2})|(.))", re.S)

    def plain(found: re.Match[bytes]) -> bytes:
        return bytes.fromhex(found[1].decode()) if found[1] else found[2]

    return pairs.sub(plain, value.encode()).decode("utf-8", "replace")
