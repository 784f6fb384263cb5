"""Several definitions may change in one revision, and what is asked for by name or revision is
found by an index.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Give the change log a key of revision and definition, and add indexes."""
    columns: list[sa.Column[Any]] = [
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(50), primary_key=True),
        sa.Column("type", sa.String(50), primary_key=True),
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("data", sa.Text),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    ]
    names = [column.name for column in columns]
    old = sa.table("change", *map(sa.column, names))
    new = op.create_table("change_keyed", *columns)
    op.execute(new.insert().from_select(names, sa.select(*old.c)))
    op.drop_table("change")
    op.rename_table("change_keyed", "change")
    op.create_index("definition_revision", "definition", ["revision"])
    op.create_index("definition_name", "definition", ["name"])
    op.create_index("claim_name", "claim", ["name"])
