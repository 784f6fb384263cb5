"""A database that is killed and comes back, is slow, drops connections silently, refuses
credentials, or shows a wrong certificate.
"""

from __future__ import annotations

import itertools
import threading
import time
from types import SimpleNamespace
from typing import ClassVar

import pytest
from hansa import Login, TimedOut, Unavailable
from hansa_devkit import LocalServer
from hansa_devkit.faults import Proxy
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.servers_sql import MariaDB, PostgreSQL
from hansa_sql.outgoing import SqlOutgoing

from plugins.sql.tests.support import certificate, make, pem, settings_of

SERVERS = pytest.mark.parametrize(
    ("cls", "engine"), [(PostgreSQL, "postgresql"), (MariaDB, "mariadb")]
)


@pytest.fixture(
    scope="module",
    params=[(PostgreSQL, "postgresql"), (MariaDB, "mariadb")],
    ids=["postgresql", "mariadb"],
)
def mortal(request):
    """A server to be killed and stopped, and the name of its engine."""
    cls, engine = request.param
    with cls() as server:
        yield server, engine


@pytest.fixture
def local(tmp_path):
    """A facade that notes what is lost."""
    return LocalServer(directory=tmp_path)


def test_killed_and_back(mortal, local):
    server, engine = mortal
    db = make(local, **settings_of(server.database(), engine), timeout=2, connect_timeout=1)
    db.start()
    try:
        assert db.one("SELECT 1 AS one") == {"one": 1}
        server.kill()
        began = time.monotonic()
        with pytest.raises((Unavailable, TimedOut), match="outgoing sql 'db'"):
            db.one("SELECT 1 AS one")
        assert time.monotonic() - began < 6
        wait_until(lambda: db in local.losses, 20, "core is told")
        server.start()
        wait_until(lambda: _answers(db), 10, "it goes on by itself")
    finally:
        db.stop()


def test_a_kill_is_noticed_without_any_call(mortal, local, monkeypatch):
    monkeypatch.setattr("hansa_connect.pool.CHECK_EVERY", 0.2)
    server, engine = mortal
    db = make(local, **settings_of(server.database(), engine), timeout=2, connect_timeout=1)
    db.start()
    try:
        server.kill()
        wait_until(lambda: db in local.losses, 5, "core is told")
    finally:
        db.stop()
        server.start()


def _answers(db):
    try:
        return db.one("SELECT 1 AS one") == {"one": 1}
    except (Unavailable, TimedOut):
        return False


def test_stopped_in_its_tracks_and_going_on(mortal, local):
    server, engine = mortal
    db = make(local, **settings_of(server.database(), engine), timeout=1, connect_timeout=1)
    db.start()
    try:
        server.pause()
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(TimedOut, match="outgoing sql 'db'"):
                db.one("SELECT 1 AS one")
            assert time.monotonic() - began < 5
        server.resume()
        wait_until(lambda: _answers(db), 10, "it goes on by itself")
    finally:
        db.stop()


@SERVERS
@pytest.mark.parametrize("when", ["statement", "commit"])
def test_connections_that_are_dropped_silently(cls, engine, when, local, real_server):
    server = real_server(cls)
    with Proxy(server.port) as proxy:
        db = make(
            local, **settings_of(server.database(proxy.port), engine), timeout=1, connect_timeout=1
        )
        db.start()
        try:
            db.execute("CREATE TABLE t (n INTEGER)")
            began = time.monotonic()
            with (
                pytest.raises(TimedOut, match="outgoing sql 'db'"),
                db.transaction() as transaction,
            ):
                _drop(proxy, transaction, when)
            assert time.monotonic() - began < 5
            began = time.monotonic()
            with pytest.raises((TimedOut, Unavailable)):
                db.one("SELECT 1 AS one")
            assert time.monotonic() - began < 5
            wait_until(lambda: db in local.losses, 20, "core is told")
            proxy.mode = "pass"
            wait_until(lambda: _answers(db), 10, "it goes on by itself")
        finally:
            db.stop()


def _drop(proxy, transaction, when):
    if when == "statement":
        proxy.mode = "drop"
    transaction.execute("INSERT INTO t VALUES (1)")
    proxy.mode = "drop"


@SERVERS
def test_refused_credentials(cls, engine, local, real_server):
    place = settings_of(real_server(cls).database(), engine)
    for wrong in ({"password": "not-the-password"}, {"username": "nobody"}):
        db = make(local, **{**place, **wrong})
        with pytest.raises(
            Unavailable, match=r"(?i)password authentication failed|access denied"
        ) as refused:
            db.start()
        assert "not-the-password" not in str(refused.value)
        db.stop()


