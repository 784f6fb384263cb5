"""An ODB knows which it is, so that a server tells its own from any other."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the identity, and make it up."""
    op.add_column("cluster", sa.Column("identity", sa.String(32), nullable=True))
    cluster = sa.table("cluster", sa.column("identity"))
    op.execute(cluster.update().values(identity=uuid4().hex))
