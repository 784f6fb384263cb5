"""Types that hold everything on MySQL and MariaDB too: long texts, times of day, and names that
differ only in case.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import LONGTEXT

revision = "0003"
down_revision = "0002"

TABLES = (
    "cluster",
    "definition",
    "reference",
    "claim",
    "package",
    "change",
    "applied",
    "declared",
    "lease",
)


def upgrade() -> None:
    """Change what the other databases have right already."""
    if op.get_bind().dialect.name not in ("mysql", "mariadb"):
        return
    for table in TABLES:
        op.execute(f"ALTER TABLE `{table}` CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
    texts = {"definition": ["data"], "package": ["source", "services"], "applied": ["states"]}
    for table, columns in texts.items():
        for column in columns:
            op.alter_column(table, column, type_=LONGTEXT(collation="utf8mb4_bin"), nullable=False)
    op.alter_column("change", "data", type_=LONGTEXT(collation="utf8mb4_bin"), nullable=True)
    for table, column in (
        ("package", "at"),
        ("change", "at"),
        ("applied", "at"),
        ("lease", "expires"),
    ):
        op.alter_column(table, column, type_=sa.Float(53), nullable=False)
