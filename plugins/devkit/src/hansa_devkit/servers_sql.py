"""PostgreSQL and MariaDB for tests: `PostgreSQL().start().database()` is the URL of a new, empty
database on the real server.
"""

from __future__ import annotations

import itertools
import secrets
import signal
from typing import Any, ClassVar

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from .servers import RealServer


class SqlServer(RealServer):
    """What both have: a user `hansa` with a password, who may make databases."""

    driver: ClassVar[str] = ""
    main: ClassVar[str] = ""
    user: ClassVar[str] = "hansa"
    create: ClassVar[str] = "CREATE DATABASE {}"
    arguments: ClassVar[dict[str, Any]] = {}
    """What the driver is told besides, where a test runs a statement by itself."""
    _numbers = itertools.count(1)

    def __init__(self) -> None:
        super().__init__()
        self.password = secrets.token_urlsafe(12)

    def url(self, database: str = "", port: int = 0) -> str:
        """The URL for SQLAlchemy, password and all; `port` for one that goes through a proxy."""
        url = URL.create(
            self.driver,
            self.user,
            self.password,
            "127.0.0.1",
            port or self.port,
            database or self.main,
        )
        return url.render_as_string(hide_password=False)

    def database(self, port: int = 0) -> str:
        """Make a new, empty database and give its URL."""
        name = f"odb{next(self._numbers)}"
        self.execute(self.create.format(name))
        return self.url(name, port)

    def execute(self, statement: str, database: str = "") -> list[Any]:
        """Run one statement as a user with all rights, outside any transaction, and give its rows."""
        engine = create_engine(
            self.url(database),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args=self.arguments,
        )
        with engine.connect() as connection:
            done = connection.execute(text(statement))
            return list(done) if done.returns_rows else []

    def ready(self) -> bool:
        """Whether it answers a query; fails with what it says if it answers that the password is
        wrong.
        """
        if not super().ready():
            return False
        try:
            return bool(self.execute("SELECT 1"))
        except OperationalError:  # it is starting, or recovers what a kill has left
            return False


class PostgreSQL(SqlServer):
    """A PostgreSQL with every commit synced, which is its default."""

    name, package, programs = "postgresql", "postgresql", ("postgres", "initdb")
    places = ("/usr/lib/postgresql/*/bin",)
    driver, main = "postgresql+psycopg", "postgres"
    stop_signal = signal.SIGINT  # "fast": ends sessions; SIGTERM would wait for them
    options: ClassVar[dict[str, str]] = {"max_connections": "60", "shared_buffers": "16MB"}

    def prepare(self) -> None:
        """Make the cluster of databases."""
        password = self.write("password", self.password)
        words = [
            "-D",
            f"{self.folder}/data",
            "-U",
            self.user,
            "-A",
            "scram-sha-256",
            "--pwfile",
            str(password),
        ]
        self.run([self.program("initdb"), *words, "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"])

    def command(self) -> list[str]:
        """Run it on the port, and with a Unix socket in its folder."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            **self.options,
        }
        given = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [self.program("postgres"), "-D", f"{self.folder}/data", "-p", str(self.port), *given]


class MariaDB(SqlServer):
    """A MariaDB as Debian sets it up: utf8mb4 that does not tell upper from lower case, REPEATABLE
    READ, strict mode.
    """

    name, package = "mariadb", "mariadb-server-core mariadb-client-core"
    programs = ("mariadbd", "mariadb-install-db", "my_print_defaults")
    driver, main = "mysql+pymysql", "mysql"
    create = "CREATE DATABASE {} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"
    # PERF: else PyMySQL reads all authorities of the system each time, 28 ms, and uses none
    arguments: ClassVar[dict[str, Any]] = {"ssl_disabled": True}
    options: ClassVar[dict[str, str]] = {"max_connections": "60", "innodb_buffer_pool_size": "32M"}

    def prepare(self) -> None:
        """Make the system's tables, and what gives the user."""
        words = [
            f"--datadir={self.folder}/data",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            # one that starts removes the temporary tables of others in a folder that it shares
            f"--tmpdir={self.folder}",
        ]
        self.run([self.program("mariadb-install-db"), "--no-defaults", *words])
        login = f"'{self.user}'@'127.0.0.1'"
        identified = f"CREATE USER IF NOT EXISTS {login} IDENTIFIED BY '{self.password}';\n"
        self.write("users.sql", f"{identified}GRANT ALL ON *.* TO {login} WITH GRANT OPTION;\n")

    def command(self) -> list[str]:
        """Run it on the port, and with a Unix socket in its folder."""
        places = {
            "datadir": "data",
            "socket": "socket",
            "pid-file": "pid",
            "init-file": "users.sql",
        }
        settings = {name: f"{self.folder}/{place}" for name, place in places.items()}
        settings |= {
            "port": str(self.port),
            "bind-address": "127.0.0.1",
            "character-set-server": "utf8mb4",
            # what was committed outlives the process, and no test waits for the disk
            "innodb-flush-log-at-trx-commit": "2",
            "innodb-flush-method": "nosync",
        }
        settings |= {"skip-name-resolve": "ON", "tmpdir": str(self.folder), **self.options}
        given = [f"--{name}={value}" for name, value in settings.items()]
        return [self.program("mariadbd"), "--no-defaults", *given]
