"""Cases, requests, the disclosure ledger, processor views, objections, letters; logs become append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.String(32)
INSTANT = sa.DateTime(timezone=True)
LOGS = ("consent_records", "disclosures")


def upgrade() -> None:
    _columns()
    _grounds()
    _ledger()
    _subject_side()
    heads = sa.table("chain_heads", sa.column("name"), sa.column("sequence"), sa.column("hash"))
    op.bulk_insert(heads, [{"name": name, "sequence": 0, "hash": "0" * 64} for name in ("disclosure", "sealed")])
    for log in LOGS:
        _append_only(log)


def _columns() -> None:
    op.add_column("accounts", sa.Column("objected", sa.Integer(), nullable=False, server_default="0"))
    for column in (sa.Column("issuer_id", ID), sa.Column("approved_at", INSTANT), sa.Column("approved_by", ID)):
        op.add_column("access_tokens", column)
    op.execute("UPDATE access_tokens SET approved_at = created_at")


def _grounds() -> None:
    op.create_table(
        "support_cases",
        sa.Column("id", ID, primary_key=True),
        sa.Column("subject_id", ID, index=True),
        sa.Column("reference", sa.String(100), nullable=False),
        sa.Column("reason", sa.String(1000)),
        sa.Column("extent", sa.Integer(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("opened_by", ID, nullable=False),
        sa.Column("opened_by_subject", sa.Boolean(), nullable=False),
        sa.Column("agent_id", ID, index=True),
        sa.Column("closed_at", INSTANT),
        sa.Column("ordinal", sa.String(64), nullable=False, unique=True),
    )
    op.create_table(
        "legal_requests",
        sa.Column("id", ID, primary_key=True),
        sa.Column("subject_id", sa.String(48), nullable=False, index=True),
        sa.Column("authority", sa.String(200), nullable=False),
        sa.Column("reference", sa.String(100), nullable=False),
        sa.Column("basis", sa.String(1000), nullable=False),
        sa.Column("extent", sa.Integer(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("notice_after", INSTANT),
        sa.Column("opened_by", ID, nullable=False),
        sa.Column("approved_by", ID),
        sa.Column("approved_at", INSTANT),
        sa.Column("closed_at", INSTANT),
        sa.Column("ordinal", sa.String(64), nullable=False, unique=True),
    )


def _ledger() -> None:
    op.create_table(
        "disclosures",
        sa.Column("chain", sa.String(16), primary_key=True),
        sa.Column(
            "sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False
        ),
        sa.Column("id", ID, nullable=False, unique=True),
        sa.Column("subject_id", ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("audience", sa.String(32), nullable=False),
        sa.Column("recipient", sa.String(100), nullable=False),
        sa.Column("recipient_id", ID),
        sa.Column("token_id", ID),
        sa.Column("fields", sa.Integer(), nullable=False),
        sa.Column("ground", ID, nullable=False),
        sa.Column("commitment", sa.String(64), nullable=False),
        sa.Column("visible_at", INSTANT),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(3000)),
        sa.Column("salt", sa.String(64)),
        sa.Column("ordinal", sa.String(64), nullable=False, unique=True),
    )
    op.create_index("ix_disclosures_subject_id", "disclosures", ["subject_id", "ordinal"])
    op.create_table(
        "processor_views",
        sa.Column("id", ID, primary_key=True),
        sa.Column("processor", sa.String(32), nullable=False),
        sa.Column("token_id", ID),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("withheld", sa.Integer(), nullable=False),
    )


def _subject_side() -> None:
    op.create_table(
        "withdrawals",
        sa.Column("id", ID, primary_key=True),
        sa.Column("processor", sa.String(32), nullable=False, index=True),
        sa.Column("subject_id", ID, nullable=False, index=True),
        sa.Column("fields", sa.Integer(), nullable=False),
        sa.Column("withdrawn_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("acknowledged_at", INSTANT),
        sa.Column("ordinal", sa.String(64), nullable=False, unique=True),
    )
    op.create_table(
        "objections",
        sa.Column("id", ID, primary_key=True),
        sa.Column("subject_id", ID, nullable=False, index=True),
        sa.Column("processor", sa.String(32), nullable=False),
        sa.Column("objected_at", INSTANT, nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("withdrawn_at", INSTANT),
    )
    op.create_table(
        "outbox",
        sa.Column("id", ID, primary_key=True),
        sa.Column("subject_id", ID, nullable=False, index=True),
        sa.Column("notice", sa.String(32), nullable=False),
        sa.Column("about", ID, nullable=False),
        sa.Column("written_at", INSTANT, nullable=False),
        sa.Column("sent_at", INSTANT),
    )


HASHED = {
    "consent_records": (
        "sequence", "id", "subject_id", "purpose", "granted", "policy_version", "recorded_at", "source", "hash",
    ),
    "disclosures": (
        "chain", "sequence", "id", "subject_id", "at", "audience", "recipient", "recipient_id", "token_id", "fields",
        "ground", "commitment", "visible_at", "hash", "ordinal",
    ),
}  # fmt: skip
"""What never changes; a reason and its salt may be erased, and nothing else."""


UNIQUE = {"consent_records": ("sequence", "id"), "disclosures": ("id", "ordinal")}
SAID = "NEW.reason IS NOT NULL OR NEW.salt IS NOT NULL"


def _append_only(log: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        message = f"SELECT RAISE(ABORT, '{log} is append-only');"
        columns = ", ".join(HASHED[log])
        op.execute(f"CREATE TRIGGER {log}_kept BEFORE UPDATE OF {columns} ON {log} BEGIN {message} END")
        op.execute(f"CREATE TRIGGER {log}_whole BEFORE DELETE ON {log} BEGIN {message} END")
        # REPLACE deletes without the trigger above
        taken = " OR ".join(f"{column} = NEW.{column}" for column in UNIQUE[log])
        found = f"EXISTS (SELECT 1 FROM {log} WHERE {taken})"  # noqa: S608  # names of ours alone
        op.execute(f"CREATE TRIGGER {log}_new BEFORE INSERT ON {log} WHEN {found} BEGIN {message} END")
        if log == "disclosures":
            op.execute(
                f"CREATE TRIGGER {log}_said BEFORE UPDATE OF reason, salt ON {log} WHEN {SAID} BEGIN {message} END"
            )
        return
    columns = ", ".join(HASHED[log])
    op.execute(
        f"CREATE FUNCTION {log}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{log} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {log}_kept BEFORE UPDATE OF {columns} ON {log} FOR EACH ROW EXECUTE FUNCTION {log}_refuse()"
    )
    if log == "disclosures":
        op.execute(
            f"CREATE TRIGGER {log}_said BEFORE UPDATE OF reason, salt ON {log} FOR EACH ROW WHEN ({SAID}) "
            f"EXECUTE FUNCTION {log}_refuse()"
        )
    op.execute(f"CREATE TRIGGER {log}_whole BEFORE DELETE ON {log} FOR EACH ROW EXECUTE FUNCTION {log}_refuse()")
    op.execute(f"CREATE TRIGGER {log}_all BEFORE TRUNCATE ON {log} FOR EACH STATEMENT EXECUTE FUNCTION {log}_refuse()")


def downgrade() -> None:
    for log in LOGS:
        for name in ("kept", "whole", "all", "new", "said"):
            on = "" if op.get_bind().dialect.name == "sqlite" else f" ON {log}"
            op.execute(f"DROP TRIGGER IF EXISTS {log}_{name}{on}")
        if op.get_bind().dialect.name != "sqlite":
            op.execute(f"DROP FUNCTION {log}_refuse()")
    op.execute("DELETE FROM chain_heads WHERE name IN ('disclosure', 'sealed')")
    for table in (
        "outbox", "objections", "withdrawals", "processor_views", "disclosures", "legal_requests", "support_cases",
    ):  # fmt: skip
        op.drop_table(table)
    for column in ("issuer_id", "approved_at", "approved_by"):
        op.drop_column("access_tokens", column)
    op.drop_column("accounts", "objected")
