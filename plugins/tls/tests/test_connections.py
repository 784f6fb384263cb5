"""Certificates and keys from definitions, as a library reads them that knows files alone: libpq."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hansa import Security, Unavailable, load
from hansa_devkit import LocalServer
from hansa_tls.authority import TlsAuthority
from hansa_tls.key import TlsKey

from plugins.sql.tests.support import make, settings_of
from plugins.sql.tests.test_faults import CertifyingPostgreSQL
from plugins.tls.tests.authority import Authority, Issued

pytestmark = pytest.mark.evidence("tls", "real_server")


def definition(cls: Any, **settings: object) -> Security[Any]:
    made: Security[Any] = cls("own", load(cls.Config, settings), LocalServer())
    made.start()
    return made


def key_of(issued: Issued, **more: object) -> Security[Any]:
    return definition(TlsKey, certificate=issued.pem, key=issued.key_pem, **more)


def test_a_database_is_trusted_and_logged_in_to_by_definitions(tmp_path: Path):
    authority = Authority("root")
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    usage = ExtendedKeyUsageOID.SERVER_AUTH
    own = authority.issue("CN=database", address, usage=usage)
    database = CertifyingPostgreSQL()
    database.write("key.pem", own.key_pem)
    database.write("server.pem", own.pem)
    database.write("ca.pem", authority.pem)
    right = key_of(authority.issue("CN=certified"), username="certified")
    wrong = key_of(Authority("stranger").issue("CN=certified"), username="certified")
    trusted = definition(TlsAuthority, certificates=authority.pem)
    with database:
        place = settings_of(database.database(), "postgresql")
        database.execute("CREATE ROLE certified LOGIN")
        del place["username"], place["password"]
        place |= {"tls": True, "tls_ca": "trusted", "security": "key"}
        for key in (right, wrong):
            server = LocalServer(directory=tmp_path, security={"trusted": trusted, "key": key})
            db = make(server, **place)
            if key is wrong:
                with pytest.raises(Unavailable, match=r"(?i)unknown ca|certificate"):
                    db.start()
            else:
                db.start()
                assert db.one("SELECT current_user AS who") == {"who": "certified"}
            db.stop()
    for each in (right, wrong, trusted):
        each.stop()
