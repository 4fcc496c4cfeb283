"""What somebody sends as a secret comes back in no answer, no log line and no metric, however it was sent."""

import logging
from typing import Any

import pytest

from permissions.operations import CREDENTIAL_FIELDS
from schema.build import build
from tests.world import World

MARKER = "S3cr3t-marker-that-nobody-else-writes"
WRONG: tuple[Any, ...] = ({"x": MARKER}, [MARKER, [MARKER]], {MARKER: 1}, {"input": MARKER})


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


def documents(name: str, selection: str, given: dict[str, str]) -> list[tuple[str, Any]]:
    """Ways to send the marker: literals that fit and do not, texts that cannot be read, variables of every shape."""
    inputs = {each: f'"{MARKER}"' if "Input" not in kind else f'{{email: "{MARKER}"}}' for each, kind in given.items()}
    literal = ", ".join(f"{each}: {value}" for each, value in inputs.items())
    named = ", ".join(f"${each}: {kind}" for each, kind in given.items())
    passed = ", ".join(f"{each}: ${each}" for each in given)
    if not given:
        return [(f"mutation {{ {name} {selection} }}", {"x": MARKER})]
    texts = [
        f"mutation {{ {name}({literal}) {selection} }}",
        f"mutation {{ {name}({literal}, {MARKER.replace('-', '_')}: 1) {selection} }}",
        f"mutation {{ {name}({literal}) {selection}",
        f'mutation {{ {name}({literal} "{MARKER}) {selection} }}',
        f'mutation {{ {name}({literal}) {{ "{MARKER}" }} }}',
    ]
    whole = f"mutation ({named}) {{ {name}({passed}) {selection} }}"
    shapes = [dict.fromkeys(given, value) for value in (MARKER, *WRONG)]
    return [*((text, None) for text in texts), *((whole, shape) for shape in shapes)]


@pytest.mark.parametrize("name", sorted(CREDENTIAL_FIELDS))
async def test_no_secret_comes_back_or_is_logged(world: World, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("aiosqlite").setLevel(logging.INFO)  # the driver's own trace of statements, off in any process
    _, token = await world.member("p@example.org")
    selection, given = arguments()[name]
    for document, variables in documents(name, selection, given):
        for caller in (None, token):
            response = await world.post(document, caller, variables)
            assert MARKER not in response.text, document
            assert MARKER not in str(response.headers)
    told = [record.getMessage() + str(record.__dict__) for record in caplog.records if record.name != "aiosqlite"]
    assert not [line for line in told if MARKER in line]
    assert MARKER not in (await world.client.get("/metrics")).text
