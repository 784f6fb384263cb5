"""How fast the ODB answers, and whether its clock is this machine's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from hansa import ExaminedServer, Finding, HansaError, read_odb

from ..clock import judge_clock
from ..subject import place_of

SLOW: Final = 0.05
"""Seconds from which an ODB is slow."""
TOO_SLOW: Final = 0.5
"""Seconds from which changes and starts suffer: statements may take 2."""
ATTEMPTS: Final = 3
_CLOCKS: Final = {
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())",
    "mysql": "SELECT UNIX_TIMESTAMP(NOW(6))",
}


def examine(server: ExaminedServer) -> Iterator[Finding]:
    """Yield schema and latency, and the clock of a database server."""
    place = place_of(server)
    url = place.odb_url
    fastest = float("inf")
    try:
        for _ in range(ATTEMPTS):
            began = time.perf_counter()
            with read_odb(url) as snapshot:
                fastest = min(fastest, time.perf_counter() - began)
            version = snapshot.version
    except HansaError as error:
        remedy = "start the database, or correct [odb] url; a new cluster has none before its start"
        yield Finding("fault", f"the ODB cannot be read: {error}", remedy)
        return
    text = f"schema {version}; connected and read in {fastest * 1000:.0f} ms"
    remedy = "look at the load of the database, its disk, and the network between"
    if fastest < SLOW:
        yield Finding("ok", text)
    else:
        yield Finding("fault" if fastest > TOO_SLOW else "warning", text, remedy)
    yield from _clock(url)


def _clock(url: str) -> Iterator[Finding]:
    scheme = url.partition(":")[0].partition("+")[0].replace("mariadb", "mysql")
    if scheme not in _CLOCKS:
        return
    from hansa_quickstart.odb import open_database
    from sqlalchemy import text

    engine = open_database(url)
    try:
        with engine.connect() as connection:
            before = time.time()
            theirs = float(connection.execute(text(_CLOCKS[scheme])).scalar() or 0)
            yield judge_clock("the database", theirs, (before + time.time()) / 2)
    finally:
        engine.dispose()
