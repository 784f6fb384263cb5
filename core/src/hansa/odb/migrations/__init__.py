"""The history of the ODB's schema, as Alembic revisions."""
