"""What the entries of one answer share stands once, in readings; entries are narrow, without names of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.String(32)
INSTANT = sa.DateTime(timezone=True)
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SHARED = (
    "chain, sequence, at, audience, recipient, recipient_id, token_id, ground, commitment, visible_at, reason, salt"
)
HASHED = {
    "readings": (
        "chain", "sequence", "at", "audience", "recipient", "recipient_id", "token_id", "ground", "commitment",
        "visible_at", "ordinal",
    ),
    "disclosures": ("chain", "sequence", "reading", "id", "subject_id", "fields", "hash"),
}  # fmt: skip
"""What never changes; a reason and its salt may be erased, and nothing else."""

SAID = "NEW.reason IS NOT NULL OR NEW.salt IS NOT NULL"


def upgrade() -> None:
    """An entry from before is a reading of its own and keeps its name, so that its hash holds as it is."""
    _readings()
    op.execute(f"INSERT INTO readings ({SHARED}, ordinal) SELECT {SHARED}, substr(ordinal, 1, 20) FROM disclosures")  # noqa: S608  # names of ours alone
    op.execute("CREATE TABLE moved AS SELECT chain, sequence, id, subject_id, fields, hash FROM disclosures")
    op.drop_table("disclosures")
    _disclosures()
    op.execute(
        "INSERT INTO disclosures (chain, sequence, reading, id, subject_id, fields, hash) "
        "SELECT chain, sequence, sequence, id, subject_id, fields, hash FROM moved"
    )
    op.drop_table("moved")
    for log in HASHED:
        _append_only(log)


def _readings() -> None:
    op.create_table(
        "readings",
        sa.Column("chain", sa.String(16), primary_key=True),
        sa.Column("sequence", BIG, primary_key=True, autoincrement=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("audience", sa.String(32), nullable=False),
        sa.Column("recipient", sa.String(100), nullable=False),
        sa.Column("recipient_id", ID),
        sa.Column("token_id", ID),
        sa.Column("ground", ID, nullable=False),
        sa.Column("commitment", sa.String(64), nullable=False),
        sa.Column("visible_at", INSTANT),
        sa.Column("reason", sa.String(3000)),
        sa.Column("salt", sa.String(64)),
        sa.Column("ordinal", sa.String(64), nullable=False),
    )


def _disclosures() -> None:
    op.create_table(
        "disclosures",
        sa.Column("chain", sa.String(16), primary_key=True),
        sa.Column("sequence", BIG, primary_key=True, autoincrement=False),
        sa.Column("reading", BIG, nullable=False),
        sa.Column("id", ID),
        sa.Column("subject_id", ID, nullable=False),
        sa.Column("fields", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("ix_disclosures_subject", "disclosures", [sa.text("substr(subject_id, 1, 8)")])


def _append_only(log: str) -> None:
    columns = ", ".join(HASHED[log])
    if op.get_bind().dialect.name == "sqlite":
        act, each = f"BEGIN SELECT RAISE(ABORT, '{log} is append-only'); END", ""
    else:
        act, each = f"EXECUTE FUNCTION {log}_refuse()", "FOR EACH ROW "
        op.execute(
            f"CREATE OR REPLACE FUNCTION {log}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{log} is append-only'; END $$"
        )
        op.execute(f"CREATE TRIGGER {log}_all BEFORE TRUNCATE ON {log} FOR EACH STATEMENT {act}")
    op.execute(f"CREATE TRIGGER {log}_kept BEFORE UPDATE OF {columns} ON {log} {each}{act}")
    op.execute(f"CREATE TRIGGER {log}_whole BEFORE DELETE ON {log} {each}{act}")
    if log == "readings":
        op.execute(f"CREATE TRIGGER {log}_said BEFORE UPDATE OF reason, salt ON {log} {each}WHEN ({SAID}) {act}")


def downgrade() -> None:
    raise NotImplementedError("entries that have no name of their own would not be what was hashed")
