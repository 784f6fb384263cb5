"""Select through a service against bare SQLAlchemy with one checkout a call, on PostgreSQL and
SQLite, each in a process of its own.

The service is called inside its worker, so that no HTTP is in the figure. `python -m bench.sql`
measures; with `bare` it is the other side.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hansa_devkit.harness.api_server import RunningServer
from hansa_devkit.servers_sql import PostgreSQL
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from tools.project import TOP

from .measure import Figure, compare, exit_status, table

ROWS = 1000
# about a second each: what is shorter measures the neighbours of this machine
CALLS = {"PostgreSQL": 2000, "SQLite": 15_000}
QUERY = "SELECT id, name, amount FROM things WHERE id = :id"
SERVICE = f"""
import time

from hansa import Model, Service


class Thing(Service):
    def handle(self):
        return self.outgoing.sql["bench"].one("{QUERY}", id=self.request.input["id"])


class Typed(Service):
    class Input(Model):
        id: int

    class Output(Model):
        id: int
        name: str
        amount: int

    def handle(self):
        return self.outgoing.sql["bench"].one("{QUERY}", id=self.request.input.id)


class Measure(Service):
    def handle(self):
        calls, name = self.request.input["calls"], self.request.input["name"]
        began = time.monotonic()
        for number in range(calls):
            self.invoke(name, {{"id": number % {ROWS}}})
        return {{"rate": calls / (time.monotonic() - began)}}
"""
CONFIG = """
[services]
files = ["measuring.py"]

[channel.http.measure]
url_path = "/measure"
service = "measuring.measure"
format = "json"

[outgoing.sql.bench]
"""


def bare(url: str, calls: int) -> float:
    """Selects per second with SQLAlchemy alone: its pool with its defaults, one checkout a call,
    the row as a dictionary.
    """
    engine, statement = create_engine(url), text(QUERY)
    began = time.monotonic()
    for number in range(calls):
        with engine.connect() as connection:
            dict(connection.execute(statement, {"id": number % ROWS}).mappings().one())
    return calls / (time.monotonic() - began)


def fill(url: str) -> None:
    """Make the table."""
    with create_engine(url).begin() as connection:
        connection.execute(
            text("CREATE TABLE things (id INTEGER PRIMARY KEY, name VARCHAR(50), amount INTEGER)")
        )
        rows = [
            {"id": number, "name": f"thing {number}", "amount": number * 7}
            for number in range(ROWS)
        ]
        connection.execute(text("INSERT INTO things VALUES (:id, :name, :amount)"), rows)


def settings(url: str) -> str:
    """The definition of the outgoing connection."""
    found = make_url(url)
    engine = found.get_backend_name()
    given = {"engine": engine, "database": found.database, "host": found.host, "port": found.port}
    given |= {"username": found.username, "password": found.password}
    return "\n".join(
        f"{name} = {json.dumps(value)}" for name, value in given.items() if value is not None
    )


def select(folder: Path, name: str, url: str, pairs: int) -> Iterator[Figure]:
    """One database."""
    fill(url)
    server = RunningServer(folder / name, CONFIG + settings(url), workers=1)
    (server.folder / "measuring.py").write_text(SERVICE)
    server.start()

    def ours(service: str) -> Callable[[], float]:
        asked = {"calls": CALLS[name], "name": f"measuring.{service}"}
        return lambda: float(server.post("/measure", asked, timeout=120).json()["rate"])

    def theirs() -> float:
        command = [sys.executable, "-m", "bench.sql", "bare", url, str(CALLS[name])]
        return float(
            subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True).stdout
        )

    what = f"bare SQLAlchemy, one checkout a call ({name})"
    try:
        options: Any = {"pairs": pairs, "note": "calls/s"}
        yield compare(
            f"SQL select through a service / {what}",
            ours("thing"),
            theirs,
            bound=0.85,
            at_least=True,
            **options,
        )
        yield compare(
            f"the same with typed input and output / {what}", ours("typed"), theirs, **options
        )
    finally:
        server.stop()


def sql(folder: Path, pairs: int = 15) -> Iterator[Figure]:
    """Select through a service, against bare SQLAlchemy with one checkout a call."""
    with PostgreSQL() as postgresql:
        yield from select(folder, "PostgreSQL", postgresql.database(), pairs)
    yield from select(folder, "SQLite", f"sqlite:///{folder}/bench.db", pairs)


def main() -> int:
    """Measure and print; ends with 1 when a bound does not hold."""
    if sys.argv[1:2] == ["bare"]:
        print(bare(sys.argv[2], int(sys.argv[3])))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        figures = list(sql(Path(folder), *map(int, sys.argv[1:2])))
    print(table(figures))
    return exit_status(figures)


if __name__ == "__main__":
    sys.exit(main())
