"""Export sections for values under a legal hold, if the subject may know of the legal request."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, Table, case, exists, null, or_, select

from models.columns import personal_columns
from models.tables import HELD_FORMS, HELD_PROFILES, LEGAL_REQUESTS
from permissions.retention_periods import RecordKind as K
from resolvers.export.section import OWNER_COLUMN, ExportSection, Formatter, RowQuery
from resolvers.subjects.access_grounds import notice_is_allowed, request_is_open


def _held_values(table: Table) -> RowQuery:
    """A query for each value held by a request that the subject may know of. Rows without such a value are left out."""

    def query(subject_id: str, now: datetime) -> Select[Any]:
        known_request = (LEGAL_REQUESTS.c.subject_id == subject_id, request_is_open(now), notice_is_allowed(now))
        values = {
            name: case((exists().where(*known_request, LEGAL_REQUESTS.c.extent.op("&")(field.bit) != 0), table.c[name]))
            for name, field in personal_columns(table).items()
        }
        is_any_held = or_(*(value.is_not(null()) for value in values.values()))
        labeled = [value.label(name) for name, value in values.items()]
        return select(*labeled).where(table.c.subject_id == subject_id, is_any_held)

    return query


def _section(name: str, table: Table) -> ExportSection:
    exported: Mapping[str, Formatter | None] = dict.fromkeys(personal_columns(table))
    return ExportSection(name, (table,), (K.LEGAL_REQUESTS,), _held_values(table), exported, OWNER_COLUMN)


LEGAL_HOLD_SECTIONS: Final = (_section("heldProfile", HELD_PROFILES), _section("heldForm", HELD_FORMS))
