"""What somebody sends as a secret comes back in no answer, no log line and no metric, however it was sent."""

import logging
from functools import cache
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, is_enum_type, is_input_object_type, is_list_type, is_non_null_type

from permissions.graphql.root_field_rules import CREDENTIAL_FIELDS
from permissions.version_numbers import current_version
from resolvers.sessions import attempt_limits
from schema.build import build
from tests.world import World, codes

MARKER = "S3cr3tMarkerThatNobodyElseWrites"
NUMBER = 7331049857
"""No Int, and nobody else's number either."""

SENT = (MARKER, str(NUMBER))
WRONG: tuple[Any, ...] = ({"x": MARKER}, [MARKER, [MARKER]], {MARKER: 1}, {"input": MARKER}, NUMBER, NUMBER + 0.5, True)
LITERALS = (f'{{x: "{MARKER}"}}', f'["{MARKER}", ["{MARKER}"]]', f"{{{MARKER}: 1}}", MARKER, str(NUMBER), "true")
"""The same written into the document."""

FITTING: dict[str, Any] = {
    "email": "p@example.org",
    "newEmail": "new@example.org",
    "consents": ["SOCIAL", "EXPANSION"],
    "policyVersion": current_version().name,
    "country": "DE",
}
"""What is no secret, and would be refused for other reasons first."""


@cache
def arguments() -> dict[str, tuple[str, dict[str, str]]]:
    """Of each mutation that proves who somebody is: its selection, and its arguments with their types."""
    kinds = build().graphql.type_map
    fields: Any = kinds["Mutation"]
    found = {}
    for name in sorted(CREDENTIAL_FIELDS):
        field = fields.fields[name]
        selection = "" if str(field.type) == "Boolean" else "{ __typename }"
        found[name] = (selection, {each: str(argument.type) for each, argument in field.args.items()})
    return found


def filled(kind: Any, name: str) -> Any:
    """A value of this type that is complete and accepted, with the marker wherever else a string stands."""
    if name in FITTING:
        return FITTING[name]
    if is_non_null_type(kind):
        return filled(kind.of_type, name)
    if is_enum_type(kind):
        return next(iter(kind.values))
    if not isinstance(kind, GraphQLInputObjectType):
        return MARKER
    return {each: filled(field.type, each) for each, field in kind.fields.items()}


def literal(kind: Any, value: Any) -> str:
    """The same as it is written in a document."""
    if is_non_null_type(kind):
        return literal(kind.of_type, value)
    if is_list_type(kind):
        return "[" + ", ".join(literal(kind.of_type, each) for each in value) + "]"
    if is_input_object_type(kind):
        fields = (f"{name}: {literal(field.type, value[name])}" for name, field in kind.fields.items())
        return "{" + ", ".join(fields) + "}"
    return str(value) if is_enum_type(kind) else f'"{value}"'


def complete_documents(name: str) -> list[tuple[str, Any]]:
    """Ways to send the marker that are accepted: every input complete, as literals and as variables."""
    field: Any = build().graphql.type_map["Mutation"]
    kinds = {each: argument.type for each, argument in field.fields[name].args.items()}
    selection, given = arguments()[name]
    values = {each: filled(kind, each) for each, kind in kinds.items()}
    if not kinds:
        return [(f"mutation {{ {name} {selection} }}", {"x": MARKER})]
    written = ", ".join(f"{each}: {literal(kind, values[each])}" for each, kind in kinds.items())
    named = ", ".join(f"${each}: {kind}" for each, kind in given.items())
    passed = ", ".join(f"{each}: ${each}" for each in given)
    return [
        (f"mutation {{ {name}({written}) {selection} }}", None),
        (f"mutation ({named}) {{ {name}({passed}) {selection} }}", values),
    ]


def documents(name: str, selection: str, given: dict[str, str]) -> list[tuple[str, Any]]:
    """Ways to send the marker: literals that fit and do not, texts that cannot be read, variables of every shape."""
    inputs = {each: f'"{MARKER}"' if "Input" not in kind else f'{{email: "{MARKER}"}}' for each, kind in given.items()}
    literals = ", ".join(f"{each}: {value}" for each, value in inputs.items())
    named = ", ".join(f"${each}: {kind}" for each, kind in given.items())
    passed = ", ".join(f"{each}: ${each}" for each in given)
    if not given:
        return complete_documents(name)
    texts = [
        f"mutation {{ {name}({literals}) {selection} }}",
        f"mutation {{ {name}({literals}, {MARKER}: 1) {selection} }}",
        f"mutation {{ {name}({literals}) {selection}",
        f'mutation {{ {name}({literals} "{MARKER}) {selection} }}',
        f'mutation {{ {name}({literals}) {{ "{MARKER}" }} }}',
        *(
            f"mutation {{ {name}({', '.join(f'{each}: {wrong}' for each in given)}) {selection} }}"
            for wrong in LITERALS
        ),
    ]
    whole = f"mutation ({named}) {{ {name}({passed}) {selection} }}"
    shapes = [dict.fromkeys(given, value) for value in (MARKER, *WRONG)]
    inner = [{each: {"email": wrong, "password": wrong, "code": wrong} for each in given} for wrong in WRONG]
    return [
        *((text, None) for text in texts),
        *((whole, shape) for shape in (*shapes, *inner)),
        *complete_documents(name),
    ]


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Every line of any logger, with all that hangs on it, but for the driver's own trace of its statements."""
    lines = [record for record in caplog.records if record.name != "aiosqlite"]
    return [f"{record.getMessage()} {record.__dict__} {record.exc_text}" for record in lines]


@pytest.mark.parametrize("name", sorted(CREDENTIAL_FIELDS))
async def test_no_secret_comes_back_or_is_logged(world: World, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("aiosqlite").setLevel(logging.INFO)  # the driver's own trace of statements, off in any process
    _, token = await world.member("p@example.org")
    selection, given = arguments()[name]
    for document, variables in documents(name, selection, given):
        for caller in (None, token):
            response = await world.post(document, caller, variables)
            assert not [each for each in SENT if each in response.text], document
            assert MARKER not in str(response.headers)
    assert not [line for line in told(caplog) if any(each in line for each in SENT)]
    assert MARKER not in (await world.client.get("/metrics")).text


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", sorted(CREDENTIAL_FIELDS))
async def test_what_fails_tells_neither_its_text_nor_what_was_sent(
    world: World, name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a library says when it gives up may repeat what it was given."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("aiosqlite").setLevel(logging.INFO)
    _, token = await world.member("p@example.org", password=MARKER)
    reached = []

    async def fails(*_: Any) -> None:
        reached.append(name)
        raise RuntimeError(f"{MARKER} cannot be counted") from ValueError(MARKER)

    monkeypatch.setattr(attempt_limits, "count_attempt", fails)
    for document, variables in complete_documents(name):
        response = await world.post(document, token, variables)
        assert codes(response.json()) == ["INTERNAL"], response.text
        assert MARKER not in response.text
    assert len(reached) == len(complete_documents(name))
    assert not [line for line in told(caplog) if MARKER in line]
