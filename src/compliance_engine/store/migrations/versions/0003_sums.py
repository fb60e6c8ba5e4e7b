"""Digests of districts are sums, so those of cases need not be kept.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forget the digests of cases; the next sweep evaluates them all, and makes digests of the new form."""
    op.execute(sa.text("DELETE FROM case_states"))
    op.drop_column("case_states", "digest")


def downgrade() -> None:
    """Make room for the digests of cases; the next sweep evaluates them all."""
    op.execute(sa.text("DELETE FROM case_states"))
    op.add_column("case_states", sa.Column("digest", sa.BigInteger))
