"""No response, log line or metric contains a secret that a client sent."""

import logging
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, is_enum_type, is_input_object_type, is_list_type, is_non_null_type
from prometheus_client import generate_latest

from models.telemetry.catalogue import REGISTRY
from permissions.graphql.root_field_rules import CREDENTIAL_FIELDS
from permissions.version_numbers import current_version
from resolvers.sessions import attempt_limits
from schema.build import build
from tests.identity import credential_arguments
from tests.world import World, codes

MARKER = "S3cr3tMarkerThatNobodyElseWrites"


NUMBER = 7331049857
"""A number that is not an Int and that occurs only here."""


SENT = (MARKER, str(NUMBER))


WRONG: tuple[Any, ...] = ({"x": MARKER}, [MARKER, [MARKER]], {MARKER: 1}, {"input": MARKER}, NUMBER, NUMBER + 0.5, True)


LITERALS = (f'{{x: "{MARKER}"}}', f'["{MARKER}", ["{MARKER}"]]', f"{{{MARKER}: 1}}", MARKER, str(NUMBER), "true")
"""The same values as GraphQL literals."""


FITTING: dict[str, Any] = {
    "email": "p@example.org",
    "newEmail": "new@example.org",
    "consents": ["SOCIAL", "EXPANSION"],
    "policyVersion": current_version().name,
    "country": "DE",
}
"""Values that are not secret and that must be valid."""


def complete_value(kind: Any, name: str) -> Any:
    """A complete valid value of this type, with the marker in every other string."""
    if name in FITTING:
        return FITTING[name]
    if is_non_null_type(kind):
        return complete_value(kind.of_type, name)
    if is_enum_type(kind):
        return next(iter(kind.values))
    if not isinstance(kind, GraphQLInputObjectType):
        return MARKER
    return {each: complete_value(field.type, each) for each, field in kind.fields.items()}


def literal(kind: Any, value: Any) -> str:
    """A value as a GraphQL literal."""
    if is_non_null_type(kind):
        return literal(kind.of_type, value)
    if is_list_type(kind):
        return "[" + ", ".join(literal(kind.of_type, each) for each in value) + "]"
    if is_input_object_type(kind):
        fields = (f"{name}: {literal(field.type, value[name])}" for name, field in kind.fields.items())
        return "{" + ", ".join(fields) + "}"
    return str(value) if is_enum_type(kind) else f'"{value}"'


def complete_documents(name: str) -> list[tuple[str, Any]]:
    """Valid documents with the marker in every input, as literals and as variables."""
    field: Any = build().graphql.type_map["Mutation"]
    kinds = {each: argument.type for each, argument in field.fields[name].args.items()}
    selection, arguments = credential_arguments()[name]
    values = {each: complete_value(kind, each) for each, kind in kinds.items()}
    if not kinds:
        return [(f"mutation {{ {name} {selection} }}", {"x": MARKER})]
    written = ", ".join(f"{each}: {literal(kind, values[each])}" for each, kind in kinds.items())
    named = ", ".join(f"${each}: {kind}" for each, kind in arguments.items())
    passed = ", ".join(f"{each}: ${each}" for each in arguments)
    return [
        (f"mutation {{ {name}({written}) {selection} }}", None),
        (f"mutation ({named}) {{ {name}({passed}) {selection} }}", values),
    ]


def documents(name: str, selection: str, arguments: dict[str, str]) -> list[tuple[str, Any]]:
    """Documents with the marker in valid and invalid literals, in broken text and in variables of every shape."""
    inputs = {
        each: f'"{MARKER}"' if "Input" not in kind else f'{{email: "{MARKER}"}}' for each, kind in arguments.items()
    }
    literals = ", ".join(f"{each}: {value}" for each, value in inputs.items())
    named = ", ".join(f"${each}: {kind}" for each, kind in arguments.items())
    passed = ", ".join(f"{each}: ${each}" for each in arguments)
    if not arguments:
        return complete_documents(name)
    texts = [
        f"mutation {{ {name}({literals}) {selection} }}",
        f"mutation {{ {name}({literals}, {MARKER}: 1) {selection} }}",
        f"mutation {{ {name}({literals}) {selection}",
        f'mutation {{ {name}({literals} "{MARKER}) {selection} }}',
        f'mutation {{ {name}({literals}) {{ "{MARKER}" }} }}',
        *(
            f"mutation {{ {name}({', '.join(f'{each}: {wrong}' for each in arguments)}) {selection} }}"
            for wrong in LITERALS
        ),
    ]
    whole = f"mutation ({named}) {{ {name}({passed}) {selection} }}"
    shapes = [dict.fromkeys(arguments, value) for value in (MARKER, *WRONG)]
    inner = [{each: {"email": wrong, "password": wrong, "code": wrong} for each in arguments} for wrong in WRONG]
    return [
        *((text, None) for text in texts),
        *((whole, shape) for shape in (*shapes, *inner)),
        *complete_documents(name),
    ]


def log_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Every log record with its attributes, except the statement trace of the database driver."""
    lines = [record for record in caplog.records if record.name != "aiosqlite"]
    return [f"{record.getMessage()} {record.__dict__} {record.exc_text}" for record in lines]


@pytest.mark.parametrize("name", sorted(CREDENTIAL_FIELDS))
async def test_no_secret_is_returned_or_logged(world: World, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("aiosqlite").setLevel(logging.INFO)  # the statement trace of the driver is off in every process
    _, token = await world.member("p@example.org")
    selection, arguments = credential_arguments()[name]
    for document, variables in documents(name, selection, arguments):
        for caller in (None, token):
            response = await world.post(document, caller, variables)
            assert not [each for each in SENT if each in response.text], document
            assert MARKER not in str(response.headers)
    assert not [line for line in log_lines(caplog) if any(each in line for each in SENT)]
    assert MARKER not in generate_latest(REGISTRY).decode()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", sorted(CREDENTIAL_FIELDS))
async def test_an_internal_error_reveals_neither_its_text_nor_the_input(
    world: World, name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error of a library may contain its input."""
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
    assert not [line for line in log_lines(caplog) if MARKER in line]
