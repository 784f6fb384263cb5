"""The proxy of an outgoing connection: its settings, and which calls go through it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from hansa import Invalid, Model, Secret, setting


class ProxySettings(Model):
    """The proxy of an outgoing connection: plain HTTP is forwarded by it, HTTPS tunnelled."""

    url: Annotated[
        str,
        setting(
            "URL of the proxy, without credentials",
            pattern="^(https?://.*)?$",
            example="http://proxy.example.com:3128",
        ),
    ] = ""
    username: Annotated[str, setting("User name for the proxy (HTTP Basic)")] = ""
    password: Annotated[Secret | None, setting("Password for the proxy")] = None
    no_proxy: Annotated[
        list[str],
        setting(
            "Hosts that are called directly: host names, which stand for their subdomains too, "
            "IP addresses, networks such as 10.0.0.0/8, or * for all"
        ),
    ] = []
    environment: Annotated[
        bool,
        setting(
            "Whether to take the proxy from the environment instead: HTTP_PROXY, HTTPS_PROXY, "
            "ALL_PROXY and NO_PROXY"
        ),
    ] = False

    def check(self) -> None:
        """There is one source of the proxy's address; hosts and networks can be read."""
        faults: dict[str, str] = {}
        fault = _fault_of_url(self.url)
        if self.environment and self.url:
            faults["environment"] = "is on, and url names a proxy: only one of them can count"
        elif not self.environment and not self.url:
            faults["url"] = "required, unless environment is on"
        elif self.url and fault:
            faults["url"] = fault
        if self.password is not None and not self.username:
            faults["username"] = "required, since there is a password"
        if ":" in self.username:
            faults["username"] = "must not contain a colon (RFC 7617)"
        for index, entry in enumerate(self.no_proxy):
            if not _is_host_or_network(entry):
                faults[f"no_proxy[{index}]"] = f"{entry!r} is no host, address or network"
        if faults:
            raise Invalid(faults)


def _fault_of_url(url: str) -> str:
    """Return what is wrong with the URL of a proxy; an empty text if nothing is."""
    try:
        parts = urlsplit(url)
        if not parts.hostname or parts.port == 0:
            return "names no host"
    except ValueError as error:
        return str(error)
    if parts.username or parts.password:
        return "credentials belong in username and password"
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        return "has more than scheme, host and port"
    return ""


def _is_host_or_network(entry: str) -> bool:
    if entry == "*" or _network(entry) is not None:
        return True
    return bool(re.fullmatch(r"(\*?\.)?[^\s/:*,@]+", entry))


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return an address or a network as a network; None for a host name."""
    try:
        return ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy with the credentials for it; `username` is empty without any."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)


class ProxyRoutes:
    """Which proxy the calls of a connection go through.

    The environment is read when it is made; raises `Invalid` for a proxy there that is not HTTP.
    """

    def __init__(self, settings: ProxySettings) -> None:
        self._no_proxy = [entry.lower() for entry in settings.no_proxy]
        self._environment: dict[str, str] = {}
        self._proxies: dict[str, Proxy] = {}
        if settings.environment:
            self._environment = getproxies_environment()
            for scheme in ("http", "https"):
                url = self._environment.get(scheme) or self._environment.get("all")
                if url:
                    self._proxies[scheme] = _proxy_of_environment(url, settings)
        else:
            proxy = Proxy(settings.url, settings.username, str(settings.password or ""))
            self._proxies = {"http": proxy, "https": proxy}

    def proxy_for(self, scheme: str, host: str) -> Proxy | None:
        """Return the proxy for calls to a host; None if it is called directly."""
        host = host.lower()
        if any(_covers(entry, host) for entry in self._no_proxy):
            return None
        if self._environment and proxy_bypass(host):
            return None
        return self._proxies.get(scheme)


def _proxy_of_environment(url: str, settings: ProxySettings) -> Proxy:
    """Return the proxy that a variable names; credentials in the settings count before its own."""
    fault = "the proxy of the environment is not a URL of HTTP"  # the URL may contain a password
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise Invalid({"proxy": fault}) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Invalid({"proxy": fault})
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    address = f"{parts.scheme}://{host}{port}"
    if settings.username:
        return Proxy(address, settings.username, str(settings.password or ""))
    return Proxy(address, unquote(parts.username or ""), unquote(parts.password or ""))


def _covers(entry: str, host: str) -> bool:
    """Whether an entry of `no_proxy` stands for a host."""
    if entry == "*":
        return True
    network = _network(entry)
    if network is None:
        name = entry.removeprefix("*").removeprefix(".")
        return host == name or host.endswith(f".{name}")
    try:
        return ipaddress.ip_address(host.strip("[]")) in network
    except ValueError:
        return False
