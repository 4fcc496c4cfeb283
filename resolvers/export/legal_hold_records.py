"""What a legal request holds back of the person, as far as the law lets them know of the request."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, Table, case, exists, null, or_, select

from models.columns import fields_in
from models.tables import HELD_FORMS, HELD_PROFILES, LEGAL_REQUESTS
from permissions.retention_periods import RecordKind as K
from resolvers.export.record_kind import OWNER, Form, Kind, Read
from resolvers.subjects.access_grounds import may_be_told, request_is_open


def _held(table: Table) -> Read:
    """Each value where a request of which they may know holds it; a row without one is none."""

    def read(subject_id: str, now: datetime) -> Select[Any]:
        theirs = (LEGAL_REQUESTS.c.subject_id == subject_id, request_is_open(now), may_be_told(now))
        shown = {
            name: case((exists().where(*theirs, LEGAL_REQUESTS.c.extent.op("&")(field.bit) != 0), table.c[name]))
            for name, field in fields_in(table).items()
        }
        any_of_them = or_(*(value.is_not(null()) for value in shown.values()))
        named = [value.label(name) for name, value in shown.items()]
        return select(*named).where(table.c.subject_id == subject_id, any_of_them)

    return read


def _kind(name: str, table: Table) -> Kind:
    shown: Mapping[str, Form | None] = dict.fromkeys(fields_in(table))
    return Kind(name, (table,), (K.LEGAL_REQUESTS,), _held(table), shown, OWNER)


OF_REQUESTS: Final = (_kind("heldProfile", HELD_PROFILES), _kind("heldForm", HELD_FORMS))
