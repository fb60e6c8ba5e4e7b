"""The history of the tables, for Alembic; `compliance-engine store upgrade` runs it."""
