"""The running server with all services of sources/, and the real servers that they talk to."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import redis
import zmq
from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.harness.ports import free_port
from hansa_devkit.servers_redis import Valkey
from hansa_devkit.servers_sql import MariaDB, PostgreSQL, SqlServer

from plugins.amqp.tests.rabbitmq import RabbitMQ
from plugins.cassandra.tests.servers import CassandraStandIn
from plugins.ftp.tests.servers import Vsftpd
from plugins.ibmmq.tests.mqweb_server import MqwebServer
from plugins.imap.tests.servers import Dovecot
from plugins.ldap.tests.slapd import PEOPLE, SERVICE, SERVICE_PASSWORD, Slapd
from plugins.odoo.tests.servers import OdooStandIn
from plugins.s3.tests.seaweed import SeaweedFS
from plugins.search.tests.servers import EngineStandIn, SolrStandIn
from plugins.smtp.tests.servers import MailServer
from plugins.sql.tests.support import settings_of
from plugins.swift.tests.swift_server import Storage, Swift
from tests.scenarios.zato_services.peers import Peers, peers

HERE = Path(__file__).parent
SOURCES = sorted((HERE / "sources").glob("*.py"))
PASSWORD = "a password of the partner"  # of these tests alone
PLUGINS = (
    "amqp cache cassandra csv dictionary files form ftp ibmmq imap ldap odoo pubsub queue redis s3"
    " scheduler search smtp soap soap-client sql swift websocket xml zato zeromq"
)
SECRETS = {"repository": "r-secret", "payments": "p-secret", "outgoing": "o-secret"}
STATEMENTS = {
    "archive_order": "INSERT INTO orders (id, customer, amount) VALUES (:id, :customer, :amount)",
    "archived_order": "SELECT * FROM orders WHERE id = :id",
}
STOCK = "CREATE TABLE stock (sku VARCHAR(20) PRIMARY KEY, pieces INTEGER)"
CUSTOMER = """
CREATE TABLE customer (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(50), email VARCHAR(50),
credit_limit INTEGER, is_active INTEGER)
"""


@dataclass
class World:
    """The server and its peers, as tests see them."""

    server: RunningServer
    peers: Peers
    redis: Any
    rabbit: RabbitMQ
    mail: MailServer
    mailbox: Dovecot
    ftp: Vsftpd
    s3: SeaweedFS
    swift: Swift
    ticker: zmq.Socket[bytes]
    ticks: str
    mqweb: MqwebServer
    desk: int

    def call(self, path: str, data: Any = None, status: int = 200, **options: Any) -> Any:
        """POST to a channel, or GET without data; returns what the JSON of the answer holds."""
        answer = self.ask(path, data, **options)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def ask(self, path: str, data: Any = None, **options: Any) -> Any:
        """POST to a channel, or GET without data; returns the answer as it is."""
        if data is None:
            return self.server.get(path, **options)
        return self.server.post(path, data, **options)


def inline(settings: dict[str, Any]) -> str:
    """Write settings as an inline table of TOML."""
    found = []
    for name, value in settings.items():
        text = inline(value) if isinstance(value, dict) else json.dumps(value)
        found.append(f"{name} = {text}")
    return "{ " + ", ".join(found) + " }"


def database(server: SqlServer, engine: str, *statements: str) -> str:
    """Make a new database with some tables; returns the settings of a connection to it."""
    settings = settings_of(server.database(), engine)
    for statement in statements:
        server.execute(statement, settings["database"])
    return inline(settings)


def prepare(folder: Path, state: Path, directory: Slapd) -> None:
    """Put where a server looks for it what it and its services find there."""
    with contextlib.closing(sqlite3.connect(folder / "customers.db")) as connection:
        connection.execute(CUSTOMER)
    for source in SOURCES:
        shutil.copy(source, folder)
    (folder / "orders").mkdir()
    secret = hashlib.sha256(b"secret").hexdigest()
    users = f"[users]\nada = {secret}\ngrace = {secret}\n"
    state.mkdir()
    (state / "mobile.conf").write_text(
        f"{users}[roles]\ngrace = manager\n[bank]\nname = Bank of Zoë\n"
    )
    lines = [f"{name} = {value}" for name, value in SECRETS.items()]
    (state / "webhooks.conf").write_text("\n".join(["[secrets]", *lines, ""]))
    (state / "limits.conf").write_text("[search]\nper_minute = 3\n")
    login = {"url": directory.url, "base": PEOPLE, "user": SERVICE, "password": SERVICE_PASSWORD}
    lines = [f'{name} = "{value}"' for name, value in login.items()]
    (state / "directory.conf").write_text("\n".join(["[ldap]", *lines, ""]))


@contextlib.contextmanager
def world(folder: Path, real_server: Callable[..., Any]) -> Iterator[World]:
    """Start everything; it is ended at the end of the block."""
    with contextlib.ExitStack() as stack:
        made = stack.enter_context(peers())
        swift = stack.enter_context(Swift(real_server(Storage)))
        servers = [Valkey, RabbitMQ, MailServer, Dovecot, Vsftpd, SeaweedFS, EngineStandIn]
        valkey, rabbit, mail, mailbox, ftp, s3, search = map(real_server, servers)
        odoo, mariadb, postgresql = map(real_server, (OdooStandIn, MariaDB, PostgreSQL))
        cassandra, solr, slapd = map(real_server, (CassandraStandIn, SolrStandIn, Slapd))
        mqweb = stack.enter_context(MqwebServer())
        mqweb.make("PAYMENTS", "PAID", "DEAD")
        paid = {"queue": "PAID", "dead_letter_queue": "DEAD", "service": "archives.paid"}
        desk = free_port()
        client = stack.enter_context(redis.Redis.from_url(valkey.address, decode_responses=True))
        client.flushall()
        rabbit.make("shipments", "shipped", "shipped.dead-letter")
        mail.clear()
        mailbox.clear()
        for path in sorted(ftp.root.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        context = stack.enter_context(zmq.Context())
        ticker: zmq.Socket[bytes] = stack.enter_context(context.socket(zmq.PULL))
        ticks = f"tcp://127.0.0.1:{free_port()}"
        stock = "INSERT INTO stock VALUES ('TEA', 10), ('MILK', 3), ('RICE', 100)"
        config = Template((HERE / "config.toml").read_text()).substitute(
            redis=valkey.address,
            files=json.dumps([source.name for source in SOURCES]),
            password=PASSWORD,
            folder=folder,
            peers=made.url,
            mariadb=database(mariadb, "mariadb"),
            postgresql=database(postgresql, "postgresql", STOCK, stock),
            smtp=inline(mail.settings),
            imap=inline(mailbox.settings),
            ftp=inline(ftp.settings),
            rabbit=rabbit.port,
            ticker=f"tcp://127.0.0.1:{ticker.bind_to_random_port('tcp://127.0.0.1')}",
            ticks=ticks,
            s3=inline(s3.settings),
            swift=inline(swift.settings),
            search=f"http://127.0.0.1:{search.port}",
            search_password=search.password,
            odoo=f"http://127.0.0.1:{odoo.port}",
            odoo_password=odoo.password,
            cassandra=inline({**cassandra.settings, "statements": STATEMENTS}),
            solr=solr.settings["address"],
            solr_password=solr.password,
            ldap=inline(slapd.settings()),
            ibmmq=inline(mqweb.settings),
            paid=inline({**mqweb.settings, **paid, "format": "json", "interval": 0.2}),
            desk=desk,
        )
        server = RunningServer(folder, config, workers=1, plugins=PLUGINS.split())
        prepare(folder, server.dir, slapd)
        try:
            yield World(
                server.start(),
                made,
                client,
                rabbit,
                mail,
                mailbox,
                ftp,
                s3,
                swift,
                ticker,
                ticks,
                mqweb,
                desk,
            )
            server.stop()
        finally:
            server.kill()
