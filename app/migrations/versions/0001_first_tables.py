"""Accounts, profiles, pre-registrations, consent records in a chain, tokens and roles."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("ip_address", sa.String(length=45), nullable=True),
        sa.Column("email_verified", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("social_version", sa.SmallInteger(), nullable=True),
        sa.Column("social_lapsed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expansion_version", sa.SmallInteger(), nullable=True),
        sa.Column("expansion_lapsed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hidden", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id"),
    )
    op.create_table(
        "chain_heads",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "consent_records",
        sa.Column(
            "sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("granted", sa.Boolean(), nullable=False),
        sa.Column("policy_version", sa.String(length=32), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id"),
    )
    op.create_index(op.f("ix_consent_records_subject_id"), "consent_records", ["subject_id"], unique=False)
    op.create_table(
        "access_tokens",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("holder_id", sa.String(length=32), nullable=True),
        sa.Column("processor", sa.String(length=32), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=True),
        sa.Column("issued_by", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["holder_id"],
            ["accounts.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
    )
    op.create_index(op.f("ix_access_tokens_holder_id"), "access_tokens", ["holder_id"], unique=False)
    op.create_table(
        "credentials",
        sa.Column("subject_id", sa.String(length=32), nullable=False),
        sa.Column("email_canonical", sa.String(length=320), nullable=False),
        sa.Column("password_hash", sa.String(length=512), nullable=True),
        sa.ForeignKeyConstraint(
            ["subject_id"],
            ["accounts.id"],
        ),
        sa.PrimaryKeyConstraint("subject_id"),
        sa.UniqueConstraint("email_canonical"),
    )
    op.create_table(
        "pre_registrations",
        sa.Column("subject_id", sa.String(length=32), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("institution_name", sa.String(), nullable=True),
        sa.Column("institution_type", sa.String(), nullable=True),
        sa.Column("job_role", sa.String(), nullable=True),
        sa.Column("company", sa.String(), nullable=True),
        sa.Column("industry", sa.String(), nullable=True),
        sa.Column("department", sa.String(), nullable=True),
        sa.Column("organization", sa.String(), nullable=True),
        sa.Column("main_printer", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["subject_id"],
            ["accounts.id"],
        ),
        sa.PrimaryKeyConstraint("subject_id"),
    )
    op.create_table(
        "profiles",
        sa.Column("subject_id", sa.String(length=32), nullable=False),
        sa.Column("place_country", sa.String(length=2), nullable=True),
        sa.Column("place_city", sa.String(), nullable=True),
        sa.Column("place_latitude", sa.Float(), nullable=True),
        sa.Column("place_longitude", sa.Float(), nullable=True),
        sa.Column("first_name", sa.String(), nullable=True),
        sa.Column("last_name", sa.String(), nullable=True),
        sa.Column("organization", sa.String(), nullable=True),
        sa.Column("specialization", sa.String(), nullable=True),
        sa.Column("avatar_url", sa.String(), nullable=True),
        sa.Column("wallpaper_url", sa.String(), nullable=True),
        sa.Column("mobile_phone", sa.String(), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("city", sa.String(), nullable=True),
        sa.Column("street_address", sa.String(), nullable=True),
        sa.Column("about", sa.String(), nullable=True),
        sa.Column("public_pages", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("first_name_folded", sa.String(), nullable=True),
        sa.Column("last_name_folded", sa.String(), nullable=True),
        sa.Column("organization_folded", sa.String(), nullable=True),
        sa.Column("specialization_folded", sa.String(), nullable=True),
        sa.Column("country_folded", sa.String(), nullable=True),
        sa.Column("city_folded", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["subject_id"],
            ["accounts.id"],
        ),
        sa.PrimaryKeyConstraint("subject_id"),
    )
    op.create_table(
        "role_grants",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.String(length=32), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by", sa.String(length=32), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["subject_id"],
            ["accounts.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_role_grants_subject_id"), "role_grants", ["subject_id"], unique=False)
    heads = sa.table("chain_heads", sa.column("name"), sa.column("sequence"), sa.column("hash"))
    op.bulk_insert(heads, [{"name": "consent", "sequence": 0, "hash": "0" * 64}])


def downgrade() -> None:
    op.drop_table("role_grants")
    op.drop_table("profiles")
    op.drop_table("pre_registrations")
    op.drop_table("credentials")
    op.drop_table("access_tokens")
    op.drop_table("consent_records")
    op.drop_table("chain_heads")
    op.drop_table("accounts")
