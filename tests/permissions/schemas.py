"""Small GraphQL schemas and documents for tests of the access rules."""

from typing import Any

import strawberry

from permissions.graphql.classified_schema import ClassifiedSchema
from permissions.graphql.root_field_access import RootFieldAccess
from tests.world import GRAPHQL_NAMES

SUBSELECTIONS = {
    "location": "{ country }",
    "publicPages": "{ title }",
    "preRegistration": "{ country organization }",
}
EVERY_SELECTION = " ".join(f"{name} {SUBSELECTIONS.get(name, '')}" for name in GRAPHQL_NAMES.values())


def answering(value: Any = None, coordinate: str = "Query.user") -> Any:
    """Returns the options of a root field that answers `value` under this rule."""

    async def resolve() -> Any:
        return value

    return {"resolver": resolve, "extensions": [RootFieldAccess(coordinate)]}


def schema_with(kind: Any, *more: Any, **root: Any) -> ClassifiedSchema:
    """Returns a schema whose only root field `user` answers this type."""
    options = root or answering()

    @strawberry.type
    class Query:
        user = strawberry.field(graphql_type=kind | None, **options)

    return ClassifiedSchema(query=Query, types=more)
