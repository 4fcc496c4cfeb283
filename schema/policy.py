"""The policy as data, for people and for consent screens."""

from datetime import datetime

import strawberry

from models.vocabulary import Audience, Dimension, PersonalField, Processor, Purpose
from permissions.graphql.classified_schema import impersonal
from resolvers.policy import policy_query

RULES = "describes the policy, not a person"


@impersonal(RULES)
@strawberry.type(description="A question that the policy's text leaves open, and how this service answers it.")
class PolicyReading:
    sentence: str = strawberry.field(description="What the policy's text says.")
    question: str = strawberry.field(description="The question that the text leaves open.")
    reading: str = strawberry.field(description="How this service reads it.")


@impersonal(RULES)
@strawberry.type(description="A purpose as the policy states it.")
class PolicyPurpose:
    purpose: Purpose = strawberry.field(description="The purpose.")
    text: str = strawberry.field(description="The purpose in a sentence for people.")
    lawful_basis: str = strawberry.field(description="The lawful basis (GDPR Art. 6).")
    withdrawable: bool = strawberry.field(
        description="Whether a subject can withdraw it. True if the lawful basis is consent."
    )


@impersonal(RULES)
@strawberry.type(description="An audience that can read a field.")
class PolicyReader:
    audience: Audience = strawberry.field(description="The audience.")
    purpose: Purpose | None = strawberry.field(
        description="The purpose under which the audience reads the field. Null if the audience reads it without any "
        "purpose."
    )


@impersonal(RULES)
@strawberry.type(description="A personal-data field, why it is collected and who can read it.")
class PolicyField:
    field: PersonalField = strawberry.field(description="The field.")
    purposes: list[Purpose] = strawberry.field(description="The purposes that the field is collected for.")
    readers: list[PolicyReader] = strawberry.field(description="Every audience that can ever read the field.")


@impersonal(RULES)
@strawberry.type(description="A processor and what it can receive.")
class PolicyProcessor:
    processor: Processor = strawberry.field(description="The processor.")
    text: str = strawberry.field(description="What the policy says about the processor.")
    fields: list[PersonalField] = strawberry.field(description="Every field that the processor can ever receive.")


@impersonal(RULES)
@strawberry.type(description="A kind of record, how long it is kept, and why.")
class KeptRecord:
    what: str = strawberry.field(description="The kind of record.")
    why: str = strawberry.field(description="How long the record is kept, and why.")
    until: datetime | None = strawberry.field(description="The latest time at which it is erased. Null if not known.")


@impersonal(RULES)
@strawberry.type(description="What statistics can count by.")
class PolicyDimension:
    dimension: Dimension = strawberry.field(description="The dimension.")
    values: list[str] = strawberry.field(
        description="Every value that a group can have, `OTHER` and `UNSPECIFIED` included."
    )


@impersonal(RULES)
@strawberry.type(description="One version of the data handling policy, as the service enforces it.")
class Policy:
    version: str = strawberry.field(
        description="The name of the version, such as `2026-11-01`. `grantConsent` and `register` take it as "
        "`policyVersion`."
    )
    purposes: list[PolicyPurpose] = strawberry.field(description="Every purpose, in the policy's order.")
    fields: list[PolicyField] = strawberry.field(description="Every personal-data field, in the policy's order.")
    processors: list[PolicyProcessor] = strawberry.field(description="Every processor.")
    retention: list[KeptRecord] = strawberry.field(description="How long each kind of record is kept, and why.")
    dimensions = strawberry.field(
        resolver=policy_query.dimensions,
        graphql_type=list[PolicyDimension],
        description="What statistics can count by.",
    )
    readings: list[PolicyReading] = strawberry.field(
        description="The questions that the policy's text leaves open, and how this service answers them."
    )
