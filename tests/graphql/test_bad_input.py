"""Whatever is sent, the answer is a typed error that repeats nothing of it, and nothing is stored."""

import asyncio
import json
import logging
import re
import secrets
import socket
import unicodedata
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
    is_union_type,
)
from sqlalchemy import select

from app.http import request_body
from app.main import make_schema
from models.database import Database
from models.tables import METADATA
from models.tokens.token_format import TokenKind, new_token
from models.vocabulary import Role
from tests.serving import Server, serving
from tests.world import PASSWORD, World, codes, settings_for, world_of

CANARY = "S3cr3tCanary"
VIEWER = b'{"query": "{ viewer { role } }"}'
JSON = {"Content-Type": "application/json"}
LOGIN = """mutation ($input: LoginInput!) {
  login(input: $input) { ... on SignedIn { token } ... on Refusal { code field } } }"""
UPDATE = """mutation ($input: ProfileInput!) {
  updateProfile(input: $input) { ... on ProfileUpdated { user { id } } ... on Refusal { code field } } }"""
USERS = """query ($first: Int, $after: String, $last: Int, $before: String, $search: String) {
  users(first: $first, after: $after, last: $last, before: $before, search: $search) {
    edges { cursor node { id } } pageInfo { hasNextPage } } }"""
HISTORY = """query ($after: String) {
  me { consentHistory(first: 1, after: $after) { edges { cursor node { id } } } } }"""
ONE_DATABASE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""For what never reaches a database."""


async def stored(database: Database) -> dict[str, list[Any]]:
    """Every row of every table."""
    async with database.reading() as connection:
        rows = {name: (await connection.execute(select(table))).all() for name, table in METADATA.tables.items()}
    return {name: sorted(map(repr, found)) for name, found in rows.items()}


def refused(response: httpx.Response, status: int, code: str, argument: str | None = None) -> None:
    """The whole request was refused, in GraphQL's form, and the answer bears the marks of all answers."""
    assert response.status_code == status, response.text
    marked(response.headers)
    answer = response.json()
    assert set(answer) == {"errors"}
    assert 1 <= len(answer["errors"]) <= 10
    assert set(codes(answer)) == {code}, answer
    assert all(error["message"] for error in answer["errors"])
    if argument is not None:
        assert answer["errors"][0]["extensions"]["argument"] == argument


def marked(headers: Any) -> None:
    """What every answer carries, and what none does."""
    assert len(headers["x-request-id"]) >= 8
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


async def send(world: World, content: Any, **headers: str) -> httpx.Response:
    """The answer to these bytes."""
    return await world.client.post("/graphql", content=content, headers={**JSON, **headers})


BODIES = {
    "nothing": (b"", None),
    "half": (b'{"query": "{ viewer', None),
    "a text": (b'"x"', None),
    "null": (b"null", None),
    "a number": (b"1", None),
    "a list": (b"[]", None),
    "a batch": (b"[" + VIEWER + b"," + VIEWER + b"]", None),
    "an empty object": (b"{}", "query"),
    "lists in lists": (b"[" * 100_000, None),
    "lists in lists, closed": (b"[" * 30_000 + b"]" * 30_000, None),
    "objects in objects": (b'{"query":' * 6_000 + b"1" + b"}" * 6_000, None),
    "deep variables": (b'{"query":"{a}","variables":{"a":' + b"[" * 1010 + b"]" * 1010 + b"}}", None),
    "two values": (VIEWER + VIEWER, None),
    "invalid UTF-8": (b'{"query": "{ viewer { role } } # \xff"}', None),
    "overlong UTF-8": (b'{"query": "{ viewer { role } } # \xc0\xaf"}', None),
    "a surrogate in UTF-8": (b'{"query": "{ viewer { role } } # \xed\xa0\x80"}', None),
    "UTF-16": (VIEWER.decode().encode("utf-16"), None),
    "UTF-16 without a mark": (VIEWER.decode().encode("utf-16-le"), None),
    "a byte order mark": (b"\xef\xbb\xbf" + VIEWER, None),
    "a form": (b"query=%7Bviewer%7Brole%7D%7D", None),
    "NaN": (b'{"query": "{ viewer { role } }", "variables": {"a": NaN}}', None),
    "infinity": (b'{"query": "{ viewer { role } }", "variables": {"a": -Infinity}}', None),
    "a number that is infinite": (b'{"query": "{ viewer { role } }", "variables": {"a": 1e400}}', None),
    "5000 digits": (b'{"query": "{ viewer { role } }", "variables": {"a": ' + b"9" * 5000 + b"}}", None),
    "-5000 digits": (b'{"query": "{ viewer { role } }", "variables": {"a": -' + b"9" * 5000 + b"}}", None),
    "a key twice": (b'{"query": "{ viewer { role } }", "query": "{ me { id } }"}', None),
    "a key twice, deep": (b'{"query": "{ viewer { role } }", "variables": {"a": {"b": 1, "b": 2}}}', None),
    "a key twice, escaped": (b'{"query": "{ viewer { role } }", "\\u0071uery": ""}', None),
    "half a pair of surrogates": (b'{"query": "{ viewer { role } }", "variables": {"a": "\\ud800"}}', None),
    "the other half": (b'{"query": "{ viewer { role } }", "variables": {"\\udc00": 1}}', None),
    "half a pair in the document": (b'{"query": "{ viewer { role } } # \\ud800"}', None),
    "a control character": (b'{"query": "{ viewer { role } } \x01"}', None),
    "no document": (b'{"query": null}', "query"),
    "a blank document": (b'{"query": " \\n"}', "query"),
    "a number for a document": (b'{"query": 1}', "query"),
    "a list of documents": (b'{"query": ["{ viewer { role } }"]}', "query"),
    "a list of variables": (b'{"query": "{ viewer { role } }", "variables": [1]}', "variables"),
    "a text of variables": (b'{"query": "{ viewer { role } }", "variables": "{}"}', "variables"),
    "a number for a name": (b'{"query": "{ viewer { role } }", "operationName": 1}', "operationName"),
    "a text of extensions": (b'{"query": "{ viewer { role } }", "extensions": "x"}', "extensions"),
    "a persisted document": (b'{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "00"}}}', "query"),
}


