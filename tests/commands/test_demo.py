"""The command `consentql demo`."""

from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select

from models.database import Database
from models.tables import ACCOUNTS, CREDENTIALS
from tests.serving import consentql, serving
from tests.world import PASSWORD


async def test_the_same_seed_makes_the_same_people_and_every_role_works(
    database: Database, second_url: str, tmp_path: Path
) -> None:
    done = consentql(database.url, "demo", "--users", "40", "--seed", "9", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert PASSWORD in done.stderr
    assert consentql(second_url, "demo", "--users", "40", "--seed", "9", cwd=tmp_path).returncode == 0
    refused = consentql(database.url, "demo", cwd=tmp_path)
    assert (refused.returncode, "not empty" in refused.stderr) == (2, True)

    async def everyone(on: Database) -> list[Any]:
        async with on.reading() as connection:
            columns = (ACCOUNTS.c.id, ACCOUNTS.c.email, ACCOUNTS.c.hidden, ACCOUNTS.c.social_version)
            return [tuple(row) for row in await connection.execute(select(*columns).order_by(ACCOUNTS.c.id))]

    second = Database(second_url)
    assert await everyone(database) == await everyone(second)
    async with second.reading() as connection:
        with_password = select(func.count()).where(CREDENTIALS.c.password_hash.is_not(None))
        assert (await connection.execute(with_password)).scalar_one() == 5
    await second.close()
    with serving(database.url, tmp_path) as server:
        for role in ("MEMBER", "SUPPORT", "ANALYTICS", "COMPLIANCE", "OPERATIONS"):
            issued = consentql(
                database.url, "token", role, "--holder", f"{role.lower()}@demo.example.org", cwd=tmp_path
            )
            assert await _role(server.url, issued.stdout) == role
        issued = consentql(database.url, "token", "PROCESSOR", "--processor", "INTERCOM", cwd=tmp_path)
        assert await _role(server.url, issued.stdout) == "PROCESSOR"


async def _role(url: str, printed: str) -> str:
    assert printed.count("\n") == 1, "the token stands alone on standard output"
    headers = {"Authorization": f"Bearer {printed.strip()}"}
    async with httpx.AsyncClient() as client:
        response = await client.post(f"{url}/graphql", json={"query": "{ viewer { role } }"}, headers=headers)
    return str(response.json()["data"]["viewer"]["role"])
