"""The parameters of a database's URL work, or a sentence names what is wrong. No sentence holds a value of the URL."""

import ssl
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from app.settings import InvalidSettings, Settings
from models.connections.postgresql_url import parse
from models.connections.time_limits import REQUEST_LIMITS
from models.database import Database
from tests.serving import consentql

HOST = "postgresql+asyncpg://u:hidden@db.example.org"
INVALID = {
    f"{HOST}:85x0/d": "a port between 1 and 65535",
    f"{HOST}:99999/d": "a port between 1 and 65535",
    f"{HOST}:0/d": "a port between 1 and 65535",
    f"{HOST}/d?port=99999": "a port between 1 and 65535",
    f"{HOST}/d?host=a:0": "a port between 1 and 65535",
    f"{HOST}/d?sslmode=hidden": "an invalid sslmode, which must be one of disable, allow",
    f"{HOST}/d?ssl=hidden": "an invalid sslmode",
    f"{HOST}/d?sslrootcert=/hidden": "an invalid sslrootcert, which must name a file",
    f"{HOST}/d?connect_timeout=hidden": "an invalid connect_timeout, which must be a number",
    f"{HOST}/d?connect_timeout=0": "an invalid connect_timeout",
    f"{HOST}/d?command_timeout=-1": "an invalid command_timeout",
    f"{HOST}/d?statement_cache_size=many": "an invalid statement_cache_size",
    f"{HOST}/d?target_session_attrs=hidden": "an invalid target_session_attrs",
    f"{HOST}/d?sslmode=require&sslmode=disable": "the parameter sslmode once",
    f"{HOST}/d?options=-chidden": "the parameter options, which it does not take. It takes application_name",
    f"{HOST}/d?Hidden%20word=1": "has a parameter, which it does not take",
    "postgresql+asyncpg://u:?hidden=1@db.example.org/d": "Percent-encode",
    "postgresql+asyncpg://u:x@hidden@db.example.org/d": "Percent-encode",
    "postgresql+asyncpg:hidden": "must be a URL",
    "mysql://u:hidden@db.example.org/d": "must begin with",
}


@pytest.mark.parametrize("url", INVALID)
def test_an_invalid_url_is_named_in_one_sentence_without_its_values(url: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        Settings(database_url=url).validated()
    (line,) = str(caught.value).splitlines()
    assert line.startswith("CONSENTQL_DATABASE_URL ")
    assert INVALID[url] in line
    assert "hid" not in line.lower()


def test_a_command_names_a_bad_parameter_and_ends_with_2(tmp_path: Path) -> None:
    done = consentql(f"{HOST}/d?sslmod=require", "migrate", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("CONSENTQL_DATABASE_URL has the parameter sslmod, which it does not take.")
    assert "hidden" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


async def connected_with(monkeypatch: pytest.MonkeyPatch, query: str) -> dict[str, Any]:
    """The arguments of the driver for a URL with this query."""
    told: dict[str, Any] = {}

    async def connect(**options: Any) -> None:
        told.update(options)
        raise ConnectionRefusedError

    monkeypatch.setattr(asyncpg, "connect", connect)
    database = Database(f"{HOST}/d?{query}")
    with pytest.raises(ConnectionRefusedError):
        async with database.reading() as connection:
            await connection.execute(text("SELECT 1"))
    return told


async def test_parameters_reach_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    certificates = ssl.get_default_verify_paths().openssl_cafile or __file__
    query = (
        f"sslmode=verify-full&sslrootcert={certificates}&application_name=ours&connect_timeout=7&command_timeout=30"
        "&statement_cache_size=0"
    )
    told = await connected_with(monkeypatch, query)
    assert told["server_settings"] == {"application_name": "ours"}
    assert (told["timeout"], told["command_timeout"], told["connection_class"].limits.statement) == (7, 31, 30)
    assert told["statement_cache_size"] == 0
    _, parameters = asyncpg.connect_utils._parse_connect_dsn_and_args(  # what the driver makes of it
        **{name: told.get(name) for name in ("dsn", "host", "port", "user", "password", "database", "server_settings")},
        **dict.fromkeys(("passfile", "ssl", "service", "servicefile", "direct_tls", "krbsrvname", "gsslib")),
        target_session_attrs=None,
    )
    assert parameters.ssl.verify_mode is ssl.CERT_REQUIRED
    assert parameters.ssl.check_hostname
    assert (parameters.user, parameters.password, parameters.database) == ("u", "hidden", "d")


def test_without_parameters_the_settings_hold() -> None:
    address = parse(f"{HOST}/d")
    assert address.limits(REQUEST_LIMITS) == REQUEST_LIMITS
    assert address.prepared_statements is None
    assert address.url.query == {}


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_an_application_name_is_seen_by_the_server(database_url: str) -> None:
    database = Database(f"{database_url}&application_name=ours")
    async with database.reading() as connection:
        assert (await connection.execute(text("SELECT current_setting('application_name')"))).scalar_one() == "ours"
    await database.close()
