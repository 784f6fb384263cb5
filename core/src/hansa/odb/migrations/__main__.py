"""Bring an ODB to a schema, by default the newest: `python -m hansa.odb.migrations [VERSION]`, with
the SQLAlchemy URL on standard input.
"""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import make_url

from hansa.odb.engine import make_sqlite_file


def upgrade(url: str, revision: str = "head") -> None:
    """Run the migrations up to a revision."""
    make_sqlite_file(make_url(url))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = url
    command.upgrade(config, revision)


if __name__ == "__main__":
    upgrade(sys.stdin.read().strip(), *sys.argv[1:2])
