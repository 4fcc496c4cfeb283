"""Lists as connections: reads one page of rows and turns each row into a node."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select
from sqlalchemy.ext.asyncio import AsyncConnection
from strawberry.types.info import Info

from resolvers.arguments import After, Before, First, Last
from resolvers.context import Context
from resolvers.pagination.keyset import Connection, CursorCipher, Keyset, PageRequest, connection_of, read_page

PageArguments = tuple[int | None, str | None, int | None, str | None]
"""`first`, `after`, `last`, `before`."""

ReadNodes = Callable[[AsyncConnection, Sequence[Row[Any]]], Awaitable[Sequence[Any]]]
"""Returns a node per row, or None for a row that the list no longer contains."""


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
        there = [(node, at) for node, at in zip(nodes, positions, strict=True) if node is not None]
        return connection_of(there, part, cipher)


def paged(list_of: Callable[[Info[Context, None]], tuple[Listing, ReadNodes]]) -> Callable[..., Awaitable[Connection]]:
    """Makes a resolver with the four paging arguments from the list that it reads and the way it makes nodes."""

    async def resolver(
        info: Info[Context, None],
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection:
        listing, read_nodes = list_of(info)
        return await listing.page(info.context, (first, after, last, before), read_nodes)

    resolver.__name__ = list_of.__name__
    resolver.__doc__ = list_of.__doc__
    return resolver


def row_by_row(to_node: Callable[[Any], Any]) -> ReadNodes:
    """Turns each row into a node without reading more from the database."""

    async def read_nodes(_connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Any]:
        return [to_node(row) for row in rows]

    return read_nodes
