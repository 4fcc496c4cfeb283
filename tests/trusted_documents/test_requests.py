"""What each mode answers to an id, to a text, and to both. Clients add nothing to the list."""

import json
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from app.graphql.document_mode import DocumentMode
from models.database import Database
from tests.http.requests import ONE_DATABASE, all_rows, assert_refused
from tests.world import World, settings_for, world_of

LISTED = "query Role { viewer { role } }"
OTHER = "{ policy { version } }"
DIGEST = sha256(LISTED.encode()).hexdigest()
UNKNOWN = sha256(OTHER.encode()).hexdigest()
CODES = {
    "off": "PERSISTED_QUERY_NOT_SUPPORTED",
    "prefer": "PERSISTED_QUERY_NOT_FOUND",
    "only": "PERSISTED_QUERY_NOT_IN_LIST",
}
MODES = pytest.mark.parametrize("mode", list(DocumentMode))


def world_in(database: Database, folder: Path, mode: str) -> World:
    path = folder / "documents.json"
    path.write_text(json.dumps({DIGEST: LISTED, "Role": LISTED}))
    return world_of(database, settings_for(database, trusted_documents=mode, trusted_documents_file=path))


def persisted(id: Any) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": id}}}


def by_id(id: Any) -> list[dict[str, Any]]:
    """Both ways to ask for a document by its id."""
    return [{"documentId": id}, persisted(id), {"documentId": id, **persisted(id)}, {"documentId": id, "query": ""}]


async def send(world: World, body: dict[str, Any]) -> Any:
    return await world.client.post("/graphql", json=body)


@MODES
@ONE_DATABASE
async def test_a_listed_id_is_run_unless_the_mode_is_off(database: Database, tmp_path: Path, mode: str) -> None:
    world = world_in(database, tmp_path, mode)
    for id in (DIGEST, DIGEST.upper(), f"sha256:{DIGEST}", "Role"):
        for body in by_id(id):
            answer = await send(world, body)
            if mode == "off":
                assert_refused(answer, 400, CODES[mode])
            else:
                assert answer.json() == {"data": {"viewer": {"role": "ANONYMOUS"}}}, body


@MODES
@ONE_DATABASE
async def test_an_unknown_id_is_answered_by_the_code_of_the_mode(database: Database, tmp_path: Path, mode: str) -> None:
    world = world_in(database, tmp_path, mode)
    for id in (UNKNOWN, f"sha256:{UNKNOWN}", "unknown", "x" * 128):
        for body in by_id(id):
            answer = await send(world, body)
            assert_refused(answer, 400, CODES[mode])
            assert id not in answer.text
    expected = {"off": "PersistedQueryNotSupported", "prefer": "PersistedQueryNotFound"}
    if mode in expected:
        assert answer.json()["errors"][0]["message"] == expected[mode], "urql compares the message"


@MODES
@ONE_DATABASE
async def test_only_listed_texts_are_run_where_the_mode_is_only(database: Database, tmp_path: Path, mode: str) -> None:
    world = world_in(database, tmp_path, mode)
    for id in (None, "unknown", UNKNOWN):
        answer = await send(world, {"query": OTHER, "documentId": id})
        if mode == "only":
            assert_refused(answer, 400, CODES[mode])
        else:
            assert "data" in answer.json()
    for id in (None, DIGEST, "Role"):
        answer = await send(world, {"query": LISTED, "documentId": id})
        assert answer.json() == {"data": {"viewer": {"role": "ANONYMOUS"}}}
    if mode == "only":
        for text in (f"{LISTED} ", LISTED.replace("role", "r: role"), "{ __typename }", "{"):
            assert_refused(await send(world, {"query": text}), 400, CODES[mode])


@MODES
@ONE_DATABASE
async def test_a_text_that_is_not_that_of_its_id_is_refused(database: Database, tmp_path: Path, mode: str) -> None:
    world = world_in(database, tmp_path, mode)
    for body in ({"query": OTHER, **persisted(DIGEST)}, {"query": LISTED, "documentId": f"sha256:{UNKNOWN}"}):
        assert_refused(await send(world, body), 400, "BAD_USER_INPUT", "query")
    if mode != "off":
        assert_refused(await send(world, {"query": OTHER, "documentId": "Role"}), 400, "BAD_USER_INPUT", "query")


@MODES
@ONE_DATABASE
async def test_clients_add_nothing_to_the_list(database: Database, tmp_path: Path, mode: str) -> None:
    world = world_in(database, tmp_path, mode)
    before = await all_rows(database)
    await send(world, {"query": OTHER, **persisted(UNKNOWN)})
    assert_refused(await send(world, persisted(UNKNOWN)), 400, CODES[mode])
    assert await all_rows(database) == before


MALFORMED = [
    ({"documentId": ""}, "documentId"),
    ({"documentId": "x" * 129}, "documentId"),
    ({"documentId": 1}, "documentId"),
    ({"documentId": ["x"]}, "documentId"),
    (persisted(1), "extensions.persistedQuery.sha256Hash"),
    (persisted(""), "extensions.persistedQuery.sha256Hash"),
    (persisted("x" * 129), "extensions.persistedQuery.sha256Hash"),
    ({"extensions": {"persistedQuery": {}}}, "extensions.persistedQuery.sha256Hash"),
    ({"extensions": {"persistedQuery": "x"}}, "extensions.persistedQuery"),
    ({"documentId": "Role", **persisted(DIGEST)}, "documentId"),
    ({"documentId": "Role", "query": 1}, "query"),
    ({"documentId": None, "extensions": {"persistedQuery": None}}, "query"),
]


@pytest.mark.parametrize(("mode", "body"), [(mode, body) for mode, body in product(DocumentMode, MALFORMED)])
@ONE_DATABASE
async def test_a_malformed_id_is_bad_input(
    database: Database, tmp_path: Path, mode: str, body: tuple[dict[str, Any], str]
) -> None:
    sent, argument = body
    answer = await send(world_in(database, tmp_path, mode), sent)
    assert_refused(answer, 400, "BAD_USER_INPUT", argument)


@MODES
@ONE_DATABASE
async def test_the_pages_behind_links_work_in_every_mode(database: Database, tmp_path: Path, mode: str) -> None:
    world = world_in(database, tmp_path, mode)
    answer = await send(world, {"documentId": "consentql/verifyEmail", "variables": {"token": "x"}})
    assert answer.json()["data"]["verifyEmail"]["code"] == "TOKEN_EXPIRED"
