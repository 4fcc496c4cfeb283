"""Makes the next release of statistics before a query does."""

import typer

from app.commands.console.command_error import CommandError
from app.commands.console.json_report import print_json
from app.commands.console.process import run
from models.columns import rfc3339
from resolvers.context import Services
from resolvers.statistics.release import Release, make_release, newest_release


def release_statistics(*, as_json: bool) -> None:
    """Prints when the current release was made and when the next is due, but not its content."""

    async def act(services: Services) -> tuple[bool, Release | None]:
        made = await make_release(services, early=True)
        async with services.database.reading() as connection:
            return made, await newest_release(connection, services.releases_per_year)

    made, current = run(act)
    if current is None:
        raise CommandError("No release could be made. Check the log of the server.")
    if not made and current.early_from > current.released_at:
        raise CommandError(f"All releases of this year have been made. The last one is valid until {current.next_at}.")
    if as_json:
        print_json({"made": made, "released_at": rfc3339(current.released_at), "next_at": rfc3339(current.next_at)})
    else:
        _print(current)


def _print(current: Release) -> None:
    typer.echo(f"Released at {current.released_at}; the next is due at {current.next_at}.", err=True)
