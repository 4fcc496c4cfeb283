"""Objects with an id, pages of lists, and refusals."""

from typing import Final

import strawberry

from models.mutation_outcomes import Refused
from models.vocabulary import RefusalCode
from permissions.graphql.classified_schema import impersonal, open_field
from schema.type_resolution import is_type_of

CURSOR: Final = "The position of this item. Send it as `after` or `before`."
EDGES: Final = "The items of this page, in the order of the list. Empty if there are none."
PAGE_INFO: Final = "Whether there are more items, and the cursors of this page."


@strawberry.interface(description="Anything with an id that is unique over all types.")
class Node:
    id: strawberry.ID = open_field(
        "an opaque random name", description="An opaque id of at most 48 characters, unique over all types."
    )


@impersonal("describes a page, whose items are guarded")
@strawberry.type(description="The position of a page in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether the list continues after this page. Always exact.")
    has_previous_page: bool = strawberry.field(description="Whether the list has items before this page. Always exact.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first item. Null if the page is empty.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last item. Null if the page is empty.")


@impersonal("explains why nothing was changed")
@strawberry.type(description="An expected refusal. Nothing was changed.")
@is_type_of(Refused)
class Refusal:
    code: RefusalCode = strawberry.field(
        description="Why it was refused, for programs. Treat a code that you do not know as a general refusal."
    )
    message: str = strawberry.field(
        description="Why it was refused, in a sentence for people. It never repeats a value."
    )
    field: str | None = strawberry.field(
        description="The path of the argument at fault, such as `input.password`. Null if no single argument is at "
        "fault."
    )
    retry_after_seconds: int | None = strawberry.field(
        description="How many seconds to wait before the next try. Null if waiting does not help."
    )
