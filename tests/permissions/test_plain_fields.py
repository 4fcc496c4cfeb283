"""Fields that need no resolver are answered in one pass, byte for byte as graphql-core answers them."""

from collections.abc import Sequence
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from models.vocabulary import EVERY_FIELD, Audience, Role
from permissions.caller import Caller
from permissions.graphql.classified_schema import ClassifiedSchema, impersonal
from permissions.graphql.plain_fields import PlainExecutionContext
from permissions.subject import Subject
from resolvers.context import Context
from schema.user import User
from tests.permissions.schemas import answering, schema_with
from tests.world import USER, World, line

ACCOUNT = """__typename id emailVerified restricted user { ...Whole again: withheld { reason } } totpEnabled roles
  consents { purpose granted status withdrawable policyVersion since waitsFor erasesAt id } hiddenFromMembers
  erasureScheduledFor processors { processor fields objectedAt id } sessions { createdAt client current id }
  consentHistory { edges { cursor node { id purpose recordedAt receipt } } pageInfo { hasNextPage endCursor } }
  disclosures { edges { cursor } pageInfo { startCursor } }"""
DOCUMENTS = (
    "{ viewer { __typename id role expiresAt user { ...Whole } session { id current } processor } }",
    f"{{ me {{ {ACCOUNT} }} }}",
    """{ users { __typename pageInfo { endCursor hasNextPage } edges { node { ...Whole id
       publicPages { url also: title } } cursor } again: edges { node { city ... on Node { id } } } } }""",
    "{ nodes(ids: $ids) { __typename id ... on User { ...Whole } } }",
    "{ userMap { place { country city latitude longitude } count } }",
    """{ policy { version fields { field purposes readers { audience purpose } } retention { what why until }
       processors { processor text fields } dimensions { dimension values } readings { reading } } }""",
    f"mutation {{ setHiddenFromMembers(fields: [CITY]) {{ ... on ProfileUpdated {{ user {{ ...Whole }} "
    f"account {{ {ACCOUNT} }} }} }} }}",
)


def whole(document: str) -> str:
    """The document with the variable and the fragment that it uses."""
    asked = document if document[0] == "m" else f"query{'($ids: [ID!]!)' if '$ids' in document else ''} {document}"
    return asked + (f" fragment Whole on User {{ {USER} }}" if "...Whole" in asked else "")


async def answers(world: World, token: str | None, ids: Sequence[str]) -> list[bytes]:
    return [
        (await world.post(whole(document), token, {"ids": [*ids, "unknown"]} if "$ids" in document else {})).content
        for document in DOCUMENTS
    ]


async def test_one_pass_answers_the_same_bytes_as_graphql_core(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    people = (
        line("a@example.org"),
        line("b@example.org", hidden=["CITY", "PUBLIC_PAGES"]),
        line("c@example.org", profile={}, preRegistration={}, ipAddress=None),
        line("d@example.org", emailVerified=False),
    )
    ids = await world.store_people(*people)
    for token in (await world.token(holder=ids[0]), await world.token(holder=ids[3]), None):
        await answers(world, token, ids)  # a mutation makes a record, and a session's last use is written once
        fast = await answers(world, token, ids)
        with monkeypatch.context() as patched:
            stock = StrawberryGraphQLCoreExecutionContext.execute_fields
            patched.setattr(PlainExecutionContext, "execute_fields", stock)
            assert await answers(world, token, ids) == fast


class Color(Enum):
    """Colors."""

    RED = "red"


@impersonal("describes no person")
@strawberry.type
class Thing:
    """Has a value of every kind of type."""

    text: str
    color: Color | None
    number: int | None
    share: float | None
    names: list[str] | None
    inner: "Thing | None"
    others: list["Thing | None"] | None


THING = "text color number share names"
ASKED = f"{{ user {{ {THING} inner {{ {THING} others {{ text }} }} others {{ {THING} }} }} }}"
PLAIN = {"text": "a", "color": Color.RED, "number": 1, "share": 0.5, "names": ["a"], "inner": None, "others": None}


def thing(**values: Any) -> SimpleNamespace:
    return SimpleNamespace(**{**PLAIN, **values})


ODD = {
    "text": (None, 7, ValueError("a"), ["a"]),
    "color": ("RED", "BLUE", Color, [1]),
    "number": (2**31, -(2**31), True, 1.0, 1.5, "1", "a"),
    "share": (1, True, float("nan"), "a"),
    "names": (("a", "b"), [None], "ab", {"a"}, 7, [], ()),
    "inner": (thing(text=None), thing(names=[None]), ValueError("a"), thing(others=[None, thing(text=None)]), 7),
    "others": ([thing(), None], (thing(),), [thing(text=None)], [ValueError("a"), thing()], thing()),
}


async def result(schema: ClassifiedSchema, document: str = ASKED) -> tuple[Any, list[Any]]:
    context = Context(Caller(Role.MEMBER, "a", "b", "c", verified=True), None)  # type: ignore[arg-type]
    found = await schema.execute(document, context_value=context)
    return found.data, [error.formatted for error in found.errors or []]


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in ODD.items() for value in values])
async def test_an_odd_value_is_answered_as_by_graphql_core(field: str, value: Any) -> None:
    found = []
    for kind in (PlainExecutionContext, StrawberryGraphQLCoreExecutionContext):
        schema = schema_with(Thing, **answering(thing(**{field: value})))
        schema.execution_context_class = kind
        found.append(await result(schema))
    assert found[0] == found[1]


async def test_a_value_that_the_mask_withholds_is_not_shown_even_if_it_was_read() -> None:
    values = {"first_name": "Amara", "public_pages": [SimpleNamespace(title="t", url="u", body=None)]}
    document = "{ user { firstName publicPages { title } } }"
    for mask in (0, EVERY_FIELD):
        subject = Subject("a", Audience.MEMBERS, mask, (), values)
        data, errors = await result(schema_with(User, **answering(subject)), document)
        shown = (
            {"firstName": "Amara", "publicPages": [{"title": "t"}]}
            if mask
            else dict.fromkeys(("firstName", "publicPages"))
        )
        assert (data, errors) == ({"user": shown}, [])
