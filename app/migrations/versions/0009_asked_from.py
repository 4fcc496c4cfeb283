"""Where a letter's link was asked for, as a keyed hash."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mailed_tokens", sa.Column("asked_from", sa.String(64)))


def downgrade() -> None:
    op.drop_column("mailed_tokens", "asked_from")
