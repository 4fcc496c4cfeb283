"""Since when an account is to be erased."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("leaving_since", sa.DateTime(timezone=True)))
    op.create_index("ix_accounts_leaving_since", "accounts", ["leaving_since"])


def downgrade() -> None:
    op.drop_index("ix_accounts_leaving_since", "accounts")
    op.drop_column("accounts", "leaving_since")
