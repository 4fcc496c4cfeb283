"""Sealed releases of statistics."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "statistics_releases",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("epsilon", sa.String(32), nullable=False),
        sa.Column("bound", sa.Integer(), nullable=False),
    )
    op.create_table(
        "statistics_cells",
        sa.Column(
            "release_number",
            sa.Integer(),
            sa.ForeignKey("statistics_releases.number"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("histogram", sa.String(64), primary_key=True),
        sa.Column("first_value", sa.String(64), primary_key=True),
        sa.Column("second_value", sa.String(64), primary_key=True),
        sa.Column("shown", sa.Integer(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("statistics_cells")
    op.drop_table("statistics_releases")
