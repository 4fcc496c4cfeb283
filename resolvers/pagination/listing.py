"""Lists as connections: reads one page of rows and turns each row into a node."""

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
    """A list: its field, the query for its rows, and the column that orders them."""

    field: str
    rows: Select[Any]
    keyset: Keyset

    async def page(self, context: Context, arguments: PageArguments, read_nodes: ReadNodes) -> Connection:
        """Reads one page and its nodes in one transaction."""
        cipher = CursorCipher.of(context.services.keys, context.caller, self.field)
        request = PageRequest.of(cipher, *arguments)
        async with context.database.reading() as connection:
            part = await read_page(connection, self.rows, self.keyset, request, {})
            nodes = await read_nodes(connection, part.rows)
        positions = [str(getattr(row, str(self.keyset.column.key))) for row in part.rows]
        return connection_of(list(zip(nodes, positions, strict=True)), part, cipher)


def row_by_row(to_node: Callable[[Any], Any]) -> ReadNodes:
    """Turns each row into a node without reading more from the database."""

    async def read_nodes(_connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Any]:
        return [to_node(row) for row in rows]

    return read_nodes
