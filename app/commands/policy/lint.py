"""Checks the policy for contradictions."""

import typer

from app.commands.console.json_report import print_json
from permissions.policy_lint import find_problems


def lint(*, as_json: bool) -> int:
    """Prints every contradiction. Returns exit status 1 if there is any."""
    found = find_problems()
    if as_json:
        print_json({"faults": found})
    else:
        for fault in found:
            typer.echo(fault)
        if not found:
            typer.echo("The policy has no contradictions.", err=True)
    return 1 if found else 0
