"""How Alembic connects to the ODB: by the engine that everything else uses."""

from alembic import context

from hansa.odb import metadata, open_engine

engine = open_engine(context.config.attributes["url"])
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
