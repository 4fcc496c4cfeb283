"""Locks an account's row until the transaction ends, so changes of one subject's record run one by one."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables import ACCOUNTS
from permissions.errors import unknown_token


async def lock_account(connection: AsyncConnection, subject_id: str) -> Any:
    """Locks and returns the account's row. Raises UNAUTHENTICATED if the account was erased."""
    if (account := await lock_account_if_any(connection, subject_id)) is None:
        raise unknown_token()
    return account


async def lock_account_if_any(connection: AsyncConnection, subject_id: str) -> Any:
    """Locks and returns the account's row, or returns None if the account was erased."""
    mine = select(ACCOUNTS).where(ACCOUNTS.c.id == subject_id).with_for_update()
    return (await connection.execute(mine)).one_or_none()
