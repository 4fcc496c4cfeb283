"""Reads subjects by id, and the directory of members with its search."""

from functools import lru_cache

from sqlalchemy import ColumnElement, String, and_, bindparam, case, or_
from strawberry.types.info import Info

from models.columns import is_storable
from models.pasted_text import MOST_MARKS, has_long_run_of_marks
from models.records.profile import SEARCHABLE_FIELDS
from models.tables import ACCOUNTS, PROFILES
from models.vocabulary import Audience
from permissions.errors import bad_input
from permissions.masked_columns import FOLDED_SUFFIX, caller_may_read, query_parameters
from permissions.subject import Subject
from resolvers.arguments import After, Before, First, Last, Search, UserId
from resolvers.context import Context
from resolvers.pagination.keyset import Connection, CursorCipher, Keyset, PageRequest, connection_of, read_page
from resolvers.subjects import read_subjects
from resolvers.subjects.read_by_ground import Wanted, read_by_ground
from resolvers.validation.free_text import fold_for_search

SHORTEST_SEARCH = 2
LONGEST_SEARCH = 64
MOST_TERMS = 6
ESCAPE = "/"
BY_ID = Keyset(ACCOUNTS.c.id)


async def user(info: Info[Context, None], id: UserId) -> Subject | None:
    """Returns one subject as the caller sees them, or null if the subject is absent or does not exist."""
    context, asked = info.context, info.context.requested_fields(info)
    if not is_storable(str(id)):
        raise bad_input("id", "`id` contains a character that cannot be part of an id.")
    async with context.database.reading() as connection:
        if context.caller.case_audience is None:
            return await read_subjects.read_without_ground(connection, context.caller, str(id), asked.bits)
        return (await read_by_ground(context, connection, Wanted([str(id)], asked.bits))).subjects.get(str(id))


async def users(
    info: Info[Context, None],
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
    search: Search = None,
) -> Connection:
    """Pages through the subjects who show the caller at least one field, ordered by id."""
    context, bits = info.context, info.context.requested_fields(info).bits
    terms = search_terms(search)
    cipher = CursorCipher.of(context.services.keys, context.caller, "Query.users", " ".join(terms) if terms else None)
    request = PageRequest.of(cipher, first, after, last, before)
    audience = context.caller.audience_to_others
    statement = read_subjects.select_directory(audience, bits, profile=bool(terms))
    if terms:
        statement = statement.where(_matches_all(audience, len(terms)))
    values = {**query_parameters(context.caller), **_term_parameters(terms)}
    async with context.database.reading() as connection:
        part = await read_page(connection, statement, BY_ID, request, values)
    rows = read_subjects.rows_by_name(part.rows)
    seen = (read_subjects.to_subject(context.caller.audience(row["id"]), row, bits) for row in rows)
    return connection_of([(each, each.id) for each in seen if each], part, cipher)


def search_terms(search: str | None) -> tuple[str, ...]:
    """Splits a search into words. A blank search has no words and matches everyone."""
    if search is None:
        return ()
    if len(search) > 16 * LONGEST_SEARCH:
        raise _bad_length()
    if not is_storable(search):
        raise bad_input("search", "`search` contains a character that cannot be part of a text.")
    if has_long_run_of_marks(search):
        raise bad_input("search", f"`search` contains more than {MOST_MARKS} combining marks in a row.")
    text = fold_for_search(search)
    if not text:
        return ()
    if not SHORTEST_SEARCH <= len(text) <= LONGEST_SEARCH:
        raise _bad_length()
    terms = tuple(dict.fromkeys(text.split(" ")))
    if len(terms) > MOST_TERMS:
        raise bad_input("search", f"`search` may have at most {MOST_TERMS} words.")
    return terms


def _bad_length() -> Exception:
    return bad_input("search", f"`search` must have {SHORTEST_SEARCH} to {LONGEST_SEARCH} characters.")


@lru_cache(maxsize=64)
def _matches_all(audience: Audience | None, terms: int) -> ColumnElement[bool]:
    """The condition that every term occurs in a column that the caller may read. It is built once, as it is large."""
    return and_(*(_matches(audience, bindparam(f"term_{number}", type_=String())) for number in range(terms)))


def _matches(audience: Audience | None, term: ColumnElement[str]) -> ColumnElement[bool]:
    seen = (
        case((caller_may_read(audience, field), PROFILES.c[field.value.lower() + FOLDED_SUFFIX]), else_=None)
        for field in SEARCHABLE_FIELDS
    )
    return or_(*(column.contains(term, escape=ESCAPE) for column in seen))


def _term_parameters(terms: tuple[str, ...]) -> dict[str, object]:
    """The values of the terms. None of their characters has a special meaning."""
    special = str.maketrans({each: ESCAPE + each for each in (ESCAPE, "%", "_")})
    return {f"term_{number}": term.translate(special) for number, term in enumerate(terms)}
