"""Sessions whose secret changes, second factors, challenges, mailed tokens, letters that are sent."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.String(32)
DIGEST = sa.String(64)
INSTANT = sa.DateTime(timezone=True)
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _columns()
    _factors()
    _mail()


def _columns() -> None:
    op.add_column("accounts", sa.Column("disabled_at", INSTANT))
    for column in (
        sa.Column("secret_expires_at", INSTANT),
        sa.Column("generation", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("rotated_at", INSTANT),
        sa.Column("previous_digest", DIGEST),
        sa.Column("transport", sa.String(8)),
        sa.Column("factors", sa.String(32)),
    ):
        op.add_column("access_tokens", column)
    op.create_index("ix_access_tokens_previous_digest", "access_tokens", ["previous_digest"])


def _factors() -> None:
    op.create_table(
        "authenticators",
        sa.Column("id", ID, primary_key=True),
        sa.Column("subject_id", ID, sa.ForeignKey("accounts.id"), nullable=False, index=True),
        sa.Column("secret", sa.String(512), nullable=False),
        sa.Column("begun_at", INSTANT, nullable=False),
        sa.Column("confirmed_at", INSTANT),
        sa.Column("last_step", BIG, nullable=False),
        sa.Column("failures", sa.SmallInteger(), nullable=False),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("subject_id", ID, sa.ForeignKey("accounts.id"), primary_key=True),
        sa.Column("digest", DIGEST, primary_key=True),
        sa.Column("used_at", INSTANT),
    )
    op.create_table(
        "challenges",
        sa.Column("id", ID, primary_key=True),
        sa.Column("digest", DIGEST, nullable=False, unique=True),
        sa.Column("subject_id", ID, sa.ForeignKey("accounts.id"), nullable=False, index=True),
        sa.Column("client", sa.String(100)),
        sa.Column("transport", sa.String(8), nullable=False),
        sa.Column("begun_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("ended_at", INSTANT),
    )


def _mail() -> None:
    op.create_table(
        "mailed_tokens",
        sa.Column("id", ID, primary_key=True),
        sa.Column("digest", DIGEST, nullable=False, unique=True),
        sa.Column("subject_id", ID, nullable=False, index=True),
        sa.Column("use", sa.String(16), nullable=False),
        sa.Column("email", sa.String(320)),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT),
    )
    for column in (
        sa.Column("address", sa.String(320)),
        sa.Column("due_at", INSTANT),
        sa.Column("attempts", sa.SmallInteger(), nullable=False, server_default="0"),
    ):
        op.add_column("outbox", column)
    op.create_index("ix_outbox_due_at", "outbox", ["due_at"])
    op.execute("UPDATE outbox SET due_at = written_at WHERE sent_at IS NULL")


def downgrade() -> None:
    op.drop_index("ix_outbox_due_at", "outbox")
    for column in ("address", "due_at", "attempts"):
        op.drop_column("outbox", column)
    for table in ("mailed_tokens", "challenges", "recovery_codes", "authenticators"):
        op.drop_table(table)
    op.drop_index("ix_access_tokens_previous_digest", "access_tokens")
    for column in ("secret_expires_at", "generation", "rotated_at", "previous_digest", "transport", "factors"):
        op.drop_column("access_tokens", column)
    op.drop_column("accounts", "disabled_at")
