"""A reading that cannot be recorded is not shown."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, event, select

from models import inserts
from models.database import Database
from models.logs.ledger import LEDGER
from models.tables import (
    CHAIN_HEADS,
    PROCESSOR_VIEWS,
)
from resolvers.ledger import write_disclosures
from tests.ledger.readers import READ, VIEW, Readers
from tests.ledger.stored import entries, execute
from tests.world import PROFILE, codes


async def insert_fails(_: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("the disk is full of subject@example.org")

    monkeypatch.setattr(inserts, "insert_rows", fails)


async def delete_chain_heads(readers: Readers, _: pytest.MonkeyPatch) -> None:
    await execute(readers.world, delete(CHAIN_HEADS))


async def database_disconnects(_: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Disconnects the open transaction after the decision."""
    enter = write_disclosures.append_entries

    async def cut(connection: Any, *arguments: Any) -> None:
        await connection.invalidate()
        await enter(connection, *arguments)

    monkeypatch.setattr(write_disclosures, "append_entries", cut)


async def commit_fails(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails when the transaction with the entry commits."""
    enter = write_disclosures.append_entries

    async def entered(connection: Any, *arguments: Any) -> None:
        await enter(connection, *arguments)
        event.listen(connection.sync_connection, "commit", _fail)

    monkeypatch.setattr(write_disclosures, "append_entries", entered)


def _fail(_: Any) -> None:
    raise RuntimeError("the disk is full of subject@example.org")


FAULTS: tuple[Callable[[Readers, pytest.MonkeyPatch], Any], ...] = (
    insert_fails,
    delete_chain_heads,
    database_disconnects,
    commit_fails,
)


READINGS_BY_STAFF = {
    "user": ("support", READ),
    "nodes": ("support", "query ($id: ID!) { nodes(ids: [$id, $id]) { ... on User { email } } }"),
    "case": ("support", "query ($id: ID!) { node(id: $id) { __typename } supportCases { edges { node { subject { id "
             "email } } } } }"),
    "request": ("compliance", "{ legalRequests { edges { node { subject { email mobilePhone } } } } }"),
    "existence": ("compliance", "query ($id: ID!) { user(id: $id) { id } }"),
}  # fmt: skip


def check_no_data(body: str, readers: Readers) -> None:
    """Checks that the body contains no value and no id of the subject."""
    for value in ("subject@example.org", PROFILE["city"], PROFILE["mobilePhone"], readers.subject):
        assert str(value) not in body


@pytest.mark.parametrize("reading", READINGS_BY_STAFF)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_reading_by_staff_that_cannot_be_recorded_fails(
    readers: Readers, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Readers, pytest.MonkeyPatch], Any], reading: str
) -> None:
    who, document = READINGS_BY_STAFF[reading]
    variables = {"id": readers.subject} if "$id" in document else {}
    assert readers.subject in (await readers.world.post(READ, readers.tokens[who], {"id": readers.subject})).text
    before = len(await entries(readers.world))
    with monkeypatch.context() as patch:
        await fault(readers, patch)
        response = await readers.world.post(document, readers.tokens[who], variables)
    check_no_data(response.text, readers)
    answer = response.json()
    assert set(answer["data"].values()) == {None}
    assert codes(answer) == ["NOT_RECORDED"] * len(answer["data"])
    assert len(await entries(readers.world)) == before


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_view_that_cannot_be_recorded_is_rolled_back(
    readers: Readers, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Readers, pytest.MonkeyPatch], Any]
) -> None:
    with monkeypatch.context() as patch:
        await fault(readers, patch)
        answer = await readers.view()
    check_no_data(json.dumps(answer), readers)
    assert answer["data"] == {"openProcessorView": None}
    assert codes(answer) == ["NOT_RECORDED"]
    assert await entries(readers.world) == []
    async with readers.world.services.database.reading() as connection:
        assert (await connection.execute(select(PROCESSOR_VIEWS))).all() == []


@pytest.mark.parametrize("who", ["support", "processor"])
async def test_an_entry_commits_before_the_answer_is_sent_and_stays_if_the_client_is_gone(
    readers: Readers, who: str
) -> None:
    view = VIEW % ("MandrillView", "recipients { email }")
    document, variables = {
        "support": (READ, {"id": readers.subject}),
        "processor": (view, {"ids": [readers.subject], "reason": "A letter."}),
    }[who]
    body = json.dumps({"query": document, "variables": variables}).encode()
    messages = [{"type": "http.request", "body": body, "more_body": False}, {"type": "http.disconnect"}]
    entered: list[int] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        second = Database(readers.world.services.database.url)
        async with second.reading() as connection:
            entered.append(len((await connection.execute(select(LEDGER))).all()))
        await second.close()
        raise OSError("the client is gone")

    headers = {
        "host": "consentql.test",
        "content-type": "application/json",
        "authorization": f"Bearer {readers.tokens[who]}",
    }
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/graphql",
        "raw_path": b"/graphql", "query_string": b"", "scheme": "http", "client": ("127.0.0.1", 1), "server": None,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    transport: Any = readers.world.client._transport
    with contextlib.suppress(OSError):
        await transport.app(scope, receive, send)
    assert entered[0] == 1
