"""Export sections about the subject: account, profile, form, consents, disclosures, cases and legal requests."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, Table, select

from models import tables
from models.columns import personal_columns
from models.key_ring import KeyRing
from models.logs import ledger
from models.logs.hash_chain import receipt
from models.logs.ledger import LEDGER
from models.tables import ACCOUNTS, LEGAL_REQUESTS, PROFILES, SUPPORT_CASES
from models.vocabulary import Processor, fields_of
from permissions import version_numbers
from permissions.masked_columns import FOLDED_SUFFIX
from permissions.retention_periods import RecordKind as K
from resolvers.export.section import (
    OWNER_COLUMN,
    SORT_KEY,
    STAFF_ID,
    ExportSection,
    Formatter,
    columns_of,
    rows_owned_by,
)
from resolvers.ledger.own_disclosures import NEWEST_FIRST, is_visible
from resolvers.staff import legal_requests, support_case_lists
from resolvers.subjects.access_grounds import disclosable_requests

SEARCH_COPY: Final = "a copy of an exported text, folded for search"
RECEIPT: Final = "part of the exported receipt"

TABLES_WITHOUT_SUBJECTS: Final[Mapping[Table, str]] = {
    tables.CHAIN_HEADS: "where each log ends",
    tables.CHAIN_GAPS: "where retention removed entries from a log",
    tables.HEARTBEATS: "when the service was last at work",
    tables.UNSCRUBBED: "names of tables with deleted rows",
    tables.LAST_SUCCESSES: "times of tasks of the service",
    tables.PROCESSOR_VIEWS: "names no subject; each disclosure contains the reason",
    tables.FAILED_SIGN_INS: "counts under keyed hashes, also of addresses without an account",
    tables.STATISTICS_RELEASES: "aggregates of many people",
    tables.STATISTICS_CELLS: "aggregates of many people, with noise",
}
"""Tables that name no subject, and what they contain."""


def _field_names(mask: int) -> list[str]:
    return [field.value for field in fields_of(mask)]


def _processor_names(mask: int) -> list[str]:
    return [processor.value for processor in Processor if mask & processor.bit]


def _version_name(number: int | None) -> str | None:
    return version_numbers.version_name(number) if number else None


def _receipt(row: Any, _keys: KeyRing, _now: datetime) -> dict[str, Any]:
    return {"receipt": receipt(row.sequence, row.hash)}


def _entry(row: Any, keys: KeyRing, now: datetime) -> dict[str, Any]:
    return {"id": row.name, **_receipt(row, keys, now)}


def _case(row: Any, keys: KeyRing, now: datetime) -> dict[str, Any]:
    return {"status": support_case_lists.status(row, now), "assignedTo": support_case_lists.assigned_to(row, keys)}


def _request(row: Any, _keys: KeyRing, now: datetime) -> dict[str, Any]:
    return {"status": legal_requests.status(row, now)}


def _entries(subject_id: str, now: datetime) -> Select[Any]:
    return select(LEDGER).where(ledger.is_about(subject_id), is_visible(now)).order_by(NEWEST_FIRST.column.desc())


def _cases(subject_id: str, now: datetime) -> Select[Any]:
    return (
        support_case_lists.select_cases(now)
        .where(SUPPORT_CASES.c.subject_id == subject_id)
        .order_by(SUPPORT_CASES.c.ordinal)
    )


_purpose_records: Final = (K.ACCOUNTS, K.LAPSED_PURPOSES)
_search_columns: Final = dict.fromkeys(
    (column.name for column in PROFILES.columns if column.name.endswith(FOLDED_SUFFIX)), SEARCH_COPY
)


def _personal_columns(table: Table) -> dict[str, Formatter | None]:
    """The columns of the table that store personal fields, without search copies."""
    return {name: None for name in personal_columns(table) if name not in _search_columns}


PERSONAL_SECTIONS: Final = (
    ExportSection(
        "account",
        (ACCOUNTS,),
        (K.ACCOUNTS,),
        rows_owned_by(ACCOUNTS.c.id),
        columns_of("id", "account_id", "email", "ip_address", "email_verified", "created_at")
        | columns_of(
            "social_lapsed_at", "expansion_lapsed_at", social_version=_version_name, expansion_version=_version_name
        )
        | columns_of("restricted_at", "leaving_since", "disabled_at", "unreachable_since")
        | columns_of(hidden=_field_names, objected=_processor_names),
    ),
    ExportSection(
        "profile",
        (PROFILES,),
        _purpose_records,
        rows_owned_by(PROFILES.c.subject_id),
        _personal_columns(PROFILES),
        OWNER_COLUMN | _search_columns,
    ),
    ExportSection(
        "preRegistration",
        (tables.PRE_REGISTRATIONS,),
        _purpose_records,
        rows_owned_by(tables.PRE_REGISTRATIONS.c.subject_id),
        _personal_columns(tables.PRE_REGISTRATIONS),
        OWNER_COLUMN,
    ),
    ExportSection(
        "consents",
        (tables.CONSENT_RECORDS,),
        (K.CONSENT_RECORDS,),
        rows_owned_by(tables.CONSENT_RECORDS.c.subject_id),
        columns_of("id", "purpose", "granted", "policy_version", "recorded_at", "source"),
        OWNER_COLUMN | {"sequence": RECEIPT, "hash": RECEIPT},
        _receipt,
    ),
    ExportSection(
        "disclosures",
        (tables.DISCLOSURES, tables.READINGS),
        (K.DISCLOSURES,),
        _entries,
        columns_of("at", "audience", "recipient", "reason", fields=_field_names),
        OWNER_COLUMN
        | {"sequence": RECEIPT, "hash": RECEIPT, "id": "exported, or the start of the hash if the entry has none"}
        | {"chain": "which log contains the entry", "reading": "joins the entry to its reading", "ordinal": SORT_KEY}
        | {"recipient_id": STAFF_ID, "token_id": "the token of a member of staff or of a processor"}
        | {
            "ground": "the id of the case, legal request or view in the reason",
            "visible_at": "in the past for every exported entry",
        }
        | {"commitment": "tamper evidence over the reason", "salt": "tamper evidence over the reason"},
        _entry,
    ),
    ExportSection(
        "objections",
        (tables.OBJECTIONS,),
        (K.ACCOUNTS,),
        rows_owned_by(tables.OBJECTIONS.c.subject_id),
        columns_of("id", "processor", "objected_at", "source", "withdrawn_at"),
        OWNER_COLUMN,
    ),
    ExportSection(
        "restrictions",
        (tables.RESTRICTIONS,),
        (K.ACCOUNTS,),
        rows_owned_by(tables.RESTRICTIONS.c.subject_id),
        columns_of("id", "restricted_at", "lifted_at"),
        OWNER_COLUMN,
    ),
    ExportSection(
        "withdrawals",
        (tables.WITHDRAWALS,),
        (K.DISCLOSURES,),
        rows_owned_by(tables.WITHDRAWALS.c.subject_id),
        columns_of("id", "processor", "withdrawn_at", "due_at", "acknowledged_at", fields=_field_names),
        OWNER_COLUMN | {"ordinal": SORT_KEY},
    ),
    ExportSection(
        "supportCases",
        (SUPPORT_CASES,),
        (K.SUPPORT_CASES,),
        _cases,
        columns_of("id", "reference", "reason", "opened_at", "expires_at", "closed_at", extent=_field_names)
        | columns_of("opened_by_subject"),
        OWNER_COLUMN
        | {"opened_by": STAFF_ID, "agent_id": "exported as a pseudonym, `assignedTo`", "ordinal": SORT_KEY},
        _case,
    ),
    ExportSection(
        "legalRequests",
        (LEGAL_REQUESTS,),
        (K.LEGAL_REQUESTS,),
        disclosable_requests,
        columns_of("id", "authority", "reference", "basis", "opened_at", "expires_at", extent=_field_names)
        | columns_of("notice_after", "approved_at", "closed_at"),
        OWNER_COLUMN | {"opened_by": STAFF_ID, "approved_by": STAFF_ID, "ordinal": SORT_KEY},
        _request,
    ),
)
