"""Databases, files, mail, search and ERP: connections to what keeps data."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlsplit

from .mapping import Mapping
from .parts import Choice, Custom, Field, Reading, Unused, Writing
from .values import BOOLEAN, INTEGER, LINES, NUMBER, Unfit, Value, lines_of, one_of

_LOGIN: Final = (
    Field("username", "username", also=("user",)),
    Field("password", "password", secret=True),
)

_ENGINES: Final = one_of(
    {
        "postgresql": "postgresql",
        "postgresql+pg8000": "postgresql",
        "mysql": "mysql",
        "mysql+pymysql": "mysql",
        "oracle": "oracle",
        "sqlite": "sqlite",
        "mssql": "mssql+pymssql",
        "zato+mssql1": "mssql+pymssql",
    },
    what="engine",
)


def _read_options(value: object) -> object:
    """Read `key=value` lines, with numbers and truth values as such."""
    found: dict[str, object] = {}
    for line in lines_of(value):
        key, equals, text = line.partition("=")
        if not equals:
            raise Unfit(f"{line!r} is not of the form key=value")
        text = text.strip()
        plain: object = {"true": True, "false": False}.get(text.lower(), text)
        if isinstance(plain, str) and plain.lstrip("-").isdigit():
            plain = int(plain)
        found[key.strip()] = plain
    return found


def _write_options(value: object) -> object:
    if not isinstance(value, dict):
        raise Unfit("is not a table")
    return "\n".join(f"{key}={inner}" for key, inner in value.items())


def _read_database(reading: Reading) -> None:
    """Read the name of a database, which may have options of the driver after a question mark."""
    name, _, query = str(reading.first(("db_name",)) or "").partition("?")
    if not name:
        reading.fault("db_name", "is required")
        return
    reading.settings["database"] = name
    if query:
        options = dict(parse_qsl(query))
        reading.settings["options"] = {**options, **reading.settings.get("options", {})}
    if reading.settings.get("engine") == "sqlite":
        # Zato's forms ask for a login of any database, and SQLite has none
        reading.settings.pop("username", None)
        reading.settings.pop("password", None)


SQL: Final = Mapping(
    "outconn_sql",
    "outgoing",
    "sql",
    (
        Field("engine", "engine", _ENGINES, also=("type",), minimal="type", required=True),
        Field("host", "host", default="127.0.0.1"),
        Field("port", "port", INTEGER),
        *_LOGIN,
        Field("pool_size", "max_connections", INTEGER, default=10),
        Field("extra", "options", Value(_read_options, _write_options), default=""),
        Custom(
            ("db_name",),
            ("database",),
            _read_database,
            lambda writing: writing.put("db_name", writing.settings.get("database", "")),
        ),
    ),
    minimal="sql",
    quiet=frozenset({"engine_display_name"}),
)
FTP: Final = Mapping(
    "outconn_ftp",
    "outgoing",
    "ftp",
    (
        Field("host", "host", required=True),
        Field("port", "port", INTEGER, default=21),
        Field("user", "username", default="anonymous", also=("username",)),
        Field("password", "password", secret=True),
        Field("acct", "account", default=""),
        Field("timeout", "timeout", NUMBER, default=30),
        Custom(
            ("use_ftps", "is_ftps"),
            ("tls",),
            lambda reading: _read_tls(reading),
            lambda writing: writing.put("use_ftps", writing.settings.get("tls", True)),
        ),
    ),
    quiet=frozenset({"dircache", "default_directory"}),
)


def _read_tls(reading: Reading) -> None:
    """Read whether FTP is encrypted: in Zato it is not, unless the file says so."""
    try:
        reading.settings["tls"] = BOOLEAN.read(reading.first(("use_ftps", "is_ftps")) or False)
    except Unfit as unfit:
        reading.fault("use_ftps", str(unfit))


_MAIL: Final = (
    Field("host", "host", required=True),
    Field("port", "port", INTEGER),
    *_LOGIN,
    Field("timeout", "timeout", NUMBER, default=30),
)
SMTP: Final = Mapping(
    "email_smtp",
    "outgoing",
    "smtp",
    (
        *_MAIL,
        Choice(
            "mode",
            ("tls", "implicit"),
            {
                "starttls": (None, None),
                "ssl": (None, True),
                "plain": (False, None),
            },
            "starttls",
        ),
    ),
    minimal="email_smtp",
    quiet=frozenset({"is_debug", "ping_address"}),
)
IMAP: Final = Mapping(
    "email_imap",
    "outgoing",
    "imap",
    (
        *_MAIL,
        Choice(
            "mode",
            ("tls", "implicit"),
            {"ssl": (None, None), "starttls": (None, False), "plain": (False, False)},
            "ssl",
        ),
        Unused(
            "get_criteria",
            "criteria are an argument of `get`, UNSEEN by default",
            quiet=(None, "", "UNSEEN"),
        ),
        Unused("tenant_id", "Microsoft 365 has another login", "an IMAP server with a login"),
        Unused(
            "server_type", "the server speaks IMAP", quiet=(None, "", "generic-imap", "generic")
        ),
    ),
    minimal="email_imap",
    quiet=frozenset({"debug_level", "filter_criteria"}),
)
CASSANDRA: Final = Mapping(
    "def_cassandra",
    "outgoing",
    "cassandra",
    (
        Field("contact_points", "contact_points", LINES, required=True),
        Field("port", "port", INTEGER, default=9042),
        Field("proto_version", "protocol_version", INTEGER, default=4),
        Field("default_keyspace", "keyspace", default="", also=("keyspace",)),
        *_LOGIN,
        Custom(
            ("queries",),
            ("statements",),
            lambda reading: _read_queries(reading),
            lambda writing: None,  # each is an object of its own: see `queries_of`
        ),
        Unused("tls_ca_certs", "is a security definition of type tls_ca here", "tls_ca"),
        Unused(
            "tls_client_cert", "is a security definition of type tls_key here", "tls_certificate"
        ),
        Unused("tls_client_priv_key", "is a security definition of type tls_key here", "tls_key"),
    ),
    quiet=frozenset({"exec_size"}),
)


def _read_queries(reading: Reading) -> None:
    """Read the prepared statements, which the reader of files has gathered from query_cassandra."""
    queries = reading.item.get("queries")
    if not isinstance(queries, dict):
        return
    statements = {}
    for name, text in queries.items():
        if "?" in str(text):
            reading.lost(
                f"query_cassandra {name}",
                "its parameters have no names",
                "write :name for each ? in `statements`",
            )
        else:
            statements[name] = str(text)
    if statements:
        reading.settings["statements"] = statements


def _read_hosts(reading: Reading) -> None:
    hosts = lines_of(reading.first(("hosts", "host", "address")) or "")
    if not hosts:
        reading.fault("hosts", "is required")
        return
    first = hosts[0] if "://" in hosts[0] else f"http://{hosts[0]}"
    reading.settings["address"] = first
    if len(hosts) > 1:
        reading.lost("hosts", f"one address is called here: {first}", "a load-balancer before them")


ELASTIC: Final = Mapping(
    "search_es",
    "outgoing",
    "elasticsearch",
    (
        Custom(
            ("hosts", "host", "address"),
            ("address",),
            _read_hosts,
            lambda writing: writing.put("hosts", writing.settings.get("address", "")),
        ),
        Field("timeout", "timeout", NUMBER, default=10),
    ),
    minimal="elastic_search",
    quiet=frozenset({"body_as"}),
)
SOLR: Final = Mapping(
    "search_solr",
    "outgoing",
    "solr",
    (
        Field("address", "address", required=True),
        Field("timeout", "timeout", NUMBER, default=10),
        Field("pool_size", "pool_size", INTEGER, default=20),
        Unused("options", "Zato's options of pysolr have none of their kind"),
    ),
    quiet=frozenset({"ping_path"}),
)

_PROTOCOLS: Final = {"xmlrpc": "http", "xmlrpcs": "https", "jsonrpc": "http", "jsonrpcs": "https"}


def _read_odoo(reading: Reading) -> None:
    """Read the address, and the login, which is a security definition here."""
    item = reading.item
    host = str(item.get("host") or "")
    if not host:
        reading.fault("host", "is required")
        return
    protocol = str(item.get("protocol") or "xmlrpc")
    if protocol not in _PROTOCOLS:
        reading.fault("protocol", f"{protocol!r} is none of {', '.join(_PROTOCOLS)}")
        return
    reading.settings["address"] = f"{_PROTOCOLS[protocol]}://{host}:{item.get('port') or 8069}"
    reading.settings["protocol"] = "xml-rpc"
    login = item.get("security")
    if login:
        name = str(login)
        reading.security.add(name)
    else:
        name = f"odoo.{reading.name}"
        user = item.get("user") or item.get("username")
        if not user:
            reading.fault("user", "is required")
            return
        made: dict[str, object] = {"username": str(user), "signs": True}
        if item.get("password"):
            made["password"] = item["password"]
        reading.more["security", "basic", name] = made
    reading.signs.add(name)
    reading.settings["security"] = name


def _write_odoo(writing: Writing) -> None:
    settings = writing.settings
    if settings.get("protocol", "json-2") != "xml-rpc":
        writing.lost("protocol", "Zato speaks XML-RPC to Odoo, and no JSON-2")
    parts = urlsplit(str(settings.get("address", "")))
    secure = parts.scheme == "https"
    writing.put("host", parts.hostname or "")
    writing.put("port", parts.port or (443 if secure else 80))
    writing.put("protocol", "xmlrpcs" if secure else "xmlrpc")
    login = settings.get("security")
    if login:
        writing.put("security", login)
        found = writing.others.get(("security", "basic", str(login)), {})
        writing.put("user", found.get("username", ""))


ODOO: Final = Mapping(
    "outconn_odoo",
    "outgoing",
    "odoo",
    (
        Custom(
            ("host", "port", "protocol", "user", "username", "password", "security"),
            ("address", "protocol", "security"),
            _read_odoo,
            _write_odoo,
        ),
        Field("database", "database", default=""),
        Field("pool_size", "pool_size", INTEGER, default=20),
    ),
    minimal="odoo",
    note="the login is a security definition of its own",
    quiet=frozenset({"ping_timeout", "client_type"}),
)

CACHE: Final = Mapping(
    "cache_builtin",
    "data",
    "cache",
    (
        Field("max_size", "max_items", INTEGER, default=10_000),
        Field("max_item_size", "max_value", INTEGER, default=100_000),
        Field("extend_expiry_on_get", "extend_on_get", BOOLEAN, default=False),
        Unused("extend_expiry_on_set", "writing an entry sets its expiry anew"),
    ),
    minimal="cache",
    quiet=frozenset({"sync_method", "persistent_storage", "current_size"}),
)

REDIS: Final = Mapping(
    "outconn_redis",
    "outgoing",
    "redis",
    (
        Field("host", "host", required=True),
        Field("port", "port", INTEGER, default=6379),
        Field("db", "db", INTEGER, default=0),
        Field("password", "password", secret=True),
        Unused(
            "redis_sentinels",
            "Sentinel is an address here",
            "its setting address, redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB",
        ),
    ),
    quiet=frozenset({"redis_sentinels_master", "use_redis_sentinels"}),
)

DATA: Final = (SQL, FTP, SMTP, IMAP, CASSANDRA, ELASTIC, SOLR, ODOO, CACHE, REDIS)
