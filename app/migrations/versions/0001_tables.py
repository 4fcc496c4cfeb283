"""Creates every table, makes the logs append-only, and keeps personal data out of the planner's samples.

Until the first release, a change of tables rewrites this file. See CONTRIBUTING.md.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String(32)
DIGEST = sa.String(64)
ORDINAL = sa.String(64)
ADDRESS = sa.String(320)
INSTANT = sa.DateTime(timezone=True)
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

CHAINS = ("consent", "disclosure", "sealed")
GENESIS = "0" * 64

HASHED = {
    "consent_records": (
        "sequence", "id", "subject_id", "purpose", "granted", "policy_version", "recorded_at", "source", "hash",
    ),
    "readings": (
        "chain", "sequence", "at", "audience", "recipient", "recipient_id", "token_id", "ground", "commitment",
        "visible_at", "ordinal",
    ),
    "disclosures": ("chain", "sequence", "reading", "id", "subject_id", "fields", "hash"),
}  # fmt: skip
"""The columns of each log that never change. Only the reason and the salt of a reading can be erased."""

CHAIN_OF = {"consent_records": "'consent'", "readings": "OLD.chain", "disclosures": "OLD.chain"}
"""The chain of a row, as SQL in a trigger."""

PLACE = ("place_country", "place_city", "place_latitude", "place_longitude")
PROFILE = (
    "first_name", "last_name", "organization", "specialization", "avatar_url", "wallpaper_url", "mobile_phone",
    "country", "city", "street_address", "about", "public_pages",
)  # fmt: skip
FOLDED = (
    "first_name_folded", "last_name_folded", "organization_folded", "specialization_folded", "country_folded",
    "city_folded",
)  # fmt: skip
FORM = (
    "country", "institution_name", "institution_type", "job_role", "company", "industry", "department",
    "organization", "main_printer",
)  # fmt: skip

UNSAMPLED = {
    "accounts": ("email", "ip_address"),
    "credentials": ("email_canonical", "password_hash"),
    "profiles": (*PLACE, *PROFILE, *FOLDED),
    "pre_registrations": FORM,
    "held_profiles": (*PLACE, *PROFILE),
    "held_forms": FORM,
    "outbox": ("address",),
    "mailed_tokens": ("email", "digest"),
    "access_tokens": ("name", "digest"),
    "challenges": ("client", "digest", "browser_digest"),
    "authenticators": ("secret",),
    "recovery_codes": ("digest",),
    "known_devices": ("digest",),
    "failed_sign_ins": ("key",),
    "support_cases": ("reference", "reason"),
    "readings": ("reason", "salt"),
    "processor_views": ("reason",),
}  # fmt: skip
"""Columns that PostgreSQL's planner does not sample. A sample outlives the row, so it would outlive an erasure."""


def upgrade() -> None:
    _create_accounts()
    _create_consents()
    _create_tokens()
    _create_second_factor()
    _create_mail()
    _create_disclosures()
    _create_processor_tables()
    _create_access_grounds()
    _create_statistics()
    _create_retention()
    for log in HASHED:
        _make_append_only(log)
    if op.get_bind().dialect.name == "postgresql":
        for table, columns in UNSAMPLED.items():
            changes = ", ".join(f"ALTER COLUMN {column} SET STATISTICS 0" for column in columns)
            op.execute(f"ALTER TABLE {table} {changes}")


def downgrade() -> None:
    raise NotImplementedError("there is no earlier schema")


def _owner() -> sa.Column[str]:
    return sa.Column("subject_id", ID, sa.ForeignKey("accounts.id"), primary_key=True)


def _place() -> list[sa.Column[Any]]:
    return [
        sa.Column("place_country", sa.String(2)),
        sa.Column("place_city", sa.String()),
        sa.Column("place_latitude", sa.Float()),
        sa.Column("place_longitude", sa.Float()),
    ]


def _profile() -> list[sa.Column[Any]]:
    kinds: dict[str, TypeEngine[Any]] = {"country": sa.String(2), "public_pages": sa.JSON()}
    return [sa.Column(name, kinds.get(name, sa.String())) for name in PROFILE]


