"""Behind PgBouncer the service works as without it, and leaves nothing on a server connection that others use next."""

import asyncio
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import insert
from sqlalchemy.engine import make_url

from app.operations.schema_version import migrate
from app.operations.secure_deletion import overwrite_deleted
from models.database import Database
from models.tables import UNSCRUBBED
from permissions.version_numbers import current_version
from tests.serving import free_port
from tests.world import world_of

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SERVERS = {"session": 4, "transaction": 2}
"""Server connections by mode: as many as clients, or fewer."""

OF_PGBOUNCER = ("application_name", "client_encoding", "DateStyle", "TimeZone", "standard_conforming_strings")
"""What PgBouncer itself sets for each client."""

GRANT = f'mutation {{ grantConsent(purpose: SOCIAL, policyVersion: "{current_version().name}") {{ __typename }} }}'
WITHDRAW = "mutation { withdrawConsent(purpose: SOCIAL) { __typename } }"
READ = "{ me { id } users(first: 5) { edges { node { id firstName } } } }"

pytestmark = [
    pytest.mark.parametrize("backend", ["postgresql"], indirect=True),
    pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed"),
]


def version() -> tuple[int, ...]:
    """The version of the installed PgBouncer."""
    said = subprocess.run([str(PROGRAM), "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.findall("[0-9]+", said.splitlines()[0])[:2])


@contextmanager
def pgbouncer(url: str, mode: str) -> Iterator[str]:
    """Runs a PgBouncer before the server of this URL, as the user of the server. Returns the URL through it."""
    address, port = make_url(url), free_port()
    owner = Path(str(address.query["host"])).stat()
    folder = Path(tempfile.mkdtemp(prefix="consentql-pgbouncer-"))
    users, settings = folder / "users", folder / "pgbouncer.ini"
    users.write_text('"postgres" ""\n')
    prepared = "max_prepared_statements = 100\n" if version() >= (1, 21) else ""
    settings.write_text(
        f"[databases]\n* = host={address.query['host']} port={address.port or 5432}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = trust\nauth_file = {users}\npool_mode = {mode}\ndefault_pool_size = {SERVERS[mode]}\n"
        f"query_wait_timeout = 60\n{prepared}"
    )
    for path in (folder, users, settings):
        os.chown(path, owner.st_uid, owner.st_gid)
    identity = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    process = subprocess.Popen([str(PROGRAM), "-q", str(settings)], **identity)  # type: ignore[call-overload]
    try:
        through = address.set(host="127.0.0.1", port=port, username="postgres", query={"sslmode": "disable"})
        yield through.render_as_string(hide_password=False)
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder)


@pytest.fixture(
    params=[("session", 100), ("session", 0), ("transaction", 0), ("transaction", 100)],
    ids=lambda value: f"{value[0]} mode, {value[1]} prepared statements",
)
async def pooled(request: pytest.FixtureRequest, empty_url: str) -> AsyncIterator[Database]:
    """An empty database through PgBouncer, by its mode and the service's setting of prepared statements."""
    mode, prepared_statements = request.param
    if mode == "transaction" and prepared_statements and version() < (1, 21):
        pytest.skip("PgBouncer knows prepared statements in transaction mode from 1.21 on")
    with pgbouncer(empty_url, mode) as url:
        database = Database(url, pool=2, prepared_statements=prepared_statements)
        await connectable(url)
        yield database
        await database.close()


def plain_url(url: str) -> str:
    """The URL as the driver has it."""
    return make_url(url).set(drivername="postgresql", query={}).render_as_string(hide_password=False)


async def connectable(url: str) -> None:
    """Waits until PgBouncer listens."""
    async with asyncio.timeout(60):
        while True:
            try:
                connection = await asyncpg.connect(plain_url(url), statement_cache_size=0)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                await connection.close()
                return


async def test_the_service_works_behind_pgbouncer_and_leaves_nothing_behind(pooled: Database) -> None:
    await migrate(pooled)
    world = world_of(pooled)
    people = [await world.member(f"p{number}@example.org") for number in range(6)]

    async def use(token: str) -> None:
        for document in (READ, WITHDRAW, READ, GRANT):
            await world.data(document, token)

    async with world.client:
        await asyncio.gather(*(use(token) for _, token in people))
    async with pooled.writing() as connection:
        await connection.execute(insert(UNSCRUBBED), {"id": secrets.token_hex(16), "name": "profiles"})
    assert await overwrite_deleted(pooled) == []
    world.services.hashing.close()
    await pooled.close()
    assert await left_behind(pooled.url) == []


async def left_behind(url: str) -> list[str]:
    """What a new client finds on the server connections of the pooler: settings, locks, channels, named statements."""
    everyone, found = asyncio.Barrier(2), set()
    queries = (
        f"SELECT 'setting ' || name FROM pg_settings WHERE source = 'session' AND name NOT IN {OF_PGBOUNCER}",
        "SELECT 'lock ' || objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
        "SELECT 'channel ' || pg_listening_channels()",
        "SELECT 'statement ' || name FROM pg_prepared_statements WHERE name LIKE '!_!_asyncpg%' ESCAPE '!'",
    )

    async def look() -> None:
        client = await asyncpg.connect(plain_url(url), statement_cache_size=0)
        async with client.transaction():
            await everyone.wait()  # so that each has another server connection
            for query in queries:
                found.update(each[0] for each in await client.fetch(query))
        await client.close()

    await asyncio.gather(*(look() for _ in range(2)))
    return sorted(found)
