"""What a subject sees of the ledger and of each processor."""

from datetime import datetime

import strawberry

from models.vocabulary import Audience, PersonalField, Processor
from permissions.classification import impersonal
from resolvers.disclosures import Disclosed
from schema.node import Node, PageInfo
from schema.type_resolution import shows

OWN = "the caller's own, met through `me` and `node` alone"


@impersonal(OWN)
@strawberry.type(description="What one processor was given of me, and where my objection or withdrawal stands there.")
class ProcessorState:
    processor: Processor
    fields: list[PersonalField]
    objected_at: datetime | None
    last_disclosed_at: datetime | None
    erasure_asked_at: datetime | None
    erasure_acknowledged_at: datetime | None


@impersonal(OWN)
@strawberry.type(description="One reading of my data by staff or a processor.")
@shows(Disclosed)
class Disclosure(Node):
    at: datetime
    audience: Audience
    recipient: str
    fields: list[PersonalField]
    reason: str
    receipt: str = strawberry.field(
        description="Sequence number and hash of the entry: what a subject can keep to prove later that it was there."
    )


@impersonal(OWN)
@strawberry.type
class DisclosureEdge:
    node: Disclosure
    cursor: str


@impersonal(OWN)
@strawberry.type
class DisclosureConnection:
    edges: list[DisclosureEdge]
    page_info: PageInfo
