"""Every secret of a person's whole way in, at a real process: in its answers and letters alone, and nowhere else."""

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
from models.tables import ACCOUNTS, MAILED_TOKENS
from models.tokens import token_rows
from models.tokens.mailed_tokens import stored_mailed_token
from models.vocabulary import LinkUse, Role
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
from tests.serving import serving
from tests.world import World, world_of

EMAIL = "ada@example.org"
WRONG = "not her password, but somebody's"
ODD = {"/graphql?query={marker}": {}, "/{marker}": {}, "/verify?token={marker}": {"Cookie": "{marker}={marker}"}}


class Walk:
    """One person at one process, and every secret that either has told the other."""

    def __init__(self, world: World, client: httpx.AsyncClient) -> None:
        self.world, self.client = world, client
        self.secrets: dict[str, str] = {"password": STRONG, "new password": OTHER, "wrong password": WRONG}

    async def ask(self, document: str, token: str | None = None, **variables: Any) -> Any:
        """What the one field of a mutation answers."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = {"query": document, "variables": variables}
        answer = (await self.client.post("/graphql", json=body, headers=headers)).json()
        assert "errors" not in answer, answer
        (told,) = answer["data"].values()
        for name in ("accessToken", "refreshToken", "deviceToken", "challenge", "secret", "token"):
            if isinstance(told, dict) and told.get(name):
                self.secrets[f"{name} {len(self.secrets)}"] = told[name]
        return told

    async def sign_in(self, password: str) -> Any:
        return await self.ask(LOGIN, input={"email": EMAIL, "password": password})

    async def letter(self, use: LinkUse) -> str:
        """The token in the newest link of this use."""
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
            await token_rows.grant_role(connection, id, Role.SUPPORT, now=now, expires_at=until, granted_by=None)


async def walked(walk: Walk) -> None:
    """From the form to a staff role's token, with what goes wrong on the way."""
    await walk.ask(REGISTER, input=registration_input(EMAIL))
    await walk.ask(REGISTER, input=registration_input(EMAIL, password=OTHER))
    session = (await walk.sign_in(STRONG))["accessToken"]
    await walk.sign_in(WRONG)
    assert await walk.ask(VERIFY, session, t=await walk.letter(LinkUse.VERIFY)) == {"email": EMAIL}
    totp = pyotp.TOTP((await walk.ask(BEGIN, session, p=STRONG))["secret"])
    recovery = (await walk.ask(CONFIRM, session, c=totp.at(time.time())))["codes"]
    walk.secrets |= {code: code.replace("-", "") for code in recovery} | {f"{code} as shown": code for code in recovery}
    given = {"challenge": (await walk.sign_in(STRONG))["challenge"], "code": recovery[0]}
    again = await walk.ask(COMPLETE, input=given)
    assert (await walk.ask(REFRESH, t=again["refreshToken"]))["accessToken"]
    await walk.ask(ASK_RESET, e=EMAIL)
    assert await walk.ask(RESET, t=await walk.letter(LinkUse.RESET), p=OTHER)
    given = {"challenge": (await walk.sign_in(OTHER))["challenge"], "code": totp.at(time.time(), counter_offset=1)}
    staff = (await walk.ask(COMPLETE, input=given))["accessToken"]
    await walk.become_staff()
    until = (walk.world.services.now() + timedelta(hours=1)).isoformat()
    issued = await walk.ask(ROLE_TOKEN, staff, input={"role": "SUPPORT", "name": "desk", "expiresAt": until})
    assert (await walk.ask(VIEWER, issued["token"]))["role"] == "SUPPORT"


async def strayed(walk: Walk) -> None:
    """Secrets where none belong: in addresses, in headers, in bodies that cannot be read."""
    for secret in walk.secrets.values():
        for path, headers in ODD.items():
            sent = {name: value.format(marker=re.sub(r"\W", "", secret)) for name, value in headers.items()}
            await walk.client.get(path.replace("{marker}", secret.replace(" ", "%20")), headers=sent)
        await walk.client.post("/graphql", content=f'{{"query": "{secret}'.encode(), headers={"X-Request-Id": "mine"})
        await walk.client.post("/graphql", json={"query": VIEWER}, headers={"Authorization": f"Basic {secret}"})


def lines(folder: Path, url: str) -> Iterator[str]:
    """What the process wrote and tells: standard output and error, and its metrics."""
    (log,) = folder.glob("server-*.log")
    yield from log.read_text().splitlines()
    yield from httpx.get(f"{url}/metrics").text.splitlines()


def stored(path: Path) -> bytes:
    """The database as whoever copies it has it, what was overwritten included."""
    with sqlite3.connect(path) as connection:
        dumped = "\n".join(connection.iterdump()).encode()
    connection.close()
    return dumped + b"".join(part.read_bytes() for part in path.parent.glob(f"{path.name}*"))


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_secrets_are_in_no_log_no_metric_and_no_copy_of_the_database(database: Database, tmp_path: Path) -> None:
    world = world_of(database)
    with serving(database.url, tmp_path, CONSENTQL_RATE_LIMITS="on") as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            walk = Walk(world, client)
            await walked(walk)
            await strayed(walk)
        told = list(lines(tmp_path, server.url))
    world.services.hashing.close()
    assert len(walk.secrets) > 35
    assert len(told) > 100, "the process did speak"
    assert all(json.loads(line) for line in told if line.startswith("{"))
    assert {name for name, secret in walk.secrets.items() if any(secret in line for line in told)} == set()
    copy = stored(Path(str(database.engine.url.database)))
    assert b"ada@example.org" in copy
    assert {name for name, secret in walk.secrets.items() if secret.encode() in copy} == set()
