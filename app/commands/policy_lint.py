"""The policy's own consistency, as the exit status of a command."""

import json

import typer

from permissions.consistency import faults


def lint(*, as_json: bool) -> int:
    """Prints every fault; the exit status is 1 if there is any."""
    found = faults()
    if as_json:
        typer.echo(json.dumps({"faults": found}, indent=2))
    else:
        for fault in found:
            typer.echo(fault)
        if not found:
            typer.echo("The policy agrees with itself.", err=True)
    return 1 if found else 0
