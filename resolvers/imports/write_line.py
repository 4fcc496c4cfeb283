"""Writes a person as one line of an import, without the password, for another instance (GDPR Art. 20)."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.columns import rfc3339
from models.tables import ACCOUNTS, CONSENT_RECORDS, PRE_REGISTRATIONS, PROFILES
from models.vocabulary import fields_of
from resolvers.imports.parse_line import FORM_KEYS, MOST_CONSENTS, PROFILE_KEYS
from resolvers.validation.free_text import InvalidValue
from resolvers.validation.profile_values import clean_pre_registration, clean_profile

PARTS: Final = (
    ("profile", PROFILES, PROFILE_KEYS, clean_profile),
    ("preRegistration", PRE_REGISTRATIONS, FORM_KEYS, clean_pre_registration),
)


async def write_import_line(connection: AsyncConnection, subject_id: str) -> dict[str, Any]:
    """Returns the stored values that an import accepts. An older value that breaks a current rule is left out."""
    account = await _row(connection, ACCOUNTS, ACCOUNTS.c.id == subject_id)
    line = {
        "email": account.email,
        "emailVerified": account.email_verified,
        "ipAddress": account.ip_address,
        "hidden": [field.value for field in fields_of(account.hidden)],
    }
    for name, table, keys, clean in PARTS:
        row = await _row(connection, table, table.c.subject_id == subject_id)
        values = {key: getattr(row, column, None) for key, column in keys.items()}
        line[name] = {key: value for key, value in values.items() if _is_importable({keys[key]: value}, clean)}
    return {**line, "consents": await _consents(connection, subject_id)}


async def _row(connection: AsyncConnection, table: Table, mine: ColumnElement[bool]) -> Any:
    return (await connection.execute(select(table).where(mine))).one_or_none()


def _is_importable(value: dict[str, Any], clean: Any) -> bool:
    try:
        return any(each is not None for each in clean(value).values())
    except InvalidValue:
        return False


async def _consents(connection: AsyncConnection, subject_id: str) -> list[dict[str, Any]]:
    """The newest consent records, oldest first, at most as many as an import accepts."""
    columns = CONSENT_RECORDS.c
    newest = select(CONSENT_RECORDS).where(columns.subject_id == subject_id).order_by(columns.sequence.desc())
    rows = (await connection.execute(newest.limit(MOST_CONSENTS))).all()
    return [
        {
            "purpose": row.purpose,
            "granted": row.granted,
            "policyVersion": row.policy_version,
            "at": rfc3339(row.recorded_at),
        }
        for row in reversed(rows)
    ]
