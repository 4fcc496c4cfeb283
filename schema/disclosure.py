"""Disclosures, and the state of each processor, as their subject sees them."""

from datetime import datetime

import strawberry

from models.vocabulary import Audience, PersonalField, Processor
from permissions.graphql.classified_schema import impersonal
from resolvers.consent import objections
from resolvers.ledger.own_disclosures import DisclosureState
from schema.node import CURSOR, EDGES, PAGE_INFO, Node, PageInfo
from schema.type_resolution import is_type_of

OWN = "read only through `me` and `node`, by the caller"


@impersonal(OWN)
@strawberry.type(
    description="What one processor received of the caller's data, and the state of objections and erasure there."
)
class ProcessorState:
    id = strawberry.field(
        resolver=objections.processor_state_id,
        graphql_type=strawberry.ID,
        description="An opaque id, the same each time, for caches of clients, another for each caller and "
        "processor. `node` does not find it.",
    )
    processor: Processor = strawberry.field(description="The processor.")
    fields: list[PersonalField] = strawberry.field(
        description="The fields that the processor received and has not confirmed to have erased."
    )
    objected_at: datetime | None = strawberry.field(
        description="When the caller objected to this processor. Null if no objection stands."
    )
    last_disclosed_at: datetime | None = strawberry.field(
        description="When the processor last received data of the caller. Null if it never did."
    )
    erasure_asked_at: datetime | None = strawberry.field(
        description="When this service last asked the processor to erase data of the caller. Null if it never did."
    )
    erasure_acknowledged_at: datetime | None = strawberry.field(
        description="When the processor confirmed that erasure. Null if it has not."
    )


@impersonal(OWN)
@strawberry.type(description="One reading of the caller's data by staff or a processor.")
@is_type_of(DisclosureState)
class Disclosure(Node):
    at: datetime = strawberry.field(description="When the data was read.")
    audience: Audience = strawberry.field(description="The audience that the recipient belonged to.")
    recipient: str = strawberry.field(
        description="The name of the processor, or the pseudonym of the person who read the data."
    )
    fields: list[PersonalField] = strawberry.field(description="The fields that were read.")
    reason: str = strawberry.field(
        description="The case, the legal request or the reason that the processor gave. Empty after its retention "
        "period."
    )
    receipt: str = strawberry.field(
        description="The entry's sequence number and hash, as `number:hash`. Keep it to prove later that the entry "
        "existed."
    )


@impersonal(OWN)
@strawberry.type(description="An item in a list of disclosures, with its cursor.")
class DisclosureEdge:
    node: Disclosure = strawberry.field(description="The disclosure.")
    cursor: str = strawberry.field(description=CURSOR)


@impersonal(OWN)
@strawberry.type(description="One page of disclosures.")
class DisclosureConnection:
    edges: list[DisclosureEdge] = strawberry.field(description=EDGES)
    page_info: PageInfo = strawberry.field(description=PAGE_INFO)