@ONE_DATABASE
async def test_a_body_that_is_no_request_is_refused_by_name(world: World) -> None:
    for name, (content, argument) in BODIES.items():
        response = await send(world, content)
        # what is longer than any body is not even parsed
        refused(response, 413 if len(content) > request_body.MAX_BYTES else 400, "BAD_USER_INPUT", argument)
        assert "9999" not in response.text, name


@ONE_DATABASE
async def test_the_name_of_an_operation_is_the_documents(world: World) -> None:
    for document, name in (("query A { viewer { role } }", "B"), ("{ viewer { role } }", CANARY)):
        response = await send(world, json.dumps({"query": document, "operationName": name}).encode())
        refused(response, 400, "GRAPHQL_VALIDATION_FAILED", "operationName")
    response = await send(world, json.dumps({"query": "query A { viewer { role } }", "operationName": "A"}).encode())
    assert response.json() == {"data": {"viewer": {"role": "ANONYMOUS"}}}


@ONE_DATABASE
async def test_only_json_in_utf8_is_read(world: World) -> None:
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-16",
        "application/json; charset=latin1",
        "application/json, text/plain",
        "text/plain; application/json",
        "application/jsonp",
        "",
    ):
        response = await world.client.post("/graphql", content=VIEWER, headers={"Content-Type": kind})
        refused(response, 415, "BAD_USER_INPUT")
    refused(await world.client.post("/graphql", content=VIEWER), 415, "BAD_USER_INPUT")
    twice = [("Content-Type", "application/json"), ("Content-Type", "text/plain")]
    refused(await world.client.post("/graphql", content=VIEWER, headers=twice), 415, "BAD_USER_INPUT")
    for kind in ("Application/JSON", "application/json;charset=UTF-8", 'application/json ; charset="utf-8"'):
        assert (await send(world, VIEWER, **{"Content-Type": kind})).status_code == 200, kind


@ONE_DATABASE
async def test_a_content_coding_is_refused_unread(world: World) -> None:
    for coding in ("gzip", "GZIP", "br", "deflate", "identity, gzip", "zstd", CANARY):
        response = await send(world, b"\x1f\x8b" + b"\0" * 1000, **{"Content-Encoding": coding})
        refused(response, 415, "BAD_USER_INPUT")
        assert CANARY not in response.text
    twice = [*JSON.items(), ("Content-Encoding", "identity"), ("Content-Encoding", "gzip")]
    refused(await world.client.post("/graphql", content=VIEWER, headers=twice), 415, "BAD_USER_INPUT")
    assert (await send(world, VIEWER, **{"Content-Encoding": "identity"})).status_code == 200


@ONE_DATABASE
async def test_the_answer_has_a_media_type_that_the_client_takes(world: World) -> None:
    newer, older = "application/graphql-response+json", "application/json"
    for accept, kind in (
        (older, older),
        (newer, newer),
        ("Application/GraphQL-Response+JSON; charset=utf-8", newer),
        (f"{older}, {newer};q=0.9", newer),
        (f"{newer};q=0, {older}", older),
        ("*/*", older),
        ("application/*;q=0.1", older),
        ("", older),
    ):
        assert (await send(world, VIEWER, Accept=accept)).headers["content-type"] == kind, accept
    for accept in (
        "text/csv",
        "text/html, image/*",
        "application/json;q=0",
        "application/json; charset=latin1",
        CANARY,
    ):
        response = await send(world, VIEWER, Accept=accept)
        refused(response, 406, "BAD_USER_INPUT")
        assert CANARY not in response.text