def _form() -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.String(2) if name == "country" else sa.String()) for name in FORM]


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", ID, primary_key=True),
        sa.Column("account_id", ID, nullable=False, unique=True),
        sa.Column("email", ADDRESS, nullable=False),
        sa.Column("ip_address", sa.String(45)),
        sa.Column("email_verified", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("social_version", sa.SmallInteger()),
        sa.Column("social_lapsed_at", INSTANT),
        sa.Column("expansion_version", sa.SmallInteger()),
        sa.Column("expansion_lapsed_at", INSTANT),
        sa.Column("hidden", sa.Integer(), nullable=False),
        sa.Column("objected", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("disabled_at", INSTANT),
        sa.Column("restricted_at", INSTANT),
        sa.Column("leaving_since", INSTANT),
        sa.Column("unreachable_since", INSTANT),
    )
    leaving = sa.text("leaving_since IS NOT NULL")
    op.create_index(
        "ix_accounts_leaving_since", "accounts", ["leaving_since"], sqlite_where=leaving, postgresql_where=leaving
    )
    op.create_table(
        "credentials",
        _owner(),
        sa.Column("email_canonical", ADDRESS, nullable=False, unique=True),
        sa.Column("password_hash", sa.String(512)),
    )
    # the searched columns come first: SQLite reads a long row from its beginning, and public pages are long
    folded = (sa.Column(name, sa.String()) for name in FOLDED)
    op.create_table("profiles", _owner(), *_place(), *folded, *_profile())
    op.create_table("pre_registrations", _owner(), *_form())
    op.create_table(
        "restrictions",
        sa.Column("id", ID, primary_key=True),
        sa.Column("subject_id", ID, nullable=False, index=True),
        sa.Column("restricted_at", INSTANT, nullable=False),
        sa.Column("lifted_at", INSTANT),
    )


def _create_consents() -> None:
    heads = op.create_table(
        "chain_heads",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("sequence", BIG, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.bulk_insert(heads, [{"name": name, "sequence": 0, "hash": GENESIS} for name in CHAINS])
    op.create_table(
        "consent_records",
        sa.Column("sequence", BIG, primary_key=True, autoincrement=False),
        sa.Column("id", ID, nullable=False, unique=True),
        sa.Column("subject_id", ID, nullable=False, index=True),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("policy_version", sa.String(32), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )


def _create_tokens() -> None:
    op.create_table(
        "access_tokens",
        sa.Column("id", ID, primary_key=True),
        sa.Column("digest", DIGEST, nullable=False, unique=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("holder_id", ID, sa.ForeignKey("accounts.id"), index=True),
        sa.Column("processor", sa.String(32)),
        sa.Column("name", sa.String(100)),
        sa.Column("issued_by", sa.String(32), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("last_used_at", INSTANT),
        sa.Column("revoked_at", INSTANT),
        sa.Column("issuer_id", ID),
        sa.Column("approved_at", INSTANT),
        sa.Column("approved_by", ID),
        sa.Column("secret_expires_at", INSTANT),
        sa.Column("generation", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("rotated_at", INSTANT),
        sa.Column("previous_digest", DIGEST, index=True),
        sa.Column("previous_expires_at", INSTANT),
        sa.Column("transport", sa.String(8)),
        sa.Column("factors", sa.String(32)),
    )
    op.create_table(
        "role_grants",
        sa.Column("id", ID, primary_key=True),
        sa.Column("subject_id", ID, sa.ForeignKey("accounts.id"), nullable=False, index=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("granted_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("granted_by", ID),
        sa.Column("revoked_at", INSTANT),
        sa.Column("seal", sa.String(80), nullable=False),
    )


def _create_second_factor() -> None:
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
        _owner(),
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
        sa.Column("browser_digest", DIGEST),
        sa.Column("begun_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("ended_at", INSTANT),
    )
    op.create_table(
        "known_devices",
        sa.Column("id", ID, primary_key=True),
        sa.Column("subject_id", ID, sa.ForeignKey("accounts.id"), nullable=False, index=True),
        sa.Column("digest", DIGEST, nullable=False, unique=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
    )
    op.create_table(
        "failed_sign_ins",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_failed_at", INSTANT, nullable=False),
        sa.Column("told_at", INSTANT),
    )


def _create_mail() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", ID, primary_key=True),
        sa.Column("subject_id", ID, nullable=False, index=True),
        sa.Column("notice", sa.String(32), nullable=False),
        sa.Column("about", ID, nullable=False),
        sa.Column("written_at", INSTANT, nullable=False),
        sa.Column("sent_at", INSTANT),
        sa.Column("address", ADDRESS),
        sa.Column("due_at", INSTANT, index=True),
        sa.Column("attempts", sa.SmallInteger(), nullable=False, server_default="0"),
    )
    op.create_table(
        "mailed_tokens",
        sa.Column("id", ID, primary_key=True),
        sa.Column("digest", DIGEST, nullable=False, unique=True),
        sa.Column("subject_id", ID, nullable=False, index=True),
        sa.Column("use", sa.String(16), nullable=False),
        sa.Column("email", ADDRESS),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT),
        sa.Column("asked_from", sa.String(64)),
    )


def _create_disclosures() -> None:
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
        sa.Column("ordinal", ORDINAL, nullable=False),
    )
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


def _create_processor_tables() -> None:
    op.create_table(
        "processor_views",
        sa.Column("id", ID, primary_key=True),
        sa.Column("processor", sa.String(32), nullable=False),
        sa.Column("token_id", ID),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("reason", sa.String(300), nullable=False),
        sa.Column("withheld", sa.Integer(), nullable=False),
    )
    op.create_table(
        "withdrawals",
        sa.Column("id", ID, primary_key=True),
        sa.Column("processor", sa.String(32), nullable=False, index=True),
        sa.Column("subject_id", ID, nullable=False, index=True),
        sa.Column("fields", sa.Integer(), nullable=False),
        sa.Column("withdrawn_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("acknowledged_at", INSTANT),
        sa.Column("ordinal", ORDINAL, nullable=False, unique=True),
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


def _create_access_grounds() -> None:
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
        sa.Column("ordinal", ORDINAL, nullable=False, unique=True),
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
        sa.Column("ordinal", ORDINAL, nullable=False, unique=True),
    )


def _create_statistics() -> None:
    op.create_table(
        "statistics_releases",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("released_at", INSTANT, nullable=False),
        sa.Column("epsilon", sa.String(32), nullable=False),
        sa.Column("bound", sa.Integer(), nullable=False),
    )
    release = sa.ForeignKey("statistics_releases.number")
    op.create_table(
        "statistics_cells",
        sa.Column("release_number", sa.Integer(), release, primary_key=True, autoincrement=False),
        sa.Column("histogram", sa.String(64), primary_key=True),
        sa.Column("first_value", sa.String(64), primary_key=True),
        sa.Column("second_value", sa.String(64), primary_key=True),
        sa.Column("shown", sa.Integer(), nullable=False),
    )


def _create_retention() -> None:
    op.create_table(
        "chain_gaps",
        sa.Column("chain", sa.String(16), primary_key=True),
        sa.Column("first", BIG, primary_key=True, autoincrement=False),
        sa.Column("last", BIG, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("tag", sa.String(64), nullable=False),
    )
    op.create_table(
        "last_successes",
        sa.Column("task", sa.String(32), primary_key=True),
        sa.Column("at", INSTANT, nullable=False),
    )
    op.create_table(
        "unscrubbed",
        sa.Column("id", ID, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
    )
    op.create_table(
        "heartbeats",
        sa.Column("name", sa.String(16), primary_key=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("doubt", sa.String(32)),
        sa.Column("waiting", sa.Integer()),
    )
    op.create_table("held_profiles", _owner(), *_place(), *_profile())
    op.create_table("held_forms", _owner(), *_form())


def _make_append_only(log: str) -> None:
    """Refuses every change to a log's hashed columns, and every deletion of a row that no gap covers."""
    gap = f"SELECT 1 FROM chain_gaps WHERE chain = {CHAIN_OF[log]} AND OLD.sequence BETWEEN first AND last"  # noqa: S608  # only names written above
    if op.get_bind().dialect.name == "sqlite":
        _make_append_only_on_sqlite(log, gap)
    else:
        _make_append_only_on_postgresql(log, gap)


ERASES_LESS = "NEW.reason IS NOT NULL OR NEW.salt IS NOT NULL"
"""Whether an update of a reading's reason and salt does anything but erase both."""


def _make_append_only_on_sqlite(log: str, gap: str) -> None:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{log} is append-only'); END"
    columns = ", ".join(HASHED[log])
    op.execute(f"CREATE TRIGGER {log}_kept BEFORE UPDATE OF {columns} ON {log} {refuse}")
    op.execute(f"CREATE TRIGGER {log}_whole BEFORE DELETE ON {log} WHEN NOT EXISTS ({gap}) {refuse}")
    if log == "readings":
        op.execute(f"CREATE TRIGGER {log}_said BEFORE UPDATE OF reason, salt ON {log} WHEN ({ERASES_LESS}) {refuse}")
    if log == "consent_records":  # REPLACE deletes a row without the trigger above
        taken = f"SELECT 1 FROM {log} WHERE sequence = NEW.sequence OR id = NEW.id"  # noqa: S608  # only names written above
        op.execute(f"CREATE TRIGGER {log}_new BEFORE INSERT ON {log} WHEN EXISTS ({taken}) {refuse}")


def _make_append_only_on_postgresql(log: str, gap: str) -> None:
    refusal = f"RAISE EXCEPTION '{log} is append-only';"
    op.execute(f"CREATE FUNCTION {log}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {refusal} END $$")
    op.execute(
        f"CREATE FUNCTION {log}_let_go() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF NOT EXISTS ({gap}) THEN {refusal} END IF; RETURN OLD; END $$"
    )
    refuse = f"EXECUTE FUNCTION {log}_refuse()"
    columns = ", ".join(HASHED[log])
    op.execute(f"CREATE TRIGGER {log}_all BEFORE TRUNCATE ON {log} FOR EACH STATEMENT {refuse}")
    op.execute(f"CREATE TRIGGER {log}_kept BEFORE UPDATE OF {columns} ON {log} FOR EACH ROW {refuse}")
    op.execute(f"CREATE TRIGGER {log}_whole BEFORE DELETE ON {log} FOR EACH ROW EXECUTE FUNCTION {log}_let_go()")
    if log == "readings":
        op.execute(
            f"CREATE TRIGGER {log}_said BEFORE UPDATE OF reason, salt ON {log} "
            f"FOR EACH ROW WHEN ({ERASES_LESS}) {refuse}"
        )
