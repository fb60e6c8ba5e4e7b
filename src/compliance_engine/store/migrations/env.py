"""What Alembic runs: the migrations, on the connection it was given (`store.schema`)."""

from __future__ import annotations

from alembic import context

from compliance_engine.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
