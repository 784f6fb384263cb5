"""URLs that secrets, or what is believed, come through: https, or http on this machine."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def fault_of_secure_url(url: str, why: str) -> str:
    """Return what is wrong with a URL; an empty text if nothing is.

    `why` completes "must begin with https://, since ...". Credentials and fragments are refused.
    """
    try:
        parts = urlsplit(url)
        if not parts.hostname or parts.port == 0:
            return "names no host"
    except ValueError as error:
        return str(error)
    if parts.username or parts.password or parts.fragment:
        return "must not contain credentials or a fragment"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "contains characters that a URL cannot have"
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname)):
        return ""
    return f"must begin with https://, since {why}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
