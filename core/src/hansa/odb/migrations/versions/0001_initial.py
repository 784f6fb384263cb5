"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables of version 0001, as they were then."""
    name = sa.String(200)

    def keyed() -> list[sa.Column[str]]:
        columns = [("kind", sa.String(50)), ("type", sa.String(50)), ("name", name)]
        return [sa.Column(column, type_, primary_key=True) for column, type_ in columns]

    cluster = op.create_table(
        "cluster",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.bulk_insert(cluster, [{"id": 1, "revision": 0}])
    op.create_table(
        "definition",
        *keyed(),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.create_table(
        "reference",
        *keyed(),
        sa.Column("setting", sa.String(100), primary_key=True),
        sa.Column("to_kind", sa.String(50), primary_key=True),
        sa.Column("to_type", sa.String(50), primary_key=True),
        sa.Column("to_name", name, primary_key=True),
    )
    op.create_index("reference_to", "reference", ["to_kind", "to_name"])
    op.create_table(
        "claim",
        sa.Column("claim", sa.String(500), primary_key=True),
        sa.Column("kind", sa.String(50), nullable=False),
        sa.Column("type", sa.String(50), nullable=False),
        sa.Column("name", name, nullable=False),
    )
    op.create_table(
        "package",
        sa.Column("file", name, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("current", sa.Boolean, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("mac", sa.String(64), nullable=False),
        sa.Column("services", sa.Text, nullable=False),
        sa.Column("by", name, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_table(
        "change",
        sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(50), nullable=False),
        sa.Column("type", sa.String(50), nullable=False),
        sa.Column("name", name, nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("data", sa.Text),
        sa.Column("by", name, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_table(
        "applied",
        sa.Column("worker", name, primary_key=True),
        sa.Column("server", name, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("states", sa.Text, nullable=False),
    )
    op.create_table("declared", *keyed(), sa.Column("sha256", sa.String(64), nullable=False))
    op.create_table(
        "lease",
        sa.Column("name", sa.String(300), primary_key=True),
        sa.Column("holder", name, nullable=False),
        sa.Column("token", sa.Integer, nullable=False),
        sa.Column("expires", sa.Float, nullable=False),
    )
