"""Workers report which keys they have, so that the key is changed when all of them have the new
one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the keys to the reports of workers; those of an earlier version report none."""
    op.add_column("applied", sa.Column("keys", sa.Text(), nullable=True))
