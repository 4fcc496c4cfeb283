"""What is kept on a person by what they and others did: the record, its consents, who read it, and on what ground."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, Table, select

from models import tables
from models.columns import fields_in
from models.keys import KeyRing
from models.logs import ledger
from models.logs.chain import receipt
from models.logs.ledger import LEDGER
from models.tables import ACCOUNTS, LEGAL_REQUESTS, PROFILES, SUPPORT_CASES
from models.vocabulary import Processor, fields_of
from permissions.mask import FOLDED
from permissions.retention_periods import RecordKind as K
from permissions.versions import numbers
from resolvers.export.record_kind import ORDER, OWNER, STAFF, Form, Kind, as_they_are, owned
from resolvers.ledger.own_disclosures import NEWEST_FIRST, visible
from resolvers.staff import legal_requests, support_case_lists
from resolvers.subjects.access_grounds import told_of

COPY: Final = "the text beside it once more, folded for search"
RECEIPT: Final = "a part of the receipt"

NOBODYS: Final[Mapping[Table, str]] = {
    tables.CHAIN_HEADS: "where each log ends",
    tables.CHAIN_GAPS: "where links left a log when their time was over",
    tables.UNSCRUBBED: "names of tables from which something was deleted",
    tables.PROCESSOR_VIEWS: "names no subject; each disclosure says its reason",
    tables.STATISTICS_RELEASES: "aggregates of many people",
    tables.STATISTICS_CELLS: "aggregates of many people, with noise",
}
"""Tables that name no subject, and what they hold."""


def _names(mask: int) -> list[str]:
    return [field.value for field in fields_of(mask)]


def _processors(mask: int) -> list[str]:
    return [processor.value for processor in Processor if mask & processor.bit]


def _version(number: int | None) -> str | None:
    return numbers.name(number) if number else None


def _receipt(row: Any, _keys: KeyRing, _now: datetime) -> dict[str, Any]:
    return {"receipt": receipt(row.sequence, row.hash)}


def _entry(row: Any, keys: KeyRing, now: datetime) -> dict[str, Any]:
    return {"id": row.name, **_receipt(row, keys, now)}


def _case(row: Any, keys: KeyRing, now: datetime) -> dict[str, Any]:
    return {"status": support_case_lists.status(row, now), "assignedTo": support_case_lists.assigned_to(row, keys)}


def _request(row: Any, _keys: KeyRing, now: datetime) -> dict[str, Any]:
    return {"status": legal_requests.status(row, now)}


def _entries(subject_id: str, now: datetime) -> Select[Any]:
    return select(LEDGER).where(ledger.of(subject_id), visible(now)).order_by(NEWEST_FIRST.column.desc())


def _cases(subject_id: str, now: datetime) -> Select[Any]:
    return (
        support_case_lists.cases(now).where(SUPPORT_CASES.c.subject_id == subject_id).order_by(SUPPORT_CASES.c.ordinal)
    )


_lapsing: Final = (K.ACCOUNTS, K.LAPSED_PURPOSES)
_folded: Final = dict.fromkeys((column.name for column in PROFILES.columns if column.name.endswith(FOLDED)), COPY)


def _personal(table: Table) -> dict[str, Form | None]:
    """What the table holds of personal fields; any other column of it is to be explained."""
    return {name: None for name in fields_in(table) if name not in _folded}


OF_THE_SUBJECT: Final = (
    Kind(
        "account",
        (ACCOUNTS,),
        (K.ACCOUNTS,),
        owned(ACCOUNTS.c.id),
        as_they_are("id", "account_id", "email", "ip_address", "email_verified", "created_at")
        | as_they_are("social_lapsed_at", "expansion_lapsed_at", social_version=_version, expansion_version=_version)
        | as_they_are("restricted_at", "leaving_since", "disabled_at", hidden=_names, objected=_processors),
    ),
    Kind(
        "profile",
        (PROFILES,),
        _lapsing,
        owned(PROFILES.c.subject_id),
        _personal(PROFILES),
        OWNER | _folded,
    ),
    Kind(
        "preRegistration",
        (tables.PRE_REGISTRATIONS,),
        _lapsing,
        owned(tables.PRE_REGISTRATIONS.c.subject_id),
        _personal(tables.PRE_REGISTRATIONS),
        OWNER,
    ),
    Kind(
        "consents",
        (tables.CONSENT_RECORDS,),
        (K.CONSENT_RECORDS,),
        owned(tables.CONSENT_RECORDS.c.subject_id),
        as_they_are("id", "purpose", "granted", "policy_version", "recorded_at", "source"),
        OWNER | {"sequence": RECEIPT, "hash": RECEIPT},
        _receipt,
    ),
    Kind(
        "disclosures",
        (tables.DISCLOSURES, tables.READINGS),
        (K.DISCLOSURES,),
        _entries,
        as_they_are("at", "audience", "recipient", "reason", fields=_names),
        OWNER
        | {"sequence": RECEIPT, "hash": RECEIPT, "id": "the entry's own, or else the beginning of its hash"}
        | {"chain": "which log", "reading": "joins the entry to its reading", "ordinal": ORDER}
        | {"recipient_id": STAFF, "token_id": "the token of a member of staff or a processor"}
        | {"ground": "the id of what the reason tells", "visible_at": "in the past for every entry told"}
        | {"commitment": "tamper evidence over the reason", "salt": "tamper evidence over the reason"},
        _entry,
    ),
    Kind(
        "objections",
        (tables.OBJECTIONS,),
        (K.ACCOUNTS,),
        owned(tables.OBJECTIONS.c.subject_id),
        as_they_are("id", "processor", "objected_at", "source", "withdrawn_at"),
        OWNER,
    ),
    Kind(
        "restrictions",
        (tables.RESTRICTIONS,),
        (K.ACCOUNTS,),
        owned(tables.RESTRICTIONS.c.subject_id),
        as_they_are("id", "restricted_at", "lifted_at"),
        OWNER,
    ),
    Kind(
        "withdrawals",
        (tables.WITHDRAWALS,),
        (K.DISCLOSURES,),
        owned(tables.WITHDRAWALS.c.subject_id),
        as_they_are("id", "processor", "withdrawn_at", "due_at", "acknowledged_at", fields=_names),
        OWNER | {"ordinal": ORDER},
    ),
    Kind(
        "supportCases",
        (SUPPORT_CASES,),
        (K.SUPPORT_CASES,),
        _cases,
        as_they_are("id", "reference", "reason", "opened_at", "expires_at", "closed_at", extent=_names)
        | as_they_are("opened_by_subject"),
        OWNER | {"opened_by": STAFF, "agent_id": "told as a pseudonym, `assignedTo`", "ordinal": ORDER},
        _case,
    ),
    Kind(
        "legalRequests",
        (LEGAL_REQUESTS,),
        (K.LEGAL_REQUESTS,),
        told_of,
        as_they_are("id", "authority", "reference", "basis", "opened_at", "expires_at", extent=_names)
        | as_they_are("notice_after", "approved_at", "closed_at"),
        OWNER | {"opened_by": STAFF, "approved_by": STAFF, "ordinal": ORDER},
        _request,
    ),
)
