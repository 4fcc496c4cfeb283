"""Declares the options and arguments that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

FLAG = ""
"""The metavar of an option that takes no value."""

AsJson = Annotated[bool, typer.Option("--json", metavar=FLAG, help="Print JSON.")]
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's e-mail address.")]
OutFile = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", dir_okay=False, help="Write to FILE instead of standard output."),
]
