"""The guard of a personal-data field returns null without the field's bit."""

from types import SimpleNamespace
from typing import Any

import pytest

from models.vocabulary import EVERY_FIELD, Audience, PersonalField
from permissions.caller import Caller
from permissions.graphql.field_permission import GUARD, CanRead, GuardedField
from permissions.subject import Subject
from resolvers.context import Context
from schema.build import build
from schema.user import User
from tests import expectation
from tests.permissions.schemas import answering, schema_with
from tests.world import GRAPHQL_NAMES

STORED = {
    "email": "subject@example.org",
    "first_name": "Amara",
    "public_pages": [SimpleNamespace(title="Bowls", url="https://pages.example.org/bowls", body=None)],
}
PAGES_AND_NAME = "{ user { firstName publicPages { title } } }"


def subject(mask: int, values: dict[str, Any] | None = None) -> Subject:
    """Returns a subject with this mask."""
    return Subject("a" * 32, Audience.MEMBERS, mask, (), STORED if values is None else values)


async def answer_with(mask: int, values: dict[str, Any] | None = None) -> Any:
    """Returns the answer about a subject with this mask."""
    schema = schema_with(User, **answering(subject(mask, values)))
    result = await schema.execute(PAGES_AND_NAME, context_value=Context(Caller(), services=None))
    assert result.errors is None
    return result.data["user"]


async def test_a_withheld_list_is_null_and_never_empty() -> None:
    assert await answer_with(0) == {"firstName": None, "publicPages": None}
    assert await answer_with(EVERY_FIELD & ~PersonalField.PUBLIC_PAGES.bit) == {
        "firstName": "Amara",
        "publicPages": None,
    }
    assert await answer_with(EVERY_FIELD, {**STORED, "public_pages": []}) == {"firstName": "Amara", "publicPages": []}
    assert await answer_with(0, {**STORED, "public_pages": []}) == {"firstName": None, "publicPages": None}
    assert await answer_with(EVERY_FIELD) == {"firstName": "Amara", "publicPages": [{"title": "Bowls"}]}


def guarded_fields() -> dict[str, GuardedField]:
    """Returns Strawberry's definition of each guarded field of User."""
    definition = User.__strawberry_definition__  # type: ignore[attr-defined]  # Strawberry adds it
    return {field.python_name: field for field in definition.fields if isinstance(field, GuardedField)}


@pytest.mark.parametrize("field", PersonalField)
def test_a_guard_allows_only_by_its_own_bit(field: PersonalField) -> None:
    name = field.value.lower()
    declared = guarded_fields()[name]
    guard = declared.metadata[GUARD]
    assert (guard.field, guard.bit) == (field, expectation.BITS[field])
    values, all_but_one = {name: ["stored"]}, EVERY_FIELD & ~field.bit
    for mask, answer in ((field.bit, ["stored"]), (EVERY_FIELD, ["stored"]), (all_but_one, None), (0, None)):
        assert declared.get_result(subject(mask, values), None, [], {}) == answer
        assert (
            build().graphql.type_map["User"].fields[GRAPHQL_NAMES[field]].resolve(subject(mask, values), None) == answer
        )
        assert guard.has_permission(subject(mask), None) is (answer is not None)


@pytest.mark.parametrize(
    "source",
    [None, {"mask": EVERY_FIELD}, SimpleNamespace(mask=EVERY_FIELD, values=STORED), EVERY_FIELD, "a" * 32],
    ids=lambda source: type(source).__name__,
)
def test_a_guard_refuses_any_source_except_a_subject(source: Any) -> None:
    assert not any(CanRead(field).has_permission(source, None) for field in PersonalField)
