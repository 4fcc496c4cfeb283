"""Re-encrypts secrets and seals role grants with the newest key, and reports what still depends on older keys."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import typer
from sqlalchemy import ColumnElement, Table, func, select, update

from app.commands.console.command_error import CommandError
from app.commands.console.json_report import print_json
from app.commands.console.process import run
from app.commands.console.progress_bar import progress
from models.key_ring import UnsealError
from models.tables import AUTHENTICATORS, CREDENTIALS, ROLE_GRANTS
from models.tokens.role_grant_seals import is_sealed, resealed
from permissions.events.kinds import EventKind
from permissions.events.record import record
from resolvers.context import Services
from resolvers.second_factor.totp_codes import reseal_secret

PAGE: Final = 500


@dataclass(slots=True)
class Rotation:
    """What one run changed, and what still depends on older keys or on none of the keys."""

    secrets: int = 0
    unreadable: int = 0
    grants: int = 0
    changed_grants: int = 0
    passwords: int = 0


def rotate_keys(*, as_json: bool) -> None:
    """Can be repeated, and run while the service runs. A secret that changes meanwhile is left to the next run."""
    done = run(rotate)
    if as_json:
        print_json(
            {
                "sealed": done.secrets,
                "unreadable": done.unreadable,
                "role_grants": done.grants,
                "role_grants_without_a_right_seal": done.changed_grants,
                "passwords_of_older_keys": done.passwords,
            }
        )
    for line in _lines(done):
        typer.echo(line, err=True)
    if done.unreadable:
        raise CommandError(
            f"{done.unreadable} secrets cannot be opened with any key in CONSENTQL_SECRET_KEYS. Add the missing keys."
        )
    if done.changed_grants:
        raise CommandError(
            f"{done.changed_grants} role grants have no seal of a key in CONSENTQL_SECRET_KEYS. Add the missing keys. "
            "If none is missing, someone changed the grants: `consentql verify-log` names their holders."
        )


def _lines(done: Rotation) -> Iterator[str]:
    yield f"{done.secrets} secrets were re-encrypted."
    yield f"{done.grants} role grants were sealed again."
    yield f"{done.passwords} passwords still need an older key. Each moves to the newest key at the next sign-in."
    yield "Recovery codes, receipts and both logs still need every key that they were made with."


async def rotate(services: Services) -> Rotation:
    """Re-encrypts the secrets of authenticators and seals role grants again, each that an older key made."""
    newest, done = services.keys.id(), Rotation()
    old = AUTHENTICATORS.c.secret.not_like(f"{newest}.%")
    sealed = ROLE_GRANTS.c.seal.not_like(f"{newest}.%")
    hashed = CREDENTIALS.c.password_hash.not_like(f"{newest}$%") & CREDENTIALS.c.password_hash.not_like("$%")
    total = await _count(services, AUTHENTICATORS, old) + await _count(services, ROLE_GRANTS, sealed)
    done.passwords = await _count(services, CREDENTIALS, hashed)
    with progress("rotate-keys", total) as advance:
        async for page in _pages(services, AUTHENTICATORS, old):
            outcomes = [await _reseal(services, row) for row in page]
            done.secrets, done.unreadable = done.secrets + outcomes.count(True), done.unreadable + outcomes.count(False)
            advance(done.secrets + done.unreadable)
        async for page in _pages(services, ROLE_GRANTS, sealed):
            outcomes = [await _reseal_grant(services, row) for row in page]
            done.grants += outcomes.count(True)
            done.changed_grants += outcomes.count(False)
            advance(done.secrets + done.unreadable + done.grants + done.changed_grants)
    record(EventKind.KEYS_ROTATED, count=done.secrets, unreadable=done.unreadable, older_passwords=done.passwords)
    return done


async def _count(services: Services, table: Table, condition: ColumnElement[bool]) -> int:
    async with services.database.reading() as connection:
        counted = select(func.count()).select_from(table).where(condition)
        return int((await connection.execute(counted)).scalar_one())


async def _pages(services: Services, table: Table, old: ColumnElement[bool]) -> AsyncIterator[Sequence[Any]]:
    after = ""
    while True:
        rest = select(table).where(old, table.c.id > after).order_by(table.c.id)
        async with services.database.reading() as connection:
            page = (await connection.execute(rest.limit(PAGE))).all()
        if not page:
            return
        yield page
        after = page[-1].id


async def _reseal(services: Services, row: Any) -> bool:
    """Re-encrypts one secret. Returns False if no key opens it."""
    try:
        secret = reseal_secret(services.keys, row)
    except UnsealError:
        return False
    same = update(AUTHENTICATORS).where(AUTHENTICATORS.c.id == row.id, AUTHENTICATORS.c.secret == row.secret)
    async with services.database.writing() as connection:
        await connection.execute(same.values(secret=secret))
    return True


async def _reseal_grant(services: Services, row: Any) -> bool:
    """Seals one role grant again. Returns False, and changes nothing, if no key made its seal."""
    if not is_sealed(services.keys, row._mapping):
        return False
    same = update(ROLE_GRANTS).where(ROLE_GRANTS.c.id == row.id, ROLE_GRANTS.c.seal == row.seal)
    async with services.database.writing() as connection:
        await connection.execute(same.values(resealed(services.keys, row._mapping)))
    return True
