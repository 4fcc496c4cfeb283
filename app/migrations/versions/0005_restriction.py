"""Restrictions of processing, and since when one holds."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ID = sa.String(32)
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("accounts", sa.Column("restricted_at", INSTANT))
    op.create_table(
        "restrictions",
        sa.Column("id", ID, primary_key=True),
        sa.Column("subject_id", ID, nullable=False, index=True),
        sa.Column("restricted_at", INSTANT, nullable=False),
        sa.Column("lifted_at", INSTANT),
    )


def downgrade() -> None:
    op.drop_table("restrictions")
    op.drop_column("accounts", "restricted_at")
