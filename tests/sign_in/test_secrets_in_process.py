"""A real process writes no secret to its logs, its metrics or its database."""

import json
import re
import sqlite3
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from sqlalchemy import select

from models.database import Database
from models.letters import LinkUse
from models.tables import ACCOUNTS, MAILED_TOKENS
from models.tokens import token_rows
from models.tokens.mailed_tokens import stored_mailed_token
from models.vocabulary import Role
from tests.identity import (
    ASK_RESET,
    BEGIN,
    COMPLETE,
    CONFIRM,
    LOGIN,
    OTHER,
    REFRESH,
    REGISTER,
    RESET,
    ROLE_TOKEN,
    STRONG,
    VERIFY,
    VIEWER,
    registration_input,
)
from tests.serving import free_port, serving
from tests.world import World, world_of

EMAIL = "ada@example.org"
WRONG = "not her password, but somebody's"
ODD = {"/graphql?query={marker}": {}, "/{marker}": {}, "/verify?token={marker}": {"Cookie": "{marker}={marker}"}}


class Client:
    """A person who uses a process, and every secret that they exchange."""

    def __init__(self, world: World, http: httpx.AsyncClient) -> None:
        self.world, self.http = world, http
        self.secrets: dict[str, str] = {"password": STRONG, "new password": OTHER, "wrong password": WRONG}

    async def ask(self, document: str, token: str | None = None, **variables: Any) -> Any:
        """The answer to a mutation with one field."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = {"query": document, "variables": variables}
        answer = (await self.http.post("/graphql", json=body, headers=headers)).json()
        assert "errors" not in answer, answer
        (result,) = answer["data"].values()
        for name in ("accessToken", "refreshToken", "deviceToken", "challenge", "secret", "token"):
            if isinstance(result, dict) and result.get(name):
                self.secrets[f"{name} {len(self.secrets)}"] = result[name]
        return result

    async def sign_in(self, password: str) -> Any:
        return await self.ask(LOGIN, input={"email": EMAIL, "password": password})

    async def letter(self, use: LinkUse) -> str:
        """The token in the newest mailed link of this use."""
        newest = select(MAILED_TOKENS).where(MAILED_TOKENS.c.use == use.value).order_by(MAILED_TOKENS.c.made_at.desc())
        async with self.world.services.database.reading() as connection:
            row = (await connection.execute(newest)).first()
        assert row is not None
        token = str(stored_mailed_token(self.world.services.keys, row.id, row.digest))
        self.secrets[f"{use} link"] = token
        return token

    async def become_staff(self) -> None:
        now = self.world.services.now()
        async with self.world.services.database.writing() as connection:
            id = (await connection.execute(select(ACCOUNTS.c.id))).scalar_one()
            until = now + timedelta(days=1)
            await token_rows.grant_role(
                connection, self.world.services.keys, token_rows.NewGrant(id, Role.SUPPORT, now=now, expires_at=until)
            )


async def use_everything(client: Client) -> None:
    """Goes from the registration to the token of a staff role, with mistakes on the way."""
    await client.ask(REGISTER, input=registration_input(EMAIL))
    await client.ask(REGISTER, input=registration_input(EMAIL, password=OTHER))
    session = (await client.sign_in(STRONG))["accessToken"]
    await client.sign_in(WRONG)
    assert await client.ask(VERIFY, session, t=await client.letter(LinkUse.VERIFY)) == {"email": EMAIL}
    totp = pyotp.TOTP((await client.ask(BEGIN, session, p=STRONG))["secret"])
    recovery = (await client.ask(CONFIRM, session, c=totp.at(time.time())))["codes"]
    client.secrets |= {code: code.replace("-", "") for code in recovery} | {
        f"{code} as shown": code for code in recovery
    }
    completion = {"challenge": (await client.sign_in(STRONG))["challenge"], "code": recovery[0]}
    again = await client.ask(COMPLETE, input=completion)
    assert (await client.ask(REFRESH, t=again["refreshToken"]))["accessToken"]
    await client.ask(ASK_RESET, e=EMAIL)
    assert await client.ask(RESET, t=await client.letter(LinkUse.RESET), p=OTHER)
    completion = {
        "challenge": (await client.sign_in(OTHER))["challenge"],
        "code": totp.at(time.time(), counter_offset=1),
    }
    staff = (await client.ask(COMPLETE, input=completion))["accessToken"]
    await client.become_staff()
    until = (client.world.services.now() + timedelta(hours=1)).isoformat()
    issued = await client.ask(ROLE_TOKEN, staff, input={"role": "SUPPORT", "name": "desk", "expiresAt": until})
    assert (await client.ask(VIEWER, issued["token"]))["role"] == "SUPPORT"


async def misplace_secrets(client: Client) -> None:
    """Sends secrets in wrong places: in paths, in headers and in invalid bodies."""
    for secret in client.secrets.values():
        for path, headers in ODD.items():
            sent = {name: value.format(marker=re.sub(r"\W", "", secret)) for name, value in headers.items()}
            await client.http.get(path.replace("{marker}", secret.replace(" ", "%20")), headers=sent)
        await client.http.post("/graphql", content=f'{{"query": "{secret}'.encode(), headers={"X-Request-Id": "mine"})
        await client.http.post("/graphql", json={"query": VIEWER}, headers={"Authorization": f"Basic {secret}"})


def lines(folder: Path, metrics: str) -> Iterator[str]:
    """The output of the process and its metrics, line by line."""
    (log,) = folder.glob("server-*.log")
    yield from log.read_text().splitlines()
    yield from httpx.get(f"http://{metrics}/metrics").text.splitlines()


def stored(path: Path) -> bytes:
    """The contents of the database files, including overwritten data."""
    with sqlite3.connect(path) as connection:
        dumped = "\n".join(connection.iterdump()).encode()
    connection.close()
    return dumped + b"".join(part.read_bytes() for part in path.parent.glob(f"{path.name}*"))


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_secrets_are_in_no_log_no_metric_and_no_copy_of_the_database(database: Database, tmp_path: Path) -> None:
    world = world_of(database)
    metrics = f"127.0.0.1:{free_port()}"
    more = {"CONSENTQL_RATE_LIMITS": "on", "CONSENTQL_METRICS_ADDRESS": metrics}
    with serving(database.url, tmp_path, **more) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as http:
            client = Client(world, http)
            await use_everything(client)
            await misplace_secrets(client)
        output = list(lines(tmp_path, metrics))
    world.services.hashing.close()
    assert len(client.secrets) > 35
    assert len(output) > 100, "the process wrote logs and metrics"
    assert all(json.loads(line) for line in output if line.startswith("{"))
    assert {name for name, secret in client.secrets.items() if any(secret in line for line in output)} == set()
    copy = stored(Path(str(database.engine.url.database)))
    assert b"ada@example.org" in copy
    assert {name for name, secret in client.secrets.items() if secret.encode() in copy} == set()
