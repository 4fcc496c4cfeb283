"""What a command says to a program: one JSON document on standard output, beside the same exit status."""

import json
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def print_json(document: dict[str, Any]) -> None:
    """Prints the document."""
    typer.echo(json.dumps(document, indent=2))
