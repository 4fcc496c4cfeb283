"""Prints the policy as it is enforced: as a table, as JSON or as a record of processing."""

from enum import StrEnum

from app.commands.console.table import align
from app.settings import Settings, from_environment
from models.vocabulary import Audience
from permissions.policy import ROWS
from permissions.policy_text import current_policy
from permissions.versions import published
from permissions.versions.diff import cell_text


class Format(StrEnum):
    """The output format: for people, for programs, or for a supervisory authority."""

    TABLE = "table"
    JSON = "json"
    RECORD = "record"


def render_policy(form: Format, settings: Settings | None = None) -> str:
    """The whole policy in this format."""
    if form is Format.TABLE:
        return _table()
    settings = settings or from_environment()
    if form is Format.JSON:
        return published.policy_json(current_policy(settings.retention_periods))
    from app.commands.policy.record import record

    return record(current_policy(settings.retention_periods), settings)


def _table() -> str:
    head = ["field", "collected for", *(audience.value for audience in Audience)]
    body = [
        [row.field.value, ", ".join(row.purposes), *(cell_text(row.cells.get(audience)) for audience in Audience)]
        for row in ROWS
    ]
    return align([head, *body])
