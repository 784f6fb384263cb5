"""Channels and outgoing connections over HTTP: plain, REST and SOAP."""

from __future__ import annotations

from typing import Final

from .mapping import Mapping
from .parts import Choice, Custom, Field, Reading, Unused, Writing
from .policies import CACHE_KEYS, POLICIES, RATE_KEYS
from .references import FORMAT, GUARD, SERVICE, SIGNATURE
from .values import BOOLEAN, INTEGER, NUMBER, TEXT, Unfit, Value, one_of

_COMMON: Final = frozenset(
    {
        "audit_enabled",
        "audit_back_log",
        "audit_max_payload",
        "audit_repl_patt_type",
        "content_type",
        "http_accept",
        "should_parse_on_input",
        "should_validate",
        "should_return_errors",
        "data_encoding",
        "has_sso",
        "is_audit_log_received_active",
        "is_audit_log_sent_active",
        "max_len_messages_received",
        "max_len_messages_sent",
        "max_bytes_per_message_received",
        "max_bytes_per_message_sent",
        "hl7_version",
        "host",
        "json_path",
        "is_audit_log_active",
        "ping_method",
        "pool_size",
        "sec_tls_ca_cert_id",
        "serialization_type",
        "service_whitelist",
        "should_include_in_openapi",
        "timeout",
    }
)
"""Keys that every export has, and that do nothing unless others say so, which are told."""
_OF_CHANNELS: Final = {*RATE_KEYS, *CACHE_KEYS}

_UNUSED: Final = (
    Unused(
        "has_rbac",
        "no role that is carried over may call it, and without one it would be open to more callers",
        "create a role (`hansa role create`), then the channel with `has_rbac` off",
        fatal=True,
    ),
    Unused(
        "sec_use_rbac",
        "no role that is carried over may call it: it would be open to everybody",
        "create a security definition, then the channel with `sec_def` naming it",
        fatal=True,
    ),
    Unused("rate_limiting", "limits are set on the channel here", "its setting limits.rate"),
    Unused("response_cache", "its form is not known here", "its setting response_cache"),
    Unused(
        "params_pri",
        "values of path and query precede those of the body",
        quiet=(None, "", "channel-params-over-msg"),
    ),
    Unused(
        "content_encoding", "answers are compressed as callers accept it", quiet=(None, "", "gzip")
    ),
    Unused("gateway_service_list", "a channel has one service"),
)

_PATH: Final = (
    Field("url_path", "url_path", required=True),
    Field("match_slash", "match_slash", BOOLEAN),
    Field("merge_url_params_req", "merge_url_params_req", BOOLEAN, default=True),
    Field(
        "url_params_pri",
        "url_params_pri",
        one_of(
            {"qs-over-path": "query-over-path", "path-over-qs": "path-over-query"},
            what="order of parameters",
        ),
        default="qs-over-path",
    ),
)


def _read_method(value: object) -> object:
    return str(value).strip().upper()


def _write_method(value: object) -> object:
    methods = value if isinstance(value, list) else str(value).replace(",", " ").split()
    if len(methods) > 1:
        raise Unfit("a channel of Zato takes one method, or any")
    return methods[0] if methods else ""


def _read_format(reading: Reading) -> None:
    """Read the data format; a form is one that becomes the input here."""
    given = reading.first(("data_format",))
    if given in ("post", "form"):
        reading.settings["forms"] = {"enabled": True}
        return
    FORMAT.read(reading)


def _write_format(writing: Writing) -> None:
    forms = writing.settings.get("forms")
    if isinstance(forms, dict) and forms.get("enabled") and not writing.settings.get("format"):
        writing.put("data_format", "post")
        return
    FORMAT.write(writing)


def _address(reading: Reading) -> None:
    """Read the address to call: Zato's `host` has the scheme, and may have a path."""
    host = str(reading.first(("host", "address")) or "").strip()
    if not host:
        reading.fault("host", "is required")
        return
    if "://" not in host:
        reading.fault("host", "does not begin with http:// or https://")
        return
    reading.settings["address"] = host
    path = reading.first(("url_path",))
    if path not in (None, ""):
        reading.settings["url_path"] = str(path)
    if reading.item.get("serialization_type", reading.item.get("serialization")) == "suds":
        reading.settings["wsdl"] = host.rstrip("/") + str(path or "")


def _write_address(writing: Writing) -> None:
    address = writing.settings.get("address", "")
    path = writing.settings.get("url_path", "")
    writing.put("host", address)
    if path or writing.generation != "minimal":
        writing.put("url_path", path)
    wsdl = writing.settings.get("wsdl")
    if wsdl is None:
        return
    if wsdl == str(address).rstrip("/") + str(path):
        writing.put("serialization_type", "suds")
    else:
        writing.lost("wsdl", "Zato takes the WSDL of the address itself")


