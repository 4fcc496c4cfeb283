"""What a command says to a program: one JSON document on standard output, beside the same exit status."""

import json
from typing import Any

import typer


def print_json(document: dict[str, Any]) -> None:
    """Prints the document."""
    typer.echo(json.dumps(document, indent=2))
