"""Keeps values under legal hold in separate tables, which only legal requests read, until the hold ends."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.columns import personal_columns
from models.tables import ACCOUNTS, CREDENTIALS, HELD_FORMS, HELD_PROFILES, PRE_REGISTRATIONS, PROFILES
from permissions.masked_columns import FIELD_COLUMNS, column_key

Row = dict[str, Any]

HOLD_TABLES: Final = {PROFILES: HELD_PROFILES, PRE_REGISTRATIONS: HELD_FORMS}
"""Each table and the table for its values under legal hold. Columns used only by search are not copied."""

HELD: Final = "held_"
NO_ADDRESS: Final = ""
"""The stored address of an erased account whose address is not under legal hold."""

is_remnant: Final = ~select(CREDENTIALS.c.subject_id).where(CREDENTIALS.c.subject_id == ACCOUNTS.c.id).exists()
"""Whether the account was erased except for values under legal hold. It has no credentials."""


def _restricted_to(table: Table, row: Mapping[str, Any], bits: int) -> Row:
    """Returns the row's values, with null for fields outside the bits."""
    return {name: row[name] if field.bit & bits else None for name, field in personal_columns(table).items()}


def _is_empty(values: Row) -> bool:
    return all(value is None for value in values.values())


async def _rows(connection: AsyncConnection, table: Table, ids: Sequence[str]) -> dict[str, Row]:
    found = (await connection.execute(select(table).where(table.c.subject_id.in_(ids)))).mappings()
    return {row["subject_id"]: dict(row) for row in found}


async def move_to_hold(connection: AsyncConnection, table: Table, ids: Sequence[str], holds: Mapping[str, int]) -> None:
    """Deletes the rows of these subjects and copies their values under legal hold to the table for them."""
    hold_table, held = HOLD_TABLES[table], [id for id in ids if holds.get(id)]
    rows, earlier = await _rows(connection, table, held), await _rows(connection, hold_table, held)
    for id, row in rows.items():
        values = _restricted_to(hold_table, row, holds[id])
        if _is_empty(values):
            continue
        if id in earlier:  # newer values replace older ones: a request would have read the newer ones
            values = {name: earlier[id][name] if value is None else value for name, value in values.items()}
            await connection.execute(delete(hold_table).where(hold_table.c.subject_id == id))
        await connection.execute(insert(hold_table), {"subject_id": id, **values})
    await connection.execute(delete(table).where(table.c.subject_id.in_(ids)))


def remnant_values(account: Any, bits: int) -> Row | None:
    """Returns an erased account's own fields under legal hold, or None if there are none."""
    held = _restricted_to(ACCOUNTS, account._mapping, bits)
    return None if not held["email"] and held["ip_address"] is None else {**held, "email": held["email"] or NO_ADDRESS}


async def release_values(
    connection: AsyncConnection, ids: Sequence[str], holds: Mapping[str, int], *, acting: bool = True
) -> int:
    """Erases values that are no longer under legal hold, and returns how many subjects had some.

    If `acting` is false, it only counts.
    """
    changed: set[str] = set()
    remaining: set[str] = set()
    for hold_table in HOLD_TABLES.values():
        for id, row in (await _rows(connection, hold_table, ids)).items():
            values = _restricted_to(hold_table, row, holds.get(id, 0))
            if not _is_empty(values):
                remaining.add(id)
            if any(row[name] != value for name, value in values.items()):
                changed.add(id)
                if acting:
                    mine = hold_table.c.subject_id == id
                    change = delete(hold_table) if _is_empty(values) else update(hold_table).values(values)
                    await connection.execute(change.where(mine))
    remnants = (await connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.id.in_(ids), is_remnant))).all()
    for remnant in remnants:
        if await _release_remnant(
            connection, remnant, holds.get(remnant.id, 0), needed=remnant.id in remaining, acting=acting
        ):
            changed.add(remnant.id)
    return len(changed)


async def _release_remnant(connection: AsyncConnection, remnant: Any, bits: int, *, needed: bool, acting: bool) -> bool:
    mine, left = ACCOUNTS.c.id == remnant.id, remnant_values(remnant, bits)
    if left is None and not needed:
        if acting:
            await connection.execute(delete(ACCOUNTS).where(mine))
        return True
    values = left or {"email": NO_ADDRESS, "ip_address": None}
    if (remnant.email, remnant.ip_address) == (values["email"], values["ip_address"]):
        return False
    if acting:
        await connection.execute(update(ACCOUNTS).where(mine).values(values))
    return True


def held_columns(bits: int) -> list[Any]:
    """Returns the columns with values under legal hold of these fields, to be joined with the accounts."""
    return [
        HOLD_TABLES[column.table].c[column.name].label(HELD + column_key(column))
        for field, columns in FIELD_COLUMNS.items()
        for column in columns
        if field.bit & bits and column.table in HOLD_TABLES
    ]


def fill_held_values(row: Row, bits: int) -> None:
    """Fills empty fields of a row that was read with `held_columns` with values under legal hold."""
    for column in held_columns(bits):
        name = column.name.removeprefix(HELD)
        if row[name] is None:
            row[name] = row[column.name]
    if row.get("email") == NO_ADDRESS:
        row["email"] = None
