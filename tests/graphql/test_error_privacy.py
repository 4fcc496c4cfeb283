"""Errors and logs repeat no part of an operation."""

import logging
from typing import Any

import pytest

from app.graphql import document_cache, execution
from models.database import Database
from tests.graphql.canary_documents import SECRETS
from tests.graphql.documents import refused_errors
from tests.http.requests import CANARY, ONE_DATABASE, all_rows, log_text
from tests.world import PASSWORD, World, codes, settings_for, world_of


@pytest.mark.parametrize("environment", ["development", "production"])
@ONE_DATABASE
async def test_no_sent_value_is_answered_or_logged(
    database: Database, environment: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world = world_of(database, settings_for(database, environment=environment))
    await world.person("p@example.org", password=PASSWORD)
    before = await all_rows(database)
    for name, (document, variables) in SECRETS.items():
        response = await world.post(document, None, variables)
        answer = response.json()
        found = answer.get("errors") or [each for each in answer["data"].values() if "code" in each]
        assert found, (name, answer)
        assert len(found) <= 10, name
        assert CANARY not in response.text + str(response.headers), (name, answer)
    assert await all_rows(database) == before
    assert CANARY not in log_text(caplog)


@ONE_DATABASE
async def test_an_error_names_its_place_and_its_input(world: World) -> None:
    for document, argument, line, column in (
        ('{\n  users(first: "x") { edges { cursor } } }', "first", 2, 16),
        ("{ users(first: 1.5) { edges { cursor } } }", "first", 1, 16),
        ("{ user(id: {}) { id } }", "id", 1, 12),
        ("{ user(id: [1]) { id } }", "id", 1, 12),
        ("{ user(id: null) { id } }", "id", 1, 12),
        ("{ user { id } }", "id", 1, 3),
        ("{ user(id: $x) { id } }", "$x", 1, 12),
        ("query ($n: Int = A) { users(first: $n) { edges { cursor } } }", "$n", 1, 18),
        ("mutation { updateProfile(input: {about: 1}) { __typename } }", "input.about", 1, 33),
        ('mutation { updateProfile(input: {publicPages: [{title: 1, url: ""}]}) { __typename } }', None, 1, 33),
        ("mutation { withdrawConsent(purpose: ALL) { __typename } }", "purpose", 1, 37),
        ("{ viewer @skip(if: 1) { role } }", "if", 1, 20),
    ):
        told = (await refused_errors(world, document))[0]
        assert told["extensions"]["argument"] == (argument or "input.publicPages.0.title"), told
        assert told["locations"][0] == {"line": line, "column": column}, document
    told = (await refused_errors(world, "{ viewer\n { role } } }", "GRAPHQL_PARSE_FAILED"))[0]
    assert told["locations"] == [{"line": 2, "column": 13}]
    assert told["message"] == "Syntax error at line 2, column 13: the document is not valid GraphQL."


class InternalFailure(Exception):
    """A failure whose message contains the canary."""


async def test_a_failure_has_the_same_id_in_answer_and_log(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    _, mine = await world.member("p@example.org")
    await world.ask("{ viewer { role } }", mine)

    def fails(*_: Any, **__: Any) -> Any:
        raise InternalFailure(f"postgres://{CANARY}@db SELECT")

    whole = (
        ("{ viewer { role } }", mine, "reading", 500),
        (f"{{ {CANARY}: user(id: 1) {{ id }} }}", None, "reading", 200),
    )
    change = 'mutation { updateProfile(input: {about: "x"}) { __typename } }'
    for document, token, part, status in (*whole, (change, mine, "writing", 200)):
        with monkeypatch.context() as broken:
            broken.setattr(Database, part, fails)
            caplog.clear()
            response = await world.post(document, token)
        assert response.status_code == status, response.text
        (told,) = response.json()["errors"]
        assert told["extensions"]["code"] == "INTERNAL"
        assert set(told["extensions"]) == {"code", "id"}
        (record,) = [each for each in caplog.records if each.levelno >= logging.ERROR]
        assert record.error_id == told["extensions"]["id"]
        assert record.kind == "InternalFailure"
        assert CANARY not in response.text.replace(f'"{CANARY}"', ""), "only the alias of the client may contain it"
        assert CANARY not in f"{record.getMessage()} {vars(record)}"
        assert record.exc_info is None
    assert (await world.data("{ viewer { role } }", mine))["viewer"]["role"] == "MEMBER", "the server continues"


@ONE_DATABASE
async def test_a_failure_before_execution_has_an_id_too(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise InternalFailure(CANARY)

    places = (document_cache, "validate"), (execution, "_coerced_variables"), (execution, "SelectionWalk")
    for module, broken in (*places, (document_cache, "parse")):
        with monkeypatch.context() as patched:
            patched.setattr(module, broken, fails)
            caplog.clear()
            response = await world.post(f"{{ viewer {{ role }} }} # {broken}")
        assert response.status_code == 500, (broken, response.text)
        assert codes(response.json()) == ["INTERNAL"]
        assert set(response.json()) == {"errors"}
        assert CANARY not in response.text + caplog.text
        assert [each.error_id for each in caplog.records if each.levelno >= logging.ERROR] == [
            response.json()["errors"][0]["extensions"]["id"]
        ]
