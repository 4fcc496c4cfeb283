"""Makes the next release of statistics before a question does."""

import typer

from app.commands.console.command_error import CommandError
from app.commands.console.json_report import print_json
from app.commands.console.process import run
from models.columns import rfc3339
from resolvers.context import Services
from resolvers.statistics.release import Release, make_release, newest_release


def release_statistics(*, as_json: bool) -> None:
    """Says when the release that now stands was made and when the next is due; never what is in it."""

    async def act(services: Services) -> tuple[bool, Release | None]:
        made = await make_release(services, early=True)
        async with services.database.reading() as connection:
            return made, await newest_release(connection, services.releases_per_year)

    made, standing = run(act)
    if standing is None:
        raise CommandError("No release could be made.")
    if not made and standing.early_from > standing.released_at:
        raise CommandError(f"This year has had its releases; the last one stands until {standing.next_at}.")
    if as_json:
        print_json({"made": made, "released_at": rfc3339(standing.released_at), "next_at": rfc3339(standing.next_at)})
    else:
        _print(standing)


def _print(standing: Release) -> None:
    typer.echo(f"Released at {standing.released_at}; the next is due at {standing.next_at}.", err=True)
