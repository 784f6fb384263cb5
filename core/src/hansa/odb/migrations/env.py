"""How Alembic connects to the ODB: by the engine that everything else uses."""

from alembic import context
from sqlalchemy import NullPool

from hansa.odb.engine import open_engine
from hansa.odb.migrations.schema import lock
from hansa.odb.tables import metadata

engine = open_engine(context.config.attributes["url"], 600, poolclass=NullPool)
with engine.connect() as connection:
    # SQLite takes all steps in one transaction, too, which Alembic does not expect of it: between two
    # of them another process would take the next one
    is_transactional = True if connection.dialect.name == "sqlite" else None
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        transactional_ddl=is_transactional,
    )
    with context.begin_transaction():
        lock(connection)
        context.run_migrations()
