"""A list as a connection: sealed cursors, a request, the rows of a page, and each row as its caller sees it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select
from sqlalchemy.ext.asyncio import AsyncConnection

from resolvers.context import Context
from resolvers.pagination.keyset import Connection, CursorCipher, Keyset, PageRequest, connection_of, read_page

PageArguments = tuple[int | None, str | None, int | None, str | None]
"""`first`, `after`, `last`, `before`."""

ReadNodes = Callable[[AsyncConnection, Sequence[Row[Any]]], Awaitable[Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class Listing:
    """A field, its rows, and the column that orders them and positions each."""

    field: str
    rows: Select[Any]
    keyset: Keyset

    async def page(self, context: Context, arguments: PageArguments, shown: ReadNodes) -> Connection:
        """One page in one reading: its rows, and whatever is read to show them."""
        cipher = CursorCipher.of(context.services.keys, context.caller, self.field)
        request = PageRequest.of(cipher, *arguments)
        async with context.database.reading() as connection:
            part = await read_page(connection, self.rows, self.keyset, request, {})
            nodes = await shown(connection, part.rows)
        positions = [str(getattr(row, str(self.keyset.column.key))) for row in part.rows]
        return connection_of(list(zip(nodes, positions, strict=True)), part, cipher)


def row_by_row(show: Callable[[Any], Any]) -> ReadNodes:
    """Shows rows one by one, where nothing more is read."""

    async def shown(_connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Any]:
        return [show(row) for row in rows]

    return shown
