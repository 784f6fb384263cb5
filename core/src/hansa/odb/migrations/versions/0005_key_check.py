"""An ODB knows by which key its secrets are encrypted, so that servers with another are found."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the fingerprint of the key; the first server that starts writes its own."""
    op.add_column("cluster", sa.Column("key_check", sa.String(64), nullable=True))
