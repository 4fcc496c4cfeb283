"""Builds the schema, or raises an error that names everything undeclared."""

from collections.abc import Sequence
from typing import Any

from strawberry.schema.config import StrawberryConfig

from permissions.graphql.classified_schema import ClassifiedSchema
from permissions.versions.guard import require_announced
from schema.account import Account, ConsentRecord, Session
from schema.cases import LegalRequest, SupportCase
from schema.disclosure import Disclosure
from schema.mutation import Mutation
from schema.processors import VIEWS, Withdrawal
from schema.query import Query
from schema.scalars import SCALARS
from schema.user import User


def build(extensions: Sequence[Any] = (), kind: type[ClassifiedSchema] = ClassifiedSchema) -> ClassifiedSchema:
    """Builds the schema with these extensions."""
    require_announced()
    return kind(
        query=Query,
        mutation=Mutation,
        types=[Account, ConsentRecord, Disclosure, LegalRequest, Session, SupportCase, User, Withdrawal, *VIEWS],
        extensions=list(extensions),
        config=StrawberryConfig(scalar_map=SCALARS),
    )