@ONE_DATABASE
async def test_a_body_has_at_most_64_kb_however_it_comes(world: World) -> None:
    full = VIEWER + b" " * (request_body.MAX_BYTES - len(VIEWER))
    assert (await send(world, full)).status_code == 200
    refused(await send(world, full + b" "), 413, "BAD_USER_INPUT")
    refused(await send(world, b" " * 10_000_000), 413, "BAD_USER_INPUT")
    taken = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(1000):
            taken += 10_000
            yield b" " * 10_000

    refused(await send(world, chunks()), 413, "BAD_USER_INPUT")
    assert taken <= request_body.MAX_BYTES + 20_000, "no more is read than it takes to know"
    for length in ("-1", "+5", "0x10", "1e3", "²", "9" * 5000, ""):
        scope = http_scope(headers=[(b"content-length", length.encode("latin1"))])
        assert (await spoken_to(world, scope, [VIEWER]))[0] in (200 if length == "" else 413, 413), length


@ONE_DATABASE
async def test_a_body_that_does_not_arrive_is_not_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert request_body.TIMEOUT_SECONDS == 10
    monkeypatch.setattr(request_body, "TIMEOUT_SECONDS", 0.05)

    async def trickle() -> AsyncIterator[bytes]:
        for letter in VIEWER:
            yield bytes([letter])
            await asyncio.sleep(0.02)

    response = await send(world, trickle())
    refused(response, 408, "BAD_USER_INPUT")
    assert response.headers["connection"] == "close", "or the trickle would go on"


