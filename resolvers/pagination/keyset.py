"""Keyset pagination with encrypted cursors, each bound to one person, role, field and search."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from sqlalchemy import ColumnElement, Row, Select, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.key_ring import KeyRing
from permissions.caller import Caller
from permissions.errors import bad_input, invalid_cursor
from permissions.graphql.document_demand import DEFAULT_PAGE, LARGEST_PAGE

KEY_USE: Final = "cursor"


@dataclass(frozen=True, slots=True)
class CursorCipher:
    """Encrypts and decrypts the cursors of one field for one caller (AES-SIV, RFC 5297)."""

    keys: KeyRing
    bound_to: tuple[bytes, ...]

    @classmethod
    def of(cls, keys: KeyRing, caller: Caller, field: str, search: str | None = None) -> "CursorCipher":
        """A cipher bound to the caller, the field and the search, not to the page size."""
        who = caller.subject_id or caller.processor or ""
        parts = (who, caller.role.value, field, "" if search is None else f"?{search}")
        return cls(keys, tuple(part.encode() for part in parts))

    def encrypt(self, position: str) -> str:
        """Returns the cursor of a position."""
        sealed = self.keys.sealer(KEY_USE).encrypt(position.encode(), list(self.bound_to))
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def decrypt(self, cursor: str, argument: str) -> str:
        """Returns the position of a cursor. INVALID_CURSOR if this cipher did not make it."""
        try:
            sealed = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            raise invalid_cursor(argument) from None
        for place in range(len(self.keys)):
            try:
                position = self.keys.sealer(KEY_USE, place).decrypt(sealed, list(self.bound_to)).decode()
            except (InvalidTag, ValueError):
                continue
            if self._is_canonical(sealed, cursor):
                return position
        raise invalid_cursor(argument)

    @staticmethod
    def _is_canonical(sealed: bytes, cursor: str) -> bool:
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() == cursor


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The requested page: `size` items, forward from `after` or backward from `before`."""

    size: int
    forward: bool
    after: str | None
    before: str | None

    @classmethod
    def of(
        cls, cipher: CursorCipher, first: int | None, after: str | None, last: int | None, before: str | None
    ) -> "PageRequest":
        """Checks the four arguments. Values out of range are errors."""
        if first is not None and last is not None:
            raise bad_input("last", "Send `first` or `last`, not both.")
        for argument, size in (("first", first), ("last", last)):
            if size is not None and not 1 <= size <= LARGEST_PAGE:
                raise bad_input(argument, f"`{argument}` must be 1 to {LARGEST_PAGE}.")
        backward = last is not None or (first is None and before is not None and after is None)
        return cls(
            size=first or last or DEFAULT_PAGE,
            forward=not backward,
            after=cipher.decrypt(after, "after") if after is not None else None,
            before=cipher.decrypt(before, "before") if before is not None else None,
        )


class Edge:
    """A node and its cursor. The cursor is encrypted when it is read."""

    __slots__ = ("_cipher", "_position", "node")

    def __init__(self, node: Any, position: str, cipher: CursorCipher) -> None:
        self.node = node
        self._position = position
        self._cipher = cipher

    @property
    def cursor(self) -> str:
        """The encrypted position of this edge."""
        return self._cipher.encrypt(self._position)


@dataclass(frozen=True, slots=True)
class PageInfo:
    """Whether the list has items after and before this page, and the first and last cursor."""

    has_next_page: bool
    has_previous_page: bool
    edges: list[Edge]

    @property
    def start_cursor(self) -> str | None:
        """The cursor of the first edge."""
        return self.edges[0].cursor if self.edges else None

    @property
    def end_cursor(self) -> str | None:
        """The cursor of the last edge."""
        return self.edges[-1].cursor if self.edges else None


@dataclass(frozen=True, slots=True)
class Connection:
    """A page as clients see it."""

    edges: list[Edge]
    page_info: PageInfo


@dataclass(frozen=True, slots=True)
class Keyset:
    """The column that orders a list. Its values must be unique."""

    column: ColumnElement[Any]
    number: bool = False
    descending: bool = False

    def value(self, position: str) -> Any:
        """The position in the type of the column."""
        return int(position) if self.number else position

    def beyond(self, position: str, *, later: bool) -> ColumnElement[bool]:
        """The condition for rows later, or earlier, in the list than this position."""
        value = self.value(position)
        above: ColumnElement[bool] = self.column > value
        below: ColumnElement[bool] = self.column < value
        return above if later != self.descending else below

    def order(self, *, forward: bool) -> Any:
        """The ORDER BY for this direction."""
        return self.column.asc() if forward != self.descending else self.column.desc()


@dataclass(frozen=True, slots=True)
class PageRows:
    """The rows of one page, in list order."""

    rows: Sequence[Row[Any]]
    more_after: bool
    more_before: bool


async def read_page(
    connection: AsyncConnection,
    statement: Select[Any],
    keyset: Keyset,
    request: PageRequest,
    values: dict[str, object],
) -> PageRows:
    """Reads a page with one or two statements. Their number depends on the arguments, not on the data."""
    page = statement
    if request.after is not None:
        page = page.where(keyset.beyond(request.after, later=True))
    if request.before is not None:
        page = page.where(keyset.beyond(request.before, later=False))
    page = page.order_by(keyset.order(forward=request.forward)).limit(request.size + 1)
    rows = (await connection.execute(page, values)).all()
    more = len(rows) > request.size
    rows = rows[: request.size]
    bound = request.before if request.forward else request.after
    other = request.after if request.forward else request.before
    past = await _exist_outside(
        connection, statement, keyset, (bound, request.forward), (other, not request.forward), values
    )
    ahead, behind = more or past[0], past[1]
    if request.forward:
        return PageRows(rows, more_after=ahead, more_before=behind)
    return PageRows(rows[::-1], more_after=behind, more_before=ahead)


async def _exist_outside(
    connection: AsyncConnection,
    statement: Select[Any],
    keyset: Keyset,
    ahead: tuple[str | None, bool],
    behind: tuple[str | None, bool],
    values: dict[str, object],
) -> tuple[bool, bool]:
    """Whether rows exist at or past each bound. False for a bound that was not given."""
    if ahead[0] is None and behind[0] is None:
        return False, False

    def past(position: str | None, *, later: bool) -> ColumnElement[Any]:
        if position is None:
            return literal(value=False)
        at_or_past = keyset.beyond(position, later=later) | (keyset.column == keyset.value(position))
        return statement.with_only_columns(literal(1)).where(at_or_past).exists()

    row = (
        await connection.execute(select(past(ahead[0], later=ahead[1]), past(behind[0], later=behind[1])), values)
    ).one()
    return bool(row[0]), bool(row[1])


def connection_of(nodes: Sequence[tuple[Any, str]], part: PageRows, cipher: CursorCipher) -> Connection:
    """Builds a page from its nodes and their positions."""
    edges = [Edge(node, position, cipher) for node, position in nodes]
    return Connection(edges, PageInfo(part.more_after, part.more_before, edges))
