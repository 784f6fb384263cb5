"""The databases that the tests use, and certificates for those that speak TLS."""

from __future__ import annotations

import datetime
import ipaddress
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hansa import load
from hansa_devkit import LocalServer
from hansa_devkit.servers_sql import MariaDB, PostgreSQL, SqlServer
from hansa_sql.outgoing import SqlOutgoing
from sqlalchemy.engine import make_url

SERVERS: dict[str, type[SqlServer] | None] = {
    "postgresql": PostgreSQL,
    "mariadb": MariaDB,
    "sqlite": None,
}
BYTES = {"postgresql": "BYTEA", "mariadb": "LONGBLOB", "sqlite": "BLOB"}
KEY = {
    "postgresql": "BIGSERIAL PRIMARY KEY",
    "mariadb": "BIGINT AUTO_INCREMENT PRIMARY KEY",
    "sqlite": "INTEGER PRIMARY KEY AUTOINCREMENT",
}


def settings_of(url: str, engine: str) -> dict[str, Any]:
    """The settings of an outgoing connection to a database."""
    found = make_url(url)
    place = {"host": found.host, "port": found.port, "database": found.database}
    return {"engine": engine, "username": found.username, "password": found.password, **place}


def new_database(real_server: Any, engine: str, folder: Any, port: int = 0) -> dict[str, Any]:
    """The settings of a new, empty database."""
    if (cls := SERVERS[engine]) is None:
        return {"engine": "sqlite", "database": f"{folder}/test.db"}
    return settings_of(real_server(cls).database(port=port), engine)


def make(server: LocalServer, name: str = "db", **settings: Any) -> SqlOutgoing:
    """An outgoing connection, not started."""
    model = type(
        "Definition", (SqlOutgoing.Config, SqlOutgoing.common), {"__doc__": "One definition."}
    )
    return SqlOutgoing(name, load(model, settings), server)


def certificate(
    name: str, signer: tuple[Any, Any] | None = None, host: str = ""
) -> tuple[Any, Any]:
    """A key and a certificate: of an authority, or signed by one for a host."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(own).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(
        now + datetime.timedelta(days=1)
    )
    builder = builder.issuer_name(signer[1].subject if signer else own)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=signer is None, path_length=None), critical=True
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    above = signer[0] if signer else key
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key())
    builder = builder.add_extension(identifier, critical=False).add_extension(
        authority, critical=False
    )
    if host:
        names = (
            [x509.IPAddress(ipaddress.ip_address(host))]
            if host[0].isdigit()
            else [x509.DNSName(host)]
        )
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return key, builder.sign(above, hashes.SHA256())


def pem(thing: Any) -> str:
    """A key or a certificate as PEM."""
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(serialization.Encoding.PEM).decode()
    plain = serialization.NoEncryption()
    return thing.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain
    ).decode()


def issued() -> tuple[str, str]:
    """The certificate of an authority, and what a server at 127.0.0.1 has of it: key and certificate."""
    authority = certificate("issuer")
    key, signed = certificate("server", authority, "127.0.0.1")
    return pem(authority[1]), pem(key) + pem(signed)