@ONE_DATABASE
async def test_a_client_that_leaves_before_its_body_ends_is_no_failure(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = await stored(world.services.database)
    status, _, _ = await spoken_to(world, http_scope(), [b'{"query": "{ viewer', None])
    assert status == 400
    assert not [record for record in caplog.records if record.levelno > logging.INFO]
    assert await stored(world.services.database) == before


async def test_a_credential_that_does_not_work_is_never_taken_for_nobody(world: World) -> None:
    one, mine = await world.member("p@example.org")
    past = world.services.now() - timedelta(days=2)
    expired = await world.token(Role.MEMBER, one, now=past, expires_at=past + timedelta(hours=1))
    revoked = await world.token(Role.MEMBER, one)
    await world.data("mutation { logout }", revoked)
    secret = new_token(TokenKind.SESSION)
    before = await stored(world.services.database)
    for value in (
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {CANARY}",
        f"Bearer {secret}",
        f"Bearer {secret[:-1]}x",
        f"Bearer {expired}",
        f"Bearer {revoked}",
        f"Bearer {mine} {mine}",
        f"Bearer {mine},Bearer {mine}",
        f"Bearer\t{mine}",
        mine,
        f"Basic {mine}",
        "Basic cDpw",
        "Negotiate x",
        f"Bearer {mine}\xe9",
    ):
        for document in (VIEWER, b'{"query": "{ policy { version } }"}'):
            headers = [*JSON.items(), (b"Authorization", value.encode("latin1"))]
            response = await world.client.post("/graphql", content=document, headers=headers)
            refused(response, 401, "UNAUTHENTICATED")
            assert response.headers["www-authenticate"] == "Bearer"
            assert "ANONYMOUS" not in response.text
            assert CANARY not in response.text
    for second in (f"Bearer {mine}", "", "Basic x"):
        twice = [*JSON.items(), ("Authorization", f"Bearer {mine}"), ("Authorization", second)]
        refused(await world.client.post("/graphql", content=VIEWER, headers=twice), 401, "UNAUTHENTICATED")
    assert await stored(world.services.database) == before
    assert (await send(world, VIEWER, Authorization=f"bearer  {mine}")).json()["data"]["viewer"]["role"] == "MEMBER"


async def test_a_page_out_of_range_is_refused_and_never_clamped(world: World) -> None:
    _, mine = await world.member("p@example.org")
    for argument in ("first", "last"):
        for size in (-1, 0, 101, 1_000_000_000, 2**31 - 1, -(2**31), 2**31, 2**63, "5", 1.5, True, [5], {}):
            told = (await world.post(USERS, mine, {argument: size})).json()
            assert codes(told) == ["BAD_USER_INPUT"], (size, told)
            assert told["errors"][0]["extensions"]["argument"].lstrip("$") in (argument, f"{argument}.0")
            assert (told.get("data") or {"users": None}) == {"users": None}
        for size in (-1, 0, 101, 1_000_000_000, 2**31, 10**39, int("9" * 4000)):
            document = f"{{ users({argument}: {size}) {{ edges {{ node {{ id }} }} }} }}"
            told = (await world.post(document, mine)).json()
            assert codes(told) == ["BAD_USER_INPUT"], (size, told)
            assert told["errors"][0]["extensions"]["argument"] == argument
            assert "99999" not in json.dumps(told)
    told = await world.ask(USERS, mine, {"first": 1, "last": 1})
    assert (codes(told), told["errors"][0]["extensions"]["argument"]) == (["BAD_USER_INPUT"], "last")
    assert (await world.data(USERS, mine, {"first": 100}))["users"]["pageInfo"] == {"hasNextPage": False}


async def test_a_cursor_counts_only_where_it_was_given(world: World) -> None:
    one, mine = await world.member("p@example.org", ("SOCIAL", "EXPANSION"))
    _, other = await world.member("o@example.org")
    support = await world.token(Role.SUPPORT, one)
    cursor = (await world.data(USERS, mine, {"first": 1}))["users"]["edges"][0]["cursor"]
    theirs = (await world.data(USERS, other, {"first": 1}))["users"]["edges"][0]["cursor"]
    searched = (await world.data(USERS, mine, {"first": 1, "search": "amara"}))["users"]["edges"][0]["cursor"]
    history = (await world.data(HISTORY, mine))["me"]["consentHistory"]["edges"][0]["cursor"]
    swapped = chr(ord(cursor[9]) ^ 1)
    forged = [cursor[:9] + swapped + cursor[10:], cursor[:-1], cursor + "=", cursor + "A", cursor.upper(), cursor * 2]
    forged += [theirs, searched, history, "", "0", one, secrets.token_urlsafe(32), "a\0b", "é", "😀" * 50, "A" * 20_000]
    for argument in ("after", "before"):
        for value in forged:
            told = await world.ask(USERS, mine, {argument: value})
            assert codes(told) == ["INVALID_CURSOR"], (value, told)
            assert told["errors"][0]["extensions"]["argument"] == argument
            assert told["data"] == {"users": None}
    assert codes(await world.ask(USERS, mine, {"after": cursor, "search": "amara"})) == ["INVALID_CURSOR"]
    assert codes(await world.ask(HISTORY, mine, {"after": cursor})) == ["INVALID_CURSOR"]
    assert codes(await world.ask(USERS, support, {"after": cursor})) == ["FORBIDDEN"]
    assert codes(await world.ask(USERS, mine, {"after": cursor, "first": 100})) == []


async def test_an_id_that_nobody_has_is_null(world: World) -> None:
    one, mine = await world.member("p@example.org")
    await world.ask("{ viewer { role } }", mine)
    before = await stored(world.services.database)
    for token in (None, mine):
        for value in (
            one[::-1],
            one.upper() + "x",
            f" {one}",
            f"{one} ",
            "",
            "%",
            "_",
            "User:1",
            "é",
            "\u202e",
            "x" * 9000,
        ):
            seen = await world.ask(
                "query ($id: ID!) { user(id: $id) { id } node(id: $id) { id } }", token, {"id": value}
            )
            assert seen == {"data": {"user": None, "node": None}}, value
    for field in ("revokeSession", "revokeRoleToken"):
        told = await world.ask(f"mutation ($id: ID!) {{ {field}(id: $id) }}", mine, {"id": "nothing"})
        assert codes(told) in ([], ["BAD_USER_INPUT"]), told
        assert told["data"][field] is not True
    assert await stored(world.services.database) == before


def text_inputs() -> Iterator[tuple[str, str, str]]:
    """Every place of the API where text goes in: the operation, its field, and the input's dotted name."""
    schema = make_schema(introspection=True).graphql
    for root in (schema.query_type, schema.mutation_type):
        for name, field in root.fields.items():
            for argument, described in field.args.items():
                for path in texts_in(described.type, argument):
                    yield root.name, name, path


def texts_in(kind: Any, path: str) -> Iterator[str]:
    """The dotted names of the texts in an input of this type."""
    named = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType):
        for name, field in named.fields.items():
            yield from texts_in(field.type, f"{path}.{name}")
    elif named.name in ("String", "ID", "JSON", "DateTime"):
        yield path


def filled(kind: Any, path: list[str], text: str | None) -> Any:
    """A value of this type with `text` at this place, and the least that is needed elsewhere."""
    named = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType):
        value: Any = {n: filled(f.type, [], None) for n, f in named.fields.items() if str(f.type).endswith("!")}
        if path:
            value[path[0]] = filled(named.fields[path[0]].type, path[1:], text)
    elif isinstance(named, GraphQLEnumType):
        value = next(iter(named.values))
    else:
        least = {"Int": 1, "Boolean": True, "DateTime": "2030-01-01T00:00:00Z"}.get(named.name, "https://p.example.org")
        value = least if text is None else text
    return [value] if is_list_type(get_nullable_type(kind)) else value