class TlsPostgreSQL(PostgreSQL):
    """With a certificate."""

    options = {
        **PostgreSQL.options,
        "ssl": "on",
        "ssl_cert_file": "../server.pem",
        "ssl_key_file": "../key.pem",
    }


class TlsMariaDB(MariaDB):
    """With a certificate."""

    def command(self):
        return [
            *super().command(),
            f"--ssl-cert={self.folder}/server.pem",
            f"--ssl-key={self.folder}/key.pem",
        ]


@pytest.mark.evidence("tls")
@pytest.mark.parametrize(
    ("cls", "engine"), [(TlsPostgreSQL, "postgresql"), (TlsMariaDB, "mariadb")]
)
def test_certificates(cls, engine, local, tmp_path):
    authority, stranger = certificate("our authority"), certificate("a stranger")
    (tmp_path / "ca.pem").write_text(pem(authority[1]))
    (tmp_path / "stranger.pem").write_text(pem(stranger[1]))
    server = cls()
    key, own = certificate("server", authority, "127.0.0.1")
    server.write("key.pem", pem(key))
    server.write("server.pem", pem(own))
    with server:
        place = {**settings_of(server.database(), engine), "timeout": 5}
        db = make(local, **place, tls=True, tls_ca=f"{tmp_path}/ca.pem")
        db.start()
        encrypted = {
            "postgresql": "SELECT ssl AS x FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
            "mariadb": "SELECT variable_value <> '' AS x FROM information_schema.session_status"
            " WHERE variable_name = 'Ssl_cipher'",
        }
        assert db.one(encrypted[engine]) == {"x": 1}
        db.stop()
        cases = itertools.product([f"{tmp_path}/stranger.pem", ""], ["127.0.0.1"])
        for ca, host in [*cases, (f"{tmp_path}/ca.pem", "localhost")]:
            db = make(local, **{**place, "host": host}, tls=True, tls_ca=ca)
            with pytest.raises(Unavailable, match=r"(?i)certificate|mismatch"):
                db.start()
            db.stop()


class CertifyingPostgreSQL(TlsPostgreSQL):
    """Lets `certified` in by a client certificate of our authority, and nobody else so."""

    options: ClassVar[dict[str, str]] = {**TlsPostgreSQL.options, "ssl_ca_file": "../ca.pem"}

    def command(self):
        rules = "hostssl all certified all cert\nhost all all all scram-sha-256\n"
        return [*super().command(), "-c", f"hba_file={self.write('hba.conf', rules)}"]


def test_a_security_definition_supplies_a_client_certificate(local, tmp_path):
    authority, stranger = certificate("our authority"), certificate("a stranger")
    (tmp_path / "ca.pem").write_text(pem(authority[1]))
    for name, signer in (("right", authority), ("wrong", stranger)):
        key, own = certificate("certified", signer)
        (tmp_path / f"{name}.crt").write_text(pem(own))
        (tmp_path / f"{name}.key").write_text(pem(key))
        (tmp_path / f"{name}.key").chmod(0o600)
    server = CertifyingPostgreSQL()
    key, own = certificate("server", authority, "127.0.0.1")
    server.write("key.pem", pem(key))
    server.write("server.pem", pem(own))
    server.write("ca.pem", pem(authority[1]))
    with server:
        place = settings_of(server.database(), "postgresql")
        server.execute("CREATE ROLE certified LOGIN")
        del place["username"], place["password"]
        place |= {"tls": True, "tls_ca": f"{tmp_path}/ca.pem", "security": "presented"}

        def connected(name: str) -> SqlOutgoing:
            own = f"{tmp_path}/{name}.crt"
            key = f"{tmp_path}/{name}.key"
            login = Login(username="certified", certificate=own, key=key)
            security = {"presented": SimpleNamespace(login=lambda: login)}
            return make(LocalServer(directory=tmp_path, security=security), **place)

        db = connected("right")
        db.start()
        assert db.one("SELECT current_user AS who") == {"who": "certified"}
        db.stop()
        refused = connected("wrong")
        with pytest.raises(Unavailable, match=r"(?i)unknown ca|certificate"):
            refused.start()
        refused.stop()


@SERVERS
def test_one_slow_call_does_not_hold_up_others(cls, engine, local, real_server):
    db = make(local, **settings_of(real_server(cls).database(), engine), timeout=4)
    db.start()
    try:
        told = []

        def slow():
            try:
                db.one({"postgresql": "SELECT pg_sleep(20)", "mariadb": "SELECT SLEEP(20)"}[engine])
            except TimedOut as error:
                told.append(error)

        thread = threading.Thread(target=slow)
        thread.start()
        while thread.is_alive():
            began = time.monotonic()
            assert db.one("SELECT 1 AS one") == {"one": 1}
            assert time.monotonic() - began < 3
        assert told and not local.losses
    finally:
        db.stop()
