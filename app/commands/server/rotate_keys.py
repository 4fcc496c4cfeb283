"""Re-encrypts secrets with the newest key, and reports what still depends on older keys."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import typer
from sqlalchemy import func, select, update

from app.commands.console.command_error import CommandError
from app.commands.console.json_report import print_json
from app.commands.console.process import run
from app.commands.console.progress_bar import progress
from models.key_ring import UnsealError
from models.tables import AUTHENTICATORS, CREDENTIALS
from permissions.events.kinds import EventKind
from permissions.events.record import record
from resolvers.context import Services
from resolvers.second_factor.totp_codes import reseal_secret

PAGE: Final = 500


def rotate_keys(*, as_json: bool) -> None:
    """Can be repeated, and run while the service runs. A secret that changes meanwhile is left to the next run."""
    changed, unreadable, older = run(rotate)
    if as_json:
        print_json({"sealed": changed, "unreadable": unreadable, "passwords_of_older_keys": older})
    typer.echo(f"{changed} secrets were re-encrypted.", err=True)
    typer.echo(
        f"{older} passwords still need an older key. Each moves to the newest key at the next sign-in.", err=True
    )
    typer.echo("Recovery codes, receipts and both logs still need every key that they were made with.", err=True)
    if unreadable:
        raise CommandError(
            f"{unreadable} secrets cannot be opened with any key in CONSENTQL_SECRET_KEYS. Add the missing keys."
        )


async def rotate(services: Services) -> tuple[int, int, int]:
    """Returns how many secrets were re-encrypted, how many no key opens, and how many passwords need an older key."""
    newest = services.keys.id()
    old = AUTHENTICATORS.c.secret.not_like(f"{newest}.%")
    hashed = CREDENTIALS.c.password_hash.not_like(f"{newest}$%") & CREDENTIALS.c.password_hash.not_like("$%")
    async with services.database.reading() as connection:
        counted = select(func.count()).select_from(AUTHENTICATORS).where(old)
        total = int((await connection.execute(counted)).scalar_one())
        passwords = select(func.count()).select_from(CREDENTIALS).where(hashed)
        older = int((await connection.execute(passwords)).scalar_one())
    changed = unreadable = 0
    with progress("rotate-keys", total) as advance:
        async for page in _pages(services, old):
            outcomes = [await _reseal(services, row) for row in page]
            changed, unreadable = changed + outcomes.count(True), unreadable + outcomes.count(False)
            advance(changed + unreadable)
    record(EventKind.KEYS_ROTATED, count=changed, unreadable=unreadable, older_passwords=older)
    return changed, unreadable, older


async def _pages(services: Services, old: Any) -> AsyncIterator[Sequence[Any]]:
    after = ""
    while True:
        rest = select(AUTHENTICATORS).where(old, AUTHENTICATORS.c.id > after).order_by(AUTHENTICATORS.c.id)
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
