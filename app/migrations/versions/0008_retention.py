"""What retention needs: gaps that let links of a log go, and a place for what a legal request holds back."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ID = sa.String(32)
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CHAIN_OF = {"consent_records": "'consent'", "readings": "OLD.chain", "disclosures": "OLD.chain"}
PLACE = ("place_country", "place_city", "place_latitude", "place_longitude")
PROFILE = (
    "first_name", "last_name", "organization", "specialization", "avatar_url", "wallpaper_url", "mobile_phone",
    "country", "city", "street_address", "about", "public_pages",
)  # fmt: skip
FORM = (
    "country", "institution_name", "institution_type", "job_role", "company", "industry", "department",
    "organization", "main_printer",
)  # fmt: skip
KINDS: dict[str, TypeEngine[Any]] = {
    "place_country": sa.String(2),
    "country": sa.String(2),
    "place_latitude": sa.Float(),
    "place_longitude": sa.Float(),
    "public_pages": sa.JSON(),
}

UNSAMPLED = {
    "accounts": ("email", "ip_address"),
    "credentials": ("email_canonical", "password_hash"),
    "profiles": (
        *PLACE, *PROFILE, "first_name_folded", "last_name_folded", "organization_folded", "specialization_folded",
        "country_folded", "city_folded",
    ),
    "pre_registrations": FORM,
    "held_profiles": (*PLACE, *PROFILE),
    "held_forms": FORM,
    "outbox": ("address",),
    "mailed_tokens": ("email", "digest"),
    "access_tokens": ("name", "digest"),
    "challenges": ("client", "digest"),
    "authenticators": ("secret",),
    "recovery_codes": ("digest",),
    "support_cases": ("reference", "reason"),
    "readings": ("reason", "salt"),
    "processor_views": ("reason",),
}  # fmt: skip
"""Of what a person may ask to be erased PostgreSQL's planner takes no samples: those outlive an emptied table."""


def upgrade() -> None:
    op.create_table(
        "chain_gaps",
        sa.Column("chain", sa.String(16), primary_key=True),
        sa.Column("first", BIG, primary_key=True, autoincrement=False),
        sa.Column("last", BIG, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("tag", sa.String(64), nullable=False),
    )
    unscrubbed = (sa.Column("id", ID, primary_key=True), sa.Column("name", sa.String(64), nullable=False))
    op.create_table("unscrubbed", *unscrubbed)
    _held("held_profiles", (*PLACE, *PROFILE))
    _held("held_forms", FORM)
    for log in CHAIN_OF:
        _let_go(log)
    if op.get_bind().dialect.name != "sqlite":
        for table, columns in UNSAMPLED.items():
            acts = ", ".join(f"ALTER COLUMN {column} SET STATISTICS 0" for column in columns)
            op.execute(f"ALTER TABLE {table} {acts}")


def _held(name: str, columns: tuple[str, ...]) -> None:
    owner = sa.Column("subject_id", ID, sa.ForeignKey("accounts.id"), primary_key=True)
    op.create_table(name, owner, *(sa.Column(each, KINDS.get(each, sa.String())) for each in columns))


def _let_go(log: str) -> None:
    """A row goes where a gap is written for it, and no other: `verify-log` says whether the gap is ours."""
    gap = f"SELECT 1 FROM chain_gaps WHERE chain = {CHAIN_OF[log]} AND OLD.sequence BETWEEN first AND last"  # noqa: S608  # names of ours alone
    refusal = f"{log} is append-only"
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"DROP TRIGGER {log}_whole")
        op.execute(
            f"CREATE TRIGGER {log}_whole BEFORE DELETE ON {log} WHEN NOT EXISTS ({gap}) "
            f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
        )
        return
    op.execute(f"DROP TRIGGER {log}_whole ON {log}")
    op.execute(
        f"CREATE FUNCTION {log}_let_go() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF NOT EXISTS ({gap}) THEN RAISE EXCEPTION '{refusal}'; END IF; RETURN OLD; END $$"
    )
    op.execute(f"CREATE TRIGGER {log}_whole BEFORE DELETE ON {log} FOR EACH ROW EXECUTE FUNCTION {log}_let_go()")


def downgrade() -> None:
    raise NotImplementedError("logs with gaps are not whole to what came before")
