"""The policy as data, for people and for consent screens."""

from datetime import datetime

import strawberry

from models.vocabulary import Audience, Dimension, PersonalField, Processor, Purpose
from permissions.classification import impersonal
from resolvers import policy

RULES = "the policy itself, about nobody"


@impersonal(RULES)
@strawberry.type(description="What the policy's text leaves open, and how this service reads it.")
class PolicyReading:
    sentence: str
    question: str
    reading: str


@impersonal(RULES)
@strawberry.type
class PolicyPurpose:
    purpose: Purpose
    text: str
    lawful_basis: str
    withdrawable: bool


@impersonal(RULES)
@strawberry.type(description="`purpose` is null where consent does not matter to that audience.")
class PolicyReader:
    audience: Audience
    purpose: Purpose | None


@impersonal(RULES)
@strawberry.type
class PolicyField:
    field: PersonalField
    purposes: list[Purpose]
    readers: list[PolicyReader]


@impersonal(RULES)
@strawberry.type
class PolicyProcessor:
    processor: Processor
    text: str
    fields: list[PersonalField]


@impersonal(RULES)
@strawberry.type(description="What is kept, for how long, and why; `until` where the day is known.")
class KeptRecord:
    what: str
    why: str
    until: datetime | None


@impersonal(RULES)
@strawberry.type(description="What statistics count by, and the closed list of values that a group can have.")
class PolicyDimension:
    dimension: Dimension
    values: list[str]


@impersonal(RULES)
@strawberry.type(description="The policy as it is enforced.")
class Policy:
    version: str
    purposes: list[PolicyPurpose]
    fields: list[PolicyField]
    processors: list[PolicyProcessor]
    retention: list[KeptRecord] = strawberry.field(description="Kind of record, how long it is kept, and why.")
    dimensions = strawberry.field(resolver=policy.dimensions, graphql_type=list[PolicyDimension])
    readings: list[PolicyReading] = strawberry.field(
        description="What the policy's text leaves open, and how this service reads it."
    )
