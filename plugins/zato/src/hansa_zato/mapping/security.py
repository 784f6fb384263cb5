"""Security definitions: Zato's `def_sec`, and `security` of minimal files."""

from __future__ import annotations

from typing import Final

from .mapping import Mapping
from .parts import Custom, Field, Reading, Unused, Writing
from .values import BOOLEAN, INTEGER, TABLE, TEXT, Unfit, Value, one_of

_OBSOLETE: Final = (
    Unused("proto_version", "OAuth has the version 1.0a here", quiet=(None, "", "1.0", "1.0a")),
    Unused(
        "max_nonce_log", "nonces are kept as long as they are valid", quiet=(None, 25000, "25000")
    ),
)

USERNAME: Final = Field("username", "username", required=True)
PASSWORD: Final = Field("password", "password", also=("secret",), secret=True)


def _read_realm(value: object) -> object:
    return str(value)


_HEADER: Final = Field("header", "header")


def _read_header(reading: Reading) -> None:
    """Read the header of an API key, which in minimal files is not its username."""
    _HEADER.read(reading)
    if reading.item.get("username") and "header" not in reading.settings:
        why = "is a name alone in minimal files: the header is X-API-Key"
        reading.differs("username", why, "the key `header` names another one")


def _read_name(reading: Reading) -> None:
    """Read the user name of a technical account, which is its name."""
    reading.settings["username"] = str(reading.first(("username", "name")) or "")


def _read_ntlm(reading: Reading) -> None:
    """Split DOMAIN\\user."""
    given = str(reading.item.get("username") or "")
    domain, backslash, user = given.rpartition("\\")
    if not user:
        reading.fault("username", "is required")
        return
    reading.settings["username"] = user
    if backslash:
        reading.settings["domain"] = domain.rstrip("\\")


def _write_ntlm(writing: Writing) -> None:
    domain = writing.settings.get("domain")
    user = writing.settings.get("username", "")
    writing.put("username", f"{domain}\\{user}" if domain else user)


def _signature(value: object) -> object:
    if value in ("HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT"):
        return [value]
    raise Unfit(f"there is no signature method {value!r} here")


def _first(value: object) -> object:
    if isinstance(value, list) and len(value) == 1 and value[0] != "HMAC-SHA256":
        return value[0]
    raise Unfit("Zato takes one signature method, HMAC-SHA1 or PLAINTEXT")


def _read_key_pair(reading: Reading) -> None:
    """Split a PEM text into the certificate and its key."""
    text = str(reading.first(("value", "auth_data")) or "")
    certificates: list[str] = []
    keys: list[str] = []
    for block in text.split("-----BEGIN ")[1:]:
        pem = "-----BEGIN " + block.strip() + "\n"
        (keys if "PRIVATE KEY-----" in block else certificates).append(pem)
    if not certificates:
        reading.fault("value", "has no certificate in PEM")
        return
    reading.settings["certificate"] = "".join(certificates)
    if keys:
        reading.settings["key"] = "".join(keys)


def _write_key_pair(writing: Writing) -> None:
    writing.put("value", writing.settings.get("certificate", ""))
    writing.lost("key", "exports have no private keys")


def _wss_type(value: object) -> object:
    if value == "clear_text":
        return value
    raise Unfit(f"there is no password type {value!r} here")


