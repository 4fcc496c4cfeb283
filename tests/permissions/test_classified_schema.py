"""The schema is built only if every field and column is guarded or declared open."""

from typing import Any

import pytest
import strawberry
from sqlalchemy import Column, Integer, MetaData, String, Table

from models.columns import HOLDS, IMPERSONAL, unclassified_columns
from models.tables import METADATA
from models.vocabulary import PersonalField
from permissions.graphql import classified_schema
from permissions.graphql.classified_schema import ClassifiedSchema, UnclassifiedField, impersonal, open_field
from permissions.graphql.field_permission import personal_field
from permissions.graphql.root_field_access import RootFieldAccess
from permissions.graphql.root_field_rules import ROOT_FIELD_RULES
from schema.build import build
from schema.node import Node
from schema.user import User
from tests.permissions.schemas import answering, schema_with


def unclassified(*schema: Any, **root: Any) -> list[str]:
    """Returns what the schema leaves unclassified."""
    with pytest.raises(UnclassifiedField) as refused:
        schema_with(*schema, **root)
    return str(refused.value).removeprefix("No rule says who may read these: ").split(", ")


def test_an_unclassified_field_stops_the_build() -> None:
    @strawberry.type
    class Leak:
        id: strawberry.ID = open_field("a random id")
        email: str | None = personal_field(PersonalField.EMAIL)
        secret_note: str | None
        computed: str = strawberry.field(resolver=lambda: "")

    assert unclassified(Leak) == ["Leak.computed", "Leak.secretNote"]


def test_a_type_outside_the_root_fields_is_checked_too() -> None:
    @strawberry.type
    class Unreached:
        secret: str

    assert unclassified(User, Unreached) == ["Unreached.secret"]


def test_impersonal_is_not_inherited() -> None:
    @impersonal("has no subject")
    @strawberry.type
    class Plain:
        title: str

    @strawberry.type
    class Derived(Plain):
        secret: str

    assert unclassified(Derived) == ["Derived.secret", "Derived.title"]


def test_a_redeclared_field_loses_its_guard_and_an_inherited_one_keeps_it() -> None:
    @strawberry.interface
    class WithEmail:
        email: str | None = personal_field(PersonalField.EMAIL)

    @strawberry.type
    class Inherits(WithEmail):
        about: str | None = personal_field(PersonalField.ABOUT)

    @strawberry.type
    class Redeclares(WithEmail):
        email: str | None

    @strawberry.type
    class Resolves(WithEmail):
        @strawberry.field
        def email(self) -> str | None:
            return "someone@example.org"

    assert unclassified(Inherits, Redeclares, Resolves) == ["Redeclares.email", "Resolves.email"]
    guards = schema_with(Inherits).guards
    assert {name: guard.field for name, guard in guards.items()} == {
        "Inherits.about": PersonalField.ABOUT,
        "Inherits.email": PersonalField.EMAIL,
    }


def test_a_redeclared_id_is_unclassified() -> None:
    @strawberry.type
    class Thing(Node):
        id: strawberry.ID

    assert unclassified(Thing) == ["Thing.id"]


async def read_nothing() -> None:
    """A resolver that reads nothing."""


@pytest.mark.parametrize("extensions", [[], [RootFieldAccess("Query.node")], [RootFieldAccess("Mutation.login")]])
def test_a_root_field_without_its_own_rule_stops_the_build(extensions: list[Any]) -> None:
    assert unclassified(User, resolver=read_nothing, extensions=extensions) == ["Query.user"]


def test_a_mutation_without_its_own_rule_stops_the_build() -> None:
    @strawberry.type
    class Query:
        user = strawberry.field(graphql_type=User | None, **answering())

    @strawberry.type
    class Mutation:
        user = strawberry.field(graphql_type=User | None, **answering())

    with pytest.raises(UnclassifiedField, match=r"Mutation\.user$"):
        ClassifiedSchema(query=Query, mutation=Mutation)


def test_an_unknown_rule_cannot_be_named() -> None:
    with pytest.raises(KeyError):
        RootFieldAccess("Query.everything")


def test_a_field_outside_the_policy_cannot_be_guarded() -> None:
    with pytest.raises(KeyError):
        personal_field("SHOE_SIZE")  # type: ignore[arg-type]  # the point of the test


def test_an_unclassified_column_stops_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    separate = MetaData()
    Table(
        "notes",
        separate,
        Column("id", Integer, primary_key=True, info={IMPERSONAL: "a number"}),
        Column("about", String, info={HOLDS: PersonalField.ABOUT}),
        Column("shoe_size", Integer),
    )
    assert unclassified_columns(separate.tables.values()) == ["notes.shoe_size"]
    monkeypatch.setattr(classified_schema, "METADATA", separate)
    with pytest.raises(UnclassifiedField, match=r"notes\.shoe_size$"):
        build()


def test_the_error_names_everything_unclassified(monkeypatch: pytest.MonkeyPatch) -> None:
    separate = MetaData()
    Table("notes", separate, Column("shoe_size", Integer, primary_key=True))
    monkeypatch.setattr(classified_schema, "METADATA", separate)

    @strawberry.type
    class Leak:
        secret: str

    assert unclassified(Leak, resolver=read_nothing) == ["Leak.secret", "Query.user", "notes.shoe_size"]


def test_every_stored_column_is_classified_once() -> None:
    assert unclassified_columns(METADATA.tables.values()) == []
    for table in METADATA.tables.values():
        for column in table.columns:
            assert (HOLDS in column.info) != (IMPERSONAL in column.info), f"{table.name}.{column.name}"
            assert column.info.get(HOLDS) or column.info[IMPERSONAL].strip()


def test_root_fields_and_rules_are_the_same_set() -> None:
    kinds = (build().graphql.query_type, build().graphql.mutation_type)
    assert {f"{kind.name}.{name}" for kind in kinds for name in kind.fields} == set(ROOT_FIELD_RULES)
    assert build().graphql.subscription_type is None
