"""Erases people: deletes their rows and clears their names from records that must remain."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, delete, false, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.key_ring import KeyRing
from models.logs import hash_chain
from models.logs.ledger import INDEXED_PREFIX
from models.records.consent import record_of
from models.tables import (
    ACCOUNTS,
    CONSENT_RECORDS,
    CREDENTIALS,
    DISCLOSURES,
    PROCESSOR_VIEWS,
    READINGS,
    SUPPORT_CASES,
)
from models.vocabulary import EVERY_FIELD, ConsentSource, Processor, Purpose
from permissions import version_numbers
from resolvers.erasure.personal_tables import OWNER_COLUMNS
from resolvers.processors import withdrawals
from resolvers.subjects import legal_hold_values
from resolvers.subjects.access_grounds import case_is_open
from resolvers.subjects.legal_hold_values import HOLD_TABLES, is_remnant
from resolvers.subjects.legal_holds import held_fields

NO_REFERENCE: Final = ""
"""Replaces the reference of an erased subject's case: it is free text, so it may name the subject."""


def is_due_for_erasure(before: datetime) -> ColumnElement[bool]:
    """Whether the subject requested erasure, or registered without verifying the address, by `before`."""
    has_left = ACCOUNTS.c.leaving_since <= before
    never_verified = and_(ACCOUNTS.c.email_verified.is_(false()), ACCOUNTS.c.created_at <= before)
    return and_(~is_remnant, or_(has_left, never_verified))


@dataclass(frozen=True, slots=True)
class Eraser:
    """Erases people in one transaction. The caller has locked their accounts."""

    connection: AsyncConnection
    keys: KeyRing
    now: datetime

    async def erase(self, ids: Sequence[str]) -> None:
        """Erases these people.

        The statements lock rows in the same order as all other code: grants, tokens, cases, and the consent chain last.
        """
        holds = await held_fields(self.connection, ids, self.now)
        for id in ids:
            await withdrawals.record_withdrawals(self.connection, id, dict.fromkeys(Processor, EVERY_FIELD), self.now)
        for table, owner in OWNER_COLUMNS.items():
            await self.connection.execute(delete(table).where(owner.in_(ids)))
        await self._end_cases(ids)
        await self.erase_reasons(ids)
        for table in HOLD_TABLES:
            await legal_hold_values.move_to_hold(self.connection, table, ids, holds)
        await self._close_accounts(ids)
        await legal_hold_values.release_values(self.connection, ids, holds)
        await self._end_consents(ids)

    async def _end_cases(self, ids: Sequence[str]) -> None:
        """Closes cases about them and clears the text. Open cases that they worked on become unassigned."""
        theirs = SUPPORT_CASES.c.subject_id.in_(ids)
        ended = update(SUPPORT_CASES).where(theirs, case_is_open(self.now)).values(closed_at=self.now)
        await self.connection.execute(ended)
        cleared = update(SUPPORT_CASES).where(theirs).values(reason=None, reference=NO_REFERENCE)
        await self.connection.execute(cleared)
        unassigned = update(SUPPORT_CASES).where(SUPPORT_CASES.c.agent_id.in_(ids), SUPPORT_CASES.c.closed_at.is_(None))
        await self.connection.execute(unassigned.values(agent_id=None))

    async def erase_reasons(self, ids: Sequence[str]) -> None:
        """Clears the reason of a reading, and of its view, once all subjects that it concerns are erased."""
        entry = DISCLOSURES.c
        beginnings = func.substr(entry.subject_id, 1, INDEXED_PREFIX).in_(sorted({id[:INDEXED_PREFIX] for id in ids}))
        theirs = select(entry.chain, entry.reading).where(beginnings, entry.subject_id.in_(ids)).distinct()
        same = and_(READINGS.c.chain == entry.chain, READINGS.c.sequence == entry.reading, READINGS.c.salt.is_not(None))
        theirs = theirs.join(READINGS, same)
        for row in (await self.connection.execute(theirs)).all():
            await self._erase_reason(row.chain, row.reading)

    async def _erase_reason(self, log: str, first: int) -> None:
        entry, reading = DISCLOSURES.c, READINGS.c
        following = select(func.min(reading.sequence)).where(reading.chain == log, reading.sequence > first)
        end = (await self.connection.execute(following)).scalar_one_or_none()
        within = and_(
            entry.chain == log, entry.sequence >= first, entry.sequence < end if end else entry.reading == first
        )
        others = select(entry.subject_id).join(CREDENTIALS, CREDENTIALS.c.subject_id == entry.subject_id).where(within)
        if (await self.connection.execute(others.limit(1))).first():
            return
        one = and_(reading.chain == log, reading.sequence == first)
        await self.connection.execute(update(READINGS).where(one).values(reason=None, salt=None))
        view = PROCESSOR_VIEWS.c.id == select(reading.ground).where(one).scalar_subquery()
        await self.connection.execute(update(PROCESSOR_VIEWS).where(view).values(reason=""))

    async def _close_accounts(self, ids: Sequence[str]) -> None:
        """Clears consent, verification and locks of the accounts."""
        purposes = (Purpose.SOCIAL, Purpose.EXPANSION)
        consents = {f"{each.lower()}_{name}": None for each in purposes for name in ("version", "lapsed_at")}
        states = {"email_verified": False, "hidden": 0, "objected": 0, "restricted_at": None, "disabled_at": None}
        states |= {"unreachable_since": None}
        since = func.coalesce(ACCOUNTS.c.leaving_since, self.now)
        closed = update(ACCOUNTS).where(ACCOUNTS.c.id.in_(ids)).values(**consents, **states, leaving_since=since)
        await self.connection.execute(closed)

    async def _end_consents(self, ids: Sequence[str]) -> None:
        """Appends a last record for each purpose with a record. It says when the account ended."""
        asked = select(CONSENT_RECORDS.c.subject_id, CONSENT_RECORDS.c.purpose).where(
            CONSENT_RECORDS.c.subject_id.in_(ids)
        )
        pairs = (await self.connection.execute(asked.distinct().order_by(*asked.selected_columns))).all()
        records = [
            record_of(
                row.subject_id,
                Purpose(row.purpose),
                granted=False,
                policy_version=version_numbers.current_version().name,
                at=self.now,
                source=ConsentSource.ERASURE,
            )
            for row in pairs
        ]
        await hash_chain.append(self.connection, self.keys, hash_chain.CONSENT, records)
