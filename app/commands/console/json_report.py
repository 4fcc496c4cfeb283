"""The option `--json`, and the JSON document that it prints on standard output."""

import json
from typing import Any

import typer


def print_json(document: dict[str, Any]) -> None:
    """Prints the document."""
    typer.echo(json.dumps(document, indent=2))
