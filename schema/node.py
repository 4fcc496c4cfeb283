"""What has an id, and how a list is cut into pages."""

import strawberry

from models.outcome import Refused
from models.vocabulary import RefusalCode
from permissions.classification import impersonal, open_field
from schema.type_resolution import shows


@strawberry.interface(description="Anything with an id that is unique over all types.")
class Node:
    id: strawberry.ID = open_field("an opaque random name")


@impersonal("says only whether there is more of a list whose members are guarded")
@strawberry.type(description="Exact in both directions of the whole list.")
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@impersonal("says why nothing was done")
@strawberry.type(description="An expected refusal: a machine-readable code, a sentence, and the input field at fault.")
@shows(Refused)
class Refusal:
    code: RefusalCode
    message: str
    field: str | None
    retry_after_seconds: int | None
