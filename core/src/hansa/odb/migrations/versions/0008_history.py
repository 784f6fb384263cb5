"""The change log names the admin service by which a change was made, and is looked up by what was
changed; how far back it reaches is noted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the columns; of earlier changes the service is not known, and nothing was removed."""
    op.add_column("change", sa.Column("service", sa.String(200), nullable=True))
    op.add_column("cluster", sa.Column("history_from", sa.Integer(), nullable=True))
    op.create_index("change_subject", "change", ["kind", "type", "name"])
