"""What a legal request holds back of the person, as far as the law lets them know of the request."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, Table, case, exists, null, or_, select

from models.columns import personal_columns
from models.tables import HELD_FORMS, HELD_PROFILES, LEGAL_REQUESTS
from permissions.retention_periods import RecordKind as K
from resolvers.export.section import OWNER_COLUMN, ExportSection, Formatter, RowQuery
from resolvers.subjects.access_grounds import may_be_told, request_is_open


def _held_values(table: Table) -> RowQuery:
    """Each value where a request of which they may know holds it; a row without one is none."""

    def read(subject_id: str, now: datetime) -> Select[Any]:
        theirs = (LEGAL_REQUESTS.c.subject_id == subject_id, request_is_open(now), may_be_told(now))
        shown = {
            name: case((exists().where(*theirs, LEGAL_REQUESTS.c.extent.op("&")(field.bit) != 0), table.c[name]))
            for name, field in personal_columns(table).items()
        }
        any_of_them = or_(*(value.is_not(null()) for value in shown.values()))
        named = [value.label(name) for name, value in shown.items()]
        return select(*named).where(table.c.subject_id == subject_id, any_of_them)

    return read


def _section(name: str, table: Table) -> ExportSection:
    shown: Mapping[str, Formatter | None] = dict.fromkeys(personal_columns(table))
    return ExportSection(name, (table,), (K.LEGAL_REQUESTS,), _held_values(table), shown, OWNER_COLUMN)


LEGAL_HOLD_SECTIONS: Final = (_section("heldProfile", HELD_PROFILES), _section("heldForm", HELD_FORMS))
