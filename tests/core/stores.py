"""Everything that the ODB of a cluster holds, for tests: one thing for each of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hansa.definitions.store import DefinitionStore
from hansa.deployment.store import PackageStore
from hansa.odb.database import Database
from hansa.odb.engine import open_engine
from hansa.odb.keys import Keys
from hansa.odb.migrations.schema import create_schema
from hansa.odb.reports import WorkerReports
from sqlalchemy import Engine


@dataclass(frozen=True)
class Stores:
    """The parts of an ODB, over one engine."""

    engine: Engine
    database: Database
    definitions: DefinitionStore
    packages: PackageStore
    reports: WorkerReports

    @classmethod
    def over(cls, engine: Engine, keys: Keys | None = None) -> Self:
        """Return the stores of an ODB that has its schema."""
        database = Database(engine)
        keys = keys or Keys("A" * 43 + "=")
        return cls(
            engine,
            database,
            DefinitionStore(database, keys),
            PackageStore(database, keys),
            WorkerReports(database),
        )

    @classmethod
    def new(cls, file: Path) -> Self:
        """Return the stores of a new ODB in an SQLite file."""
        engine = open_engine(f"sqlite:///{file}")
        create_schema(engine)
        return cls.over(engine)