def asking(root: str, name: str, path: str, text: str) -> tuple[str, dict[str, Any]]:
    """A document that sends `text` to this place of the API, as a variable."""
    schema = make_schema(introspection=True).graphql
    field = schema.type_map[root].fields[name]
    argument, *below = path.split(".")
    sent = {
        each: filled(a.type, below if each == argument else [], text if each == argument else None)
        for each, a in field.args.items()
        if each == argument or str(a.type).endswith("!")
    }
    declared = ", ".join(f"${each}: {field.args[each].type}" for each in sent)
    passed = ", ".join(f"{each}: ${each}" for each in sent)
    kind = get_named_type(field.type)
    refusal = is_union_type(kind) and any(member.name == "Refusal" for member in kind.types)
    below_it = "{ ... on Refusal { code field } }" if refusal else "{ __typename }" if is_composite_type(kind) else ""
    return f"{root.lower()} ({declared}) {{ {name}({passed}) {below_it} }}", sent


PLACES = sorted(text_inputs())
KEPT = ("updateProfile", "updatePreRegistration")


async def test_no_text_input_takes_a_character_that_no_database_holds(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    one, mine = await world.member("p@example.org", ("SOCIAL", "EXPANSION"))
    operations = await world.token(Role.OPERATIONS, one)
    tokens = (None, mine, operations)
    for token in tokens:
        await world.ask("{ viewer { role } }", token)
    before = await stored(world.services.database)
    assert len(PLACES) > 30
    for root, name, path in PLACES:
        for text in (f"{CANARY}\0", f"\0{CANARY}"):
            document, variables = asking(root, name, path, text)
            for token in tokens:
                response = await world.post(document, token, variables)
                where = (name, path, response.text)
                assert response.status_code in (200, 400), where
                assert CANARY not in response.text, where
                assert "INTERNAL" not in codes(response.json()), where
                if name in KEPT and token == mine:
                    told = response.json()["data"][name]
                    assert told["code"] == "INVALID_INPUT", where
                    assert told["field"].replace(".0", "") == path, where
                for error in response.json().get("errors", []) if root == "Query" else []:
                    assert error["extensions"].get("argument", path) == path, where
    assert await stored(world.services.database) == before
    assert CANARY not in logged(caplog)


async def test_what_looks_strange_and_is_text_is_kept_as_it_is(world: World) -> None:
    _, mine = await world.member("p@example.org")
    for text in ("\ufffd", "\u202eevil", "👩‍👩‍👧", "\ue000", "\U0010ffff", "a\u0301" * 60, "' OR 1=1 --", "%_\\"):
        seen = await world.data(UPDATE, mine, {"input": {"about": text}})
        assert seen["updateProfile"].get("user"), (text, seen)
        kept = (await world.data("{ me { user { about } } }", mine))["me"]["user"]["about"]
        assert kept == unicodedata.normalize("NFC", text)
        assert codes(await world.ask(USERS, mine, {"search": text})) in ([], ["BAD_USER_INPUT"])


SECRETS = {
    "a wrong type": (LOGIN, {"input": {"email": "p@example.org", "password": {"x": CANARY}}}),
    "a list": (LOGIN, {"input": {"email": "p@example.org", "password": [CANARY]}}),
    "an unknown key": (LOGIN, {"input": {"email": "p@example.org", "password": "x", CANARY: "x"}}),
    "a misspelt key": (LOGIN, {"input": {"email": "p@example.org", "passwort": CANARY}}),
    "a text for an object": (LOGIN, {"input": CANARY}),
    "an undeclared variable": ("{ viewr { role } }", {"input": CANARY, CANARY: 1}),
    "an enum value": ("mutation ($p: Purpose!) { withdrawConsent(purpose: $p) { __typename } }", {"p": CANARY}),
    "an instant": (
        "mutation ($at: DateTime!) { grantRole(userId: 1, role: SUPPORT, expiresAt: $at) }",
        {"at": f"2030-01-01 {CANARY}"},
    ),
    "a right password with a wrong address": (LOGIN, {"input": {"email": f"{CANARY}@", "password": CANARY}}),
    "a wrong password": (LOGIN, {"input": {"email": "p@example.org", "password": CANARY}}),
    "a password too long": (LOGIN, {"input": {"email": "p@example.org", "password": CANARY * 200}}),
    "a client's name": (
        LOGIN,
        {"input": {"email": "p@example.org", "password": PASSWORD, "client": f"{CANARY}\x07"}},
    ),
    "a field": (f"{{ {CANARY} }}", None),
    "a field below": (f"{{ viewer {{ {CANARY}(a: 1) }} }}", None),
    "an argument": (f'{{ user(id: "1", {CANARY}: 1) {{ id }} }}', None),
    "an argument's value": (f'{{ users(first: "{CANARY}") {{ edges {{ cursor }} }} }}', None),
    "an object for a text": (f'{{ user(id: {{a: "{CANARY}"}}) {{ id }} }}', None),
    "a literal key": (
        f'mutation {{ login(input: {{email: "a", password: "b", {CANARY}: 1}}) {{ __typename }} }}',
        None,
    ),
    "a literal beside a misspelt key": (
        f'mutation {{ login(input: {{email: "a", passwort: "{CANARY}"}}) {{ __typename }} }}',
        None,
    ),
    "a literal of a wrong type": (
        f'mutation {{ login(input: {{email: "a", password: ["{CANARY}"]}}) {{ __typename }} }}',
        None,
    ),
    "a literal enum value": (f"mutation {{ withdrawConsent(purpose: {CANARY}) {{ __typename }} }}", None),
    "a default": (f'query ($n: Int = "{CANARY}") {{ users(first: $n) {{ edges {{ cursor }} }} }}', None),
    "a text that does not end": (f'mutation {{ login(input: {{password: "{CANARY}}}) {{ __typename }} }}', None),
    "a text with a bad escape": (f'mutation {{ login(input: {{password: "\\q{CANARY}"}}) {{ __typename }} }}', None),
    "a name out of place": (f"{{ viewer {{ role }} }} {CANARY}", None),
    "a name in a number": (f"{{ user(id: 0{CANARY}) {{ id }} }}", None),
    "a type": (f"{{ ... on {CANARY} {{ id }} }}", None),
    "a variable's type": (f"query ($a: {CANARY}) {{ user(id: $a) {{ id }} }}", None),
    "a directive": (f"{{ viewer @{CANARY} {{ role }} }}", None),
    "a fragment": (f"{{ ...{CANARY} }}", None),
    "a fragment twice": (f"{{ ...{CANARY} }} " + f"fragment {CANARY} on Query {{ viewer {{ role }} }} " * 2, None),
    "a fragment in a circle": (f"{{ ...{CANARY} }} fragment {CANARY} on Query {{ ...{CANARY} }}", None),
    "an unused fragment": (f"{{ viewer {{ role }} }} fragment {CANARY} on User {{ id }}", None),
    "an operation twice": (f"query {CANARY} {{ viewer {{ role }} }} query {CANARY} {{ viewer {{ role }} }}", None),
    "aliases that conflict": (f"{{ {CANARY}: user(id: 1) {{ id }} {CANARY}: user(id: 2) {{ id }} }}", None),
    "a subscription": (f"subscription {CANARY} {{ {CANARY} }}", None),
    "a type of their own": (f"type {CANARY} {{ a: Int }} {{ viewer {{ role }} }}", None),
    "an operation's name": (f"query {CANARY} {{ viewr {{ role }} }}", None),
}


@pytest.mark.parametrize("environment", ["development", "production"])
@ONE_DATABASE
async def test_nothing_that_was_sent_comes_back_or_is_logged(
    database: Database, environment: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world = world_of(database, settings_for(database, environment=environment))
    await world.person("p@example.org", password=PASSWORD)
    before = await stored(database)
    for name, (document, variables) in SECRETS.items():
        response = await world.post(document, None, variables)
        answer = response.json()
        found = answer.get("errors") or [each for each in answer["data"].values() if "code" in each]
        assert found, (name, answer)
        assert len(found) <= 10, name
        assert CANARY not in response.text + str(response.headers), (name, answer)
    assert await stored(database) == before
    assert CANARY not in logged(caplog)


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """All that any logger was told, arguments and additions included, but the client's and the driver's own lines."""
    ours = [each for each in caplog.records if not each.name.startswith(("httpx", "httpcore", "aiosqlite", "asyncio"))]
    return "\n".join(f"{each.getMessage()} {vars(each)}" for each in ours)


def http_scope(**more: Any) -> dict[str, Any]:
    """A request as a server hands it to the application."""
    headers = [(b"host", b"h"), (b"content-type", b"application/json"), *more.pop("headers", [])]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        **more,
    }


async def spoken_to(world: World, scope: dict[str, Any], chunks: list[bytes | None]) -> tuple[int, Any, bytes]:
    """Status, headers and body of the answer to these pieces of a body, None for a client that leaves."""
    waiting = list(chunks)
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        chunk = waiting.pop(0) if waiting else None
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting)}

    async def note(message: Any) -> None:
        sent.append(message)

    await world.client._transport.app(scope, receive, note)
    if scope["type"] == "websocket":
        return 0, sent, b""
    headers = httpx.Headers(sent[0]["headers"])
    marked(headers)
    return sent[0]["status"], headers, b"".join(each.get("body", b"") for each in sent[1:])


