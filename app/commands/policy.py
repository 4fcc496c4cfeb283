"""Prints the policy as it is enforced, from the table that decides."""

import json
from dataclasses import asdict
from enum import StrEnum
from typing import Any

from models.vocabulary import Audience
from permissions.policy import ROWS, Row
from resolvers.policy import told

NEVER = "-"
ALWAYS = "always"


class Form(StrEnum):
    """For people or for programs."""

    TABLE = "table"
    JSON = "json"


def printed(form: Form) -> str:
    """The whole policy in this form."""
    return json.dumps(asdict(told()), indent=2) if form is Form.JSON else _table()


def _cell(row: Row, audience: Audience) -> str:
    if audience not in row.cells:
        return NEVER
    purpose = row.cells[audience].purpose
    return purpose.value if purpose else ALWAYS


def _table() -> str:
    head = ["field", "collected for", *(audience.value for audience in Audience)]
    body = [
        [row.field.value, ", ".join(row.purposes), *(_cell(row, audience) for audience in Audience)] for row in ROWS
    ]
    widths = [max(len(line[place]) for line in [head, *body]) for place in range(len(head))]
    lines: list[Any] = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in [head, *body]]
    return "\n".join("  ".join(line).rstrip() for line in lines)