BASIC: Final = Mapping(
    "def_sec.basic_auth",
    "security",
    "basic",
    (USERNAME, PASSWORD, Field("realm", "realm", Value(_read_realm, _read_realm), default="")),
    minimal="security.basic_auth",
)
API_KEY: Final = Mapping(
    "def_sec.apikey",
    "security",
    "apikey",
    (
        Field("username", "header", default="X-API-Key", also=("header",)),
        Field("password", "key", secret=True, also=("secret",)),
    ),
)
MINIMAL_API_KEY: Final = Mapping(
    "security.apikey",
    "security",
    "apikey",
    (
        Custom(("header", "username"), ("header",), _read_header, _HEADER.write),
        Field("password", "key", secret=True),
    ),
    minimal="security.apikey",
)
WSS: Final = Mapping(
    "def_sec.wss",
    "security",
    "wss",
    (
        USERNAME,
        PASSWORD,
        Field("password_type", "password_type", Value(_wss_type, _wss_type), default="clear_text"),
        Field("reject_empty_nonce_creat", "reject_empty_nonce_creat", BOOLEAN, default=True),
        Field("reject_stale_tokens", "reject_stale_tokens", BOOLEAN, default=True),
        Field("reject_expiry_limit", "reject_expiry_limit", INTEGER, default=300),
        Field("nonce_freshness_time", "nonce_freshness_time", INTEGER, default=300),
    ),
)
OAUTH: Final = Mapping(
    "def_sec.oauth",
    "security",
    "oauth1",
    (
        Field("username", "consumer_key", required=True),
        Field("password", "consumer_secret", also=("secret",), secret=True),
        Field("sig_method", "signature_methods", Value(_signature, _first)),
        *_OBSOLETE,
    ),
)
XPATH: Final = Mapping(
    "def_sec.xpath_sec",
    "security",
    "xpath",
    (
        USERNAME,
        PASSWORD,
        Field("username_expr", "username_expr", required=True),
        Field("password_expr", "password_expr", required=True),
    ),
)
NTLM: Final = Mapping(
    "def_sec.ntlm",
    "security",
    "ntlm",
    (Custom(("username",), ("username", "domain"), _read_ntlm, _write_ntlm), PASSWORD),
    minimal="security.ntlm",
)
AWS: Final = Mapping(
    "def_sec.aws",
    "security",
    "aws",
    (
        Field("username", "access_key_id", required=True),
        Field("password", "secret_access_key", also=("secret",), secret=True),
        Custom(
            (),
            ("region", "service"),
            lambda reading: reading.settings.update(region="us-east-1", service="s3"),
            lambda writing: None,
        ),
    ),
    note="the region us-east-1 and the service s3 are assumed, which Zato does not name",
)
OPENSTACK: Final = Mapping(
    "def_sec.openstack",
    "security",
    "basic",
    (
        USERNAME,
        PASSWORD,
        Custom((), ("signs",), lambda reading: reading.settings.update(signs=True), lambda _: None),
    ),
    exported=False,
)
TECHNICAL_ACCOUNT: Final = Mapping(
    "def_sec.tech_acc",
    "security",
    "basic",
    (Custom(("username",), ("username",), _read_name, USERNAME.write), PASSWORD),
    note="callers send HTTP Basic, and not the headers X-Zato-User and X-Zato-Password",
    exported=False,
    quiet=frozenset({"salt", "expected_password"}),
)
JWT: Final = Mapping(
    "def_sec.jwt",
    "security",
    "basic",
    (USERNAME, PASSWORD),
    note="callers send HTTP Basic, and ask for no token at /zato/jwt/log-in",
    exported=False,
    quiet=frozenset({"ttl"}),
)
BEARER: Final = Mapping(
    "def_sec.bearer_token",
    "security",
    "oauth2",
    (
        Field("username", "client_id", required=True),
        Field("password", "client_secret", also=("secret",), secret=True),
        Field("auth_endpoint", "token_url", required=True, also=("auth_server_url",)),
        Field("scopes", "scope", TEXT),
        Field("extra_fields", "parameters", TABLE),
        Field(
            "grant_type",
            "grant",
            one_of({"client_credentials": "client_credentials"}, what="grant type"),
        ),
        Unused(
            "client_id_field", "the field is client_id", quiet=(None, "", "username", "client_id")
        ),
        Unused(
            "client_secret_field",
            "the field is client_secret",
            quiet=(None, "", "password", "client_secret"),
        ),
        Unused("data_format", "requests for tokens are forms", quiet=(None, "", "form")),
    ),
    minimal="security.bearer_token",
)
KEY_PAIR: Final = Mapping(
    "def_sec.tls_key_cert",
    "security",
    "tls_key",
    (
        Custom(("value", "auth_data"), ("certificate", "key"), _read_key_pair, _write_key_pair),
        Unused("info", "is derived from the certificate", quiet=(None, "")),
    ),
    quiet=frozenset({"info"}),
)
AUTHORITY: Final = Mapping(
    "tls_ca_cert",
    "security",
    "tls_ca",
    (Field("value", "certificates", required=True),),
    quiet=frozenset({"info"}),
)

SECURITY: Final = (
    BASIC,
    API_KEY,
    MINIMAL_API_KEY,
    WSS,
    OAUTH,
    XPATH,
    NTLM,
    AWS,
    OPENSTACK,
    TECHNICAL_ACCOUNT,
    JWT,
    BEARER,
    KEY_PAIR,
    AUTHORITY,
)