@ONE_DATABASE
async def test_a_request_names_one_host_and_has_headers_of_a_moderate_size(world: World) -> None:
    many = [(f"x-{number}".encode(), b"") for number in range(99)]
    for headers, status in (
        ([(b"content-type", b"application/json")], 400),
        ([(b"host", b"a"), (b"host", b"a"), (b"content-type", b"application/json")], 400),
        ([(b"host", b"a"), *many, (b"content-type", b"application/json")], 431),
        ([(b"host", b"a"), *many[1:], (b"content-type", b"application/json")], 200),
        ([(b"host", b"a"), (b"content-type", b"application/json"), (b"x", b"y" * 32_768)], 431),
        ([(b"host", b"a"), (b"content-type", b"application/json"), (b"y" * 32_768, b"")], 431),
        ([(b"host", b"a"), (b"content-type", b"application/json"), (b"x", b"y" * 32_000)], 200),
    ):
        scope = {**http_scope(), "headers": headers}
        told, _, content = await spoken_to(world, scope, [VIEWER])
        assert told == status, (len(headers), content)
        if status != 200:
            assert codes(json.loads(content)) == ["BAD_USER_INPUT"]


@pytest.mark.parametrize("environment", ["development", "production"])
@ONE_DATABASE
async def test_operations_are_sent_by_post_alone(database: Database, environment: str) -> None:
    world = world_of(database, settings_for(database, environment=environment))
    before = await stored(database)
    mutation = {"query": "mutation { logout }"}
    verbs = ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", CANARY]
    for verb in [*verbs, "GET"] if environment == "production" else verbs:
        response = await world.client.request(verb, "/graphql", params=mutation)
        refused(response, 405, "BAD_USER_INPUT")
        assert "POST" in response.headers["allow"], verb
    head = await world.client.head("/graphql", params=mutation)
    assert (head.status_code, head.headers["allow"]) == (405, "POST")
    page = await world.client.get("/graphql", params=mutation, headers={"Accept": "application/json"})
    assert "data" not in page.text[:20], "a browser's page in development, and never an operation"
    assert await stored(database) == before