def _read_verify(reading: Reading) -> None:
    """Read whether, and by which authority, the server's certificate is verified."""
    verify = reading.first(("tls_verify", "validate_tls"))
    if verify is not None and str(verify).lower() in ("false", "no", "off", "0"):
        reading.settings["verify"] = False
    authority = reading.first(("sec_tls_ca_cert_name", "sec_tls_ca_cert", "tls_ca_cert"))
    if authority in (None, "", "ZATO_DEFAULT", "ZATO_DEFAULT_CA_CERT", "default-bundle"):
        return
    if authority in ("ZATO_SKIP", "Skip validation", "zato-skip"):
        reading.settings["verify"] = False
        return
    reading.security.add(str(authority))
    reading.settings["tls_ca"] = str(authority)


def _write_verify(writing: Writing) -> None:
    if writing.settings.get("verify") is False:
        writing.put("tls_verify", False)
    if writing.settings.get("tls_ca"):
        writing.put("sec_tls_ca_cert", writing.settings["tls_ca"])


_VERIFY: Final = Custom(
    (
        "tls_verify",
        "validate_tls",
        "sec_tls_ca_cert_name",
        "sec_tls_ca_cert",
        "tls_ca_cert",
        "sec_tls_ca_cert_id",
    ),
    ("verify", "tls_ca"),
    _read_verify,
    _write_verify,
)
_CALL: Final = (
    SIGNATURE,
    Field("ping_method", "ping_method", Value(_read_method, _read_method), default="HEAD"),
    Field("pool_size", "pool_size", INTEGER, default=20),
    Field("timeout", "timeout", NUMBER, default=10),
    _VERIFY,
    Unused("username", "is a security definition here", "def_sec, named by sec_def"),
    Unused("password", "is a security definition here", "def_sec, named by sec_def"),
    Unused("is_rate_limit_active", "limits are those of channels here"),
)

CHANNEL_PLAIN: Final = Mapping(
    "channel_plain_http",
    "channel",
    "http",
    (
        SERVICE,
        *_PATH,
        Field("method", "method", Value(_read_method, _write_method), default=""),
        Custom(("data_format",), ("format", "forms"), _read_format, _write_format),
        GUARD,
        *POLICIES,
        *_UNUSED,
        Unused("soap_action", "a plain channel has none"),
        Unused("soap_version", "a plain channel has none"),
    ),
    minimal="channel_rest",
    quiet=_COMMON,
)
CHANNEL_SOAP: Final = Mapping(
    "channel_soap",
    "channel",
    "soap",
    (
        SERVICE,
        *_PATH,
        Field("soap_action", "soap_action", TEXT, default=""),
        Choice("soap_version", ("soap_version",), {"1.1": (None,), "1.2": ("1.2",)}, "1.1"),
        GUARD,
        *POLICIES,
        *_UNUSED,
    ),
    minimal="channel_soap",
    quiet=_COMMON | {"method", "data_format"},
)
OUTGOING_PLAIN: Final = Mapping(
    "outconn_plain_http",
    "outgoing",
    "http",
    (
        Custom(("host", "address", "url_path"), ("address", "url_path"), _address, _write_address),
        FORMAT,
        *_CALL,
    ),
    minimal="outgoing_rest",
    quiet=_COMMON
    | {
        *_OF_CHANNELS,
        "method",
        "soap_action",
        "soap_version",
        "serialization_type",
        "merge_url_params_req",
        "url_params_pri",
        "params_pri",
        "has_rbac",
        "sec_use_rbac",
    },
)
OUTGOING_SOAP: Final = Mapping(
    "outconn_soap",
    "outgoing",
    "soap",
    (
        Custom(
            ("host", "address", "url_path", "serialization_type", "serialization"),
            ("address", "url_path", "wsdl"),
            _address,
            _write_address,
        ),
        Field("soap_action", "soap_action", TEXT, default=""),
        Choice("soap_version", ("soap_version",), {"1.1": (None,), "1.2": ("1.2",)}, "1.1"),
        *_CALL,
    ),
    minimal="outgoing_soap",
    quiet=_COMMON
    | {
        *_OF_CHANNELS,
        "method",
        "data_format",
        "merge_url_params_req",
        "url_params_pri",
        "params_pri",
        "has_rbac",
        "sec_use_rbac",
    },
)

HTTP: Final = (CHANNEL_PLAIN, CHANNEL_SOAP, OUTGOING_PLAIN, OUTGOING_SOAP)
