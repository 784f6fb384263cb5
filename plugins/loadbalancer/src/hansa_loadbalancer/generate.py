"""HAProxy's configuration, from the settings and a template; what goes into it was validated, so
that nothing can be injected.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hansa import Invalid

from .headers import (
    FORGEABLE_PREFIXES,
    OWN_CORRELATION_HEADER,
    PROXY_HEADER,
    correlation_headers,
    forgeable_headers,
)
from .lines import filled
from .settings import SECTION, BalancedServer, LoadBalancerSection, addresses, is_secure

PURGE = "1s"
"""How often HAProxy closes half of the connections to a server that it did not need lately, so that it
closes each long before the server does, after `http.channel_timeout`.
"""
BACKEND = "servers"
STATES = "servers.state"
"""The file of the states in which HAProxy begins with its servers, in its folder."""
FRONTENDS = ("clients", "admin")
ADMIN_CONNECTIONS = 100
"""Connections that only the frontend of the admin API can have."""
TEMPLATE = Path(__file__).with_name("haproxy.cfg.template")
ERRORS = {
    400: ("Invalid input", "the request is not valid HTTP"),
    403: ("Forbidden", "this is not served here"),
    404: ("Not found", "nothing is found here"),
    408: ("Request timeout", "the request did not come in time"),
    500: ("Internal error", "the load-balancer failed"),
    502: (
        "Bad gateway",
        "the server ended the connection without a valid answer; the request may have run",
    ),
    503: ("Service unavailable", "no server is available"),
    504: ("Timed out", "the server did not answer in time; the request may have run"),
}
MASK = "********"
_proxy_secrets = re.compile(
    rf"""(?:set-header {PROXY_HEADER}|proxy_secret\s*=)\s*(["'])([^"'\n]+)\1"""
).finditer
CID = "^[A-Za-z0-9-]{1,64}$"


@dataclass(frozen=True)
class Source:
    """Generated text, and with `core` the same without servers, to tell whether anything else
    differs. `origins` are the lines of the template that its lines come from, where that is not the
    plugin's own.
    """

    text: str
    core: str
    origins: tuple[int, ...] = ()

    def setting(self, line: int) -> str:
        """Return the setting that a line, counted from 1, comes from; empty where none is noted."""
        lines = self.text.splitlines()
        if not 0 < line <= len(lines):
            return ""
        return lines[line - 1].partition("# setting: ")[2].strip()

    def template_line(self, line: int) -> int:
        """Return the line of the template that a line, counted from 1, comes from; 0 if that is the
        plugin's own.
        """
        return self.origins[line - 1] if 0 < line <= len(self.origins) else 0


def milliseconds(seconds: float) -> int:
    """Return seconds as whole milliseconds, at least one."""
    return max(1, round(seconds * 1000))


def server_options(
    server: BalancedServer, section: LoadBalancerSection, authority: str = ""
) -> str:
    """Return the options of a server, the same in the configuration and when it is added live.

    `authority` is the path of `server_ca`, quoted as it has to be there.
    """
    health = section.health
    interval = milliseconds(health.interval)
    fast = milliseconds(health.fast_interval)
    words = f"{server.address} weight {weight(server)} check inter {interval}ms"
    words += f" fastinter {fast}ms downinter {fast}ms rise {health.rise} fall {health.fall}"
    words += f" pool-purge-delay {PURGE}"
    if server.maxconn:
        words += f" maxconn {server.maxconn}"
    if authority:
        words += f" ssl check-ssl verify required verifyhost {server.name} ca-file {authority}"
    return words


def weight(server: BalancedServer) -> int:
    """Return the weight for HAProxy: a server of weight 0 finishes what it has and gets nothing
    new.
    """
    return server.weight if server.state == "ready" else 0


def generate(section: LoadBalancerSection, folder: Path, template: str | None = None) -> Source:
    """Return the whole configuration; file names are relative to `folder`, and `template` is a text
    instead of the one that the section names. Raises `Invalid` for a template that cannot be used.
    """
    file = folder / section.template if section.template else TEMPLATE
    place = "the template" if template is not None else str(file)
    try:
        text = file.read_text() if template is None else template
        values = _values(section, folder)
        whole = filled(text, {**values, "servers": _lines(_servers(section, folder))})
        core = filled(text, {**values, "servers": ""})
    except OSError as error:
        raise Invalid({f"{SECTION}.template": f"{file} cannot be read: {error.strerror}"}) from None
    except ValueError as error:
        raise Invalid({f"{SECTION}.template": f"{place} cannot be used: {error}"}) from None
    is_own = file == TEMPLATE and template is None
    return Source(whole.text, core.text, () if is_own else whole.origins)


def _values(section: LoadBalancerSection, folder: Path) -> dict[str, object]:
    """Return the values for the template, besides the servers."""
    timeouts = section.timeouts
    longest = max(timeouts.client, timeouts.server) + timeouts.http_keep_alive + timeouts.queue + 5
    tls = _tls(section, folder)
    return {
        "http_request": milliseconds(timeouts.http_request),
        "http_keep_alive": milliseconds(timeouts.http_keep_alive),
        "client": milliseconds(timeouts.client),
        "server": milliseconds(timeouts.server),
        "connect": milliseconds(timeouts.connect),
        "queue": milliseconds(timeouts.queue),
        "maxconn": section.maxconn,
        "total_maxconn": section.maxconn + ADMIN_CONNECTIONS,
        "admission": _lines(_admission(section)),
        "retries": section.retries,
        "bind": section.https_bind if section.https_only else section.bind,
        "alive_path": section.alive_path,
        "balance": section.balance,
        "check": milliseconds(section.health.timeout),
        "check_path": section.health.path,
        "server_states": STATES,
        "hard_stop": milliseconds(longest),
        "tls": tls if is_secure(section, "bind") else "",
        "bind_setting": "certificate" if is_secure(section, "bind") else "bind",
        "https": _https(section, tls),
        "errors": _lines(_errors()),
        "rules": _lines(_rules(section, _schemes(section, "bind", "https_bind"))),
        "reuse": "http-reuse safe" if section.reuse else "option http-server-close",
        "front_rules": _lines(_front_rules(section)),
        "server_tls": _server_tls(section),
        "admin": _admin(section, tls if is_secure(section, "admin_bind") else ""),
    }


def _https(section: LoadBalancerSection, tls: str) -> str:
    """Return the line of the second address for clients; empty where there is one alone."""
    if not section.https_bind or section.https_only:
        return ""
    return f"    bind {section.https_bind}{tls}  # setting: certificate"


def _server_tls(section: LoadBalancerSection) -> str:
    """Return a line that differs where servers are spoken to by other means, which takes a reload."""
    if not section.server_ca:
        return "    # servers are spoken to over plain TCP"
    return f"    # servers are verified by {section.server_ca}  # setting: server_ca"


def _schemes(section: LoadBalancerSection, *names: str) -> set[str]:
    """Return which of http and https clients speak at the addresses of these settings."""
    listening = [name for name in addresses(section) if name in names]
    return {"https" if is_secure(section, name) else "http" for name in listening}


def _tls(section: LoadBalancerSection, folder: Path) -> str:
    """Return the options of TLS where clients connect; empty without a certificate."""
    if not section.certificate:
        return ""
    words = f" ssl crt {_quoted(str(folder / section.certificate))} alpn h2,http/1.1"
    if not section.client_ca:
        return words
    words += f" ca-file {_quoted(str(folder / section.client_ca))}"
    if section.client_certificates == "required":
        return f"{words} verify required"
    # whoever presents a certificate has proved to have its key; whether it is valid, servers judge
    return f"{words} verify optional ca-ignore-err all crt-ignore-err all"


def _servers(section: LoadBalancerSection, folder: Path) -> Iterable[str]:
    authority = _quoted(str(folder / section.server_ca)) if section.server_ca else ""
    for server in section.servers:
        disabled = " disabled" if server.state == "maint" else ""
        options = server_options(server, section, authority)
        yield f"server {server.name} {options}{disabled}  # setting: servers"


def _errors() -> Iterable[str]:
    """Yield HAProxy's own answers, as problem details (RFC 9457) with the correlation id of the
    request.
    """
    for status, (title, detail) in ERRORS.items():
        text = json.dumps(
            {"status": status, "title": title, "detail": detail, "cid": "CID"},
            separators=(",", ":"),
        )
        text = _quoted(text).replace("CID", "%[var(txn.cid)]")
        retry = " hdr Retry-After 1" if status == 503 else ""
        line = f"http-error status {status} content-type application/problem+json lf-string {text}"
        yield (
            line
            + f" hdr Cache-Control no-store hdr {OWN_CORRELATION_HEADER} %[var(txn.cid)]{retry}"
        )


def _rules(section: LoadBalancerSection, schemes: set[str]) -> Iterable[str]:
    """Yield the rules of every request: its correlation id, the log, and the headers that only a
    proxy may set. `schemes` are what clients speak: http, https, or both.
    """
    secure = "https" in schemes
    scheme = "%[ssl_fc,iif(https,http)]" if len(schemes) > 1 else "".join(schemes)
    yield "option http-restrict-req-hdr-names delete"
    yield "http-request set-var(txn.cid) uuid,regsub(-,,g),upper,bytes(0,27)"
    yield "http-request set-var-fmt(txn.cid) K%[var(txn.cid)]"
    for header in correlation_headers():
        yield f"http-request set-var(txn.cid) req.hdr({header}) if {{ req.hdr({header}) -m reg {CID} }}"
    yield f"http-request set-header {OWN_CORRELATION_HEADER} %[var(txn.cid)]"
    yield from (f"http-request del-header {prefix} -m beg" for prefix in FORGEABLE_PREFIXES)
    yield from (f"http-request del-header {name}" for name in forgeable_headers())
    yield "http-request set-header X-Forwarded-For %[src]"
    yield f"http-request set-header X-Forwarded-Proto {scheme}"
    if section.proxy_secret:
        secret = _quoted(section.proxy_secret)
        yield f"http-request set-header {PROXY_HEADER} {secret}  # setting: proxy_secret"
    if section.client_ca and secure:
        for header, fetch in (
            ("Client-Cert", "ssl_c_der"),
            ("Client-Cert-Chain", "ssl_c_chain_der"),
        ):
            given = f"{{ {fetch} -m found }}"
            yield f"http-request set-header {header} :%[{fetch},base64]: if {given}"
    if section.access_log:
        yield "http-request set-var(txn.path) path"
        yield "log stdout format raw daemon info"
        yield f"log-format {_quoted(_LOG)}"


# the query is left out, since it may hold secrets; HAProxy itself writes <BADREQ> and <NOSRV>
_LOG = (
    '{"time":"%[date,utime(%Y-%m-%dT%H:%M:%SZ)]","client":"%ci","cid":"%[var(txn.cid)]",'
    '"method":"%HM","path":"%[var(txn.path),json(utf8ps)]","status":%ST,"bytes":%B,'
    '"server":"%s","queue_ms":%Tw,"connect_ms":%Tc,'
    '"answer_ms":%Tr,"total_ms":%Ta,"retries":"%rc","end":"%ts"}'
)


def _admission(section: LoadBalancerSection) -> Iterable[str]:
    """Yield the limits of connections for each address, which grow narrower as it gets crowded.

    HAProxy closes no idle connection for a new one. So connections are not kept after an answer
    where there are many, by all clients or by the one.
    """
    limit = section.connections_per_address
    total = section.maxconn
    crowded = f"fe_conn gt {total // 2}"
    yield f"http-after-response set-header Connection close if {{ {crowded} }}"
    if not limit:
        return
    yield "stick-table type ipv6 size 100k expire 1m store conn_cur  # setting: connections_per_address"
    # whoever has one address of IPv6 has its whole network
    yield "tcp-request connection track-sc0 src,ipmask(32,64)"
    yield f"tcp-request connection reject if {{ sc0_conn_cur gt {limit} }}"
    for share, part in ((2, 5), (4, 25), (10, 125)):
        here = f"{{ fe_conn gt {total - total // share} }}"
        yield f"tcp-request connection reject if {here} {{ sc0_conn_cur gt {max(1, limit // part)} }}"
    yield f"http-after-response set-header Connection close if {{ sc0_conn_cur gt {limit // 2} }}"


def _front_rules(section: LoadBalancerSection) -> Iterable[str]:
    if not section.admin_in_front:
        yield "http-request return status 404 default-errorfiles if { path,url_dec -m beg /hansa/api }"
        # servers shut every other door to the admin API, whose addresses only they know
        yield "http-request set-header X-Hansa-Admin shut"


def _admin(section: LoadBalancerSection, tls: str) -> str:
    """Return the frontend that serves the admin API alone."""
    if not section.admin_bind:
        return ""
    lines = [
        f"bind {section.admin_bind}{tls}  # setting: admin_bind",
        f"maxconn {ADMIN_CONNECTIONS}",
        *_rules(section, _schemes(section, "admin_bind")),
        "http-request redirect code 302 location /hansa/api/docs if { path / }",
        "http-request return status 404 default-errorfiles unless { path -m beg /hansa/api/ }",
        f"default_backend {BACKEND}",
    ]
    return f"\nfrontend admin\n{_lines(lines)}\n"


def proxy_secrets_in(text: str) -> set[str]:
    """Return the secrets of the load-balancer in a stored or a generated configuration."""
    return {found[2] for found in _proxy_secrets(text)}


def hidden(text: str, secrets: Iterable[str]) -> str:
    """Return a text with a mask in place of secrets."""
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


def _quoted(text: str) -> str:
    """Return a word of HAProxy's configuration in double quotes, with nothing in it that it would
    expand.
    """
    for character in ("\\", '"', "$"):
        text = text.replace(character, "\\" + character)
    return f'"{text}"'