@ONE_DATABASE
async def test_what_is_nowhere_is_404_in_the_form_of_all_errors(world: World) -> None:
    for path in (
        "/",
        "/graphql/x",
        "/GRAPHQL",
        "/graphql;a",
        "/health",
        "/docs",
        "/openapi.json",
        f"/{CANARY}",
        "/%00",
        "/%ff",
    ):
        response = await world.client.get(path)
        refused(response, 404, "BAD_USER_INPUT")
        assert CANARY not in response.text
    for path in ("/health/live", "/health/ready", "/metrics"):
        for verb in ("GET", "HEAD"):
            response = await world.client.request(verb, path)
            assert response.status_code == 200, (verb, path)
            marked(response.headers)


@ONE_DATABASE
async def test_a_request_id_is_taken_only_where_it_cannot_forge_a_line(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for given in ("abcd-1234", "A" * 64):
        assert (await send(world, VIEWER, **{"X-Request-Id": given})).headers["x-request-id"] == given
    for given in ("short", "A" * 65, f"{CANARY} x", f"{CANARY}\tx", f"{CANARY}é", "a;b=c<d>", "", "12345678\x85"):
        scope = http_scope(headers=[(b"x-request-id", given.encode("latin1"))])
        status, headers, _ = await spoken_to(world, scope, [VIEWER])
        assert status == 200
        assert re.fullmatch("[0-9a-f]{24}", headers["x-request-id"])
    seen = {(await send(world, VIEWER)).headers["x-request-id"] for _ in range(50)}
    assert len(seen) == 50
    assert CANARY not in logged(caplog)


@ONE_DATABASE
async def test_a_websocket_is_closed_before_it_opens(world: World) -> None:
    scope = {**http_scope(), "type": "websocket", "subprotocols": ["graphql-transport-ws"]}
    _, sent, _ = await spoken_to(world, scope, [])
    assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    """A process of its own; whatever it wrote holds nothing that was sent."""
    with serving(database_url, tmp_path) as server:
        yield server
    assert CANARY not in server.log.read_text()
    assert "Traceback" not in server.log.read_text()


def said(server: Server, request: bytes, seconds: float = 10) -> bytes:
    """All that the process answers to these bytes, until it closes or falls silent."""
    host, port = server.url.removeprefix("http://").split(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=seconds) as connection:
        try:
            connection.sendall(request)
            while piece := connection.recv(65536):
                answer += piece
        except (TimeoutError, ConnectionError):
            pass
    return answer


def request(*headers: bytes, content: bytes = VIEWER, start: bytes = b"POST /graphql HTTP/1.1") -> bytes:
    """A request as bytes; the connection ends with its answer."""
    lines = [start, b"Content-Type: application/json", b"Connection: close", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + content


LENGTH = b"Content-Length: %d" % len(VIEWER)
HOST = b"Host: h"


def answered(answer: bytes) -> tuple[int, httpx.Headers, bytes]:
    """Status, headers and body of a single answer."""
    head, _, content = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    pairs = [tuple(line.split(b": ", 1)) for line in lines]
    return int(first.split(b" ")[1]), httpx.Headers(pairs), content


@ONE_DATABASE
def test_a_process_answers_what_no_client_sends(server: Server) -> None:
    chunked = b"Transfer-Encoding: chunked"
    pieces = b"".join(b"2710\r\n" + b" " * 10_000 + b"\r\n" for _ in range(100)) + b"0\r\n\r\n"
    handshake = (b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    mine = (HOST, LENGTH)
    for name, sent, status in (
        ("plain", request(*mine), 200),
        ("in pieces", request(HOST, chunked, content=b"%x\r\n%b\r\n0\r\n\r\n" % (len(VIEWER), VIEWER)), 200),
        ("waiting to be told", request(*mine, b"Expect: 100-continue"), 200),
        ("10 MB", request(HOST, b"Content-Length: 10000000", content=b" " * 10_000_000), 413),
        ("10 MB, only announced", request(HOST, b"Content-Length: 10000000", content=b""), 413),
        ("1 MB in pieces", request(HOST, chunked, content=pieces), 413),
        ("no host", request(LENGTH), 400),
        ("two hosts", request(*mine, b"Host: g"), 400),
        ("200 headers", request(*mine, *(b"X-%d: y" % number for number in range(200))), 431),
        ("40 kB of headers", request(*mine, b"X: " + b"y" * 40_000), 431),
        ("two tokens", request(*mine, b"Authorization: Bearer x", b"Authorization: Bearer y"), 401),
        ("gzip", request(*mine, b"Content-Encoding: gzip"), 415),
        ("a socket", request(HOST, *handshake, content=b"", start=b"GET /nothing HTTP/1.1"), 404),
        ("a later protocol", request(*mine, b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"), 200),
        ("another verb", request(HOST, content=b"", start=b"DELETE /graphql HTTP/1.1"), 405),
        ("a head", request(HOST, content=b"", start=b"HEAD /graphql HTTP/1.1"), 405),
    ):
        answer = said(server, sent).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert answer, name
        told, headers, content = answered(answer)
        assert told == status, (name, answer)
        marked(headers)
        if name == "a head":
            assert content == b""
        elif status != 200:
            assert len(codes(json.loads(content))) == 1, name
    upgraded = said(server, request(HOST, *handshake, content=b"", start=b"GET /graphql HTTP/1.1"))
    assert b"101" not in upgraded.split(b"\r\n")[0]


@ONE_DATABASE
def test_a_process_closes_on_what_two_readers_could_read_differently(server: Server) -> None:
    smuggled = b"0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: h\r\n\r\n"
    for sent in (
        request(HOST, LENGTH, b"Transfer-Encoding: chunked", content=smuggled),
        request(HOST, LENGTH, b"Transfer-Encoding : chunked", content=smuggled),
        request(HOST, b"Transfer-Encoding: xchunked", content=smuggled),
        request(HOST, LENGTH, b"Content-Length: 3"),
        request(HOST, b"Content-Length: +32"),
        request(HOST, LENGTH, b"X: a\0b"),
        request(HOST, LENGTH, b"X: a\rb"),
        request(HOST, LENGTH, start=b"POST /graphql HTTP/9.9"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + CANARY.encode(),
        CANARY.encode() + b"\r\n\r\n",
    ):
        answer = said(server, sent)
        assert answer.count(b"HTTP/1.1 ") == 1, (sent, answer)
        assert answer.startswith(b"HTTP/1.1 400 "), (sent, answer)
        assert b"alive" not in answer
        assert CANARY.encode() not in answer
    three = request(HOST, LENGTH).replace(b"Connection: close\r\n", b"") * 2 + request(HOST, LENGTH)
    assert said(server, three).count(b"HTTP/1.1 200 OK") == 3, "three at once are three"


@ONE_DATABASE
def test_a_process_logs_nothing_that_was_sent(server: Server) -> None:
    with httpx.Client(base_url=server.url) as client:
        for document, variables in SECRETS.values():
            response = client.post("/graphql", json={"query": document, "variables": variables})
            assert response.status_code in (200, 400)
            assert CANARY not in response.text + str(response.headers)
        for sent in (b"{" + CANARY.encode(), b'"' + CANARY.encode() + b'"', CANARY.encode() + b"\xff"):
            assert CANARY not in client.post("/graphql", content=sent, headers=JSON).text
        headers = {
            "Authorization": f"Bearer {CANARY}",
            "Cookie": CANARY,
            "Origin": f"https://{CANARY}",
            "Referer": CANARY,
        }
        assert client.post("/graphql", content=VIEWER, headers={**JSON, **headers}).status_code == 401
        assert client.get(f"/{CANARY}?{CANARY}").status_code == 404
        assert client.get(f"/graphql?query={CANARY}").status_code == 200
        assert CANARY not in client.get("/metrics").text
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    assert len([line for line in lines if line["logger"] == "consentql.http"]) >= len(SECRETS)
