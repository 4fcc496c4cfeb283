"""Compares what each account says with the last record or the open row that it comes from.

Reads decide by the columns of the account, which a single UPDATE can change. The consent history is a hash chain, and
role grants are sealed: neither can be changed without the keys.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, exists, false, func, not_, or_, select

from models.database import Database
from models.key_ring import KeyRing
from models.tables import ACCESS_TOKENS, ACCOUNTS, CONSENT_RECORDS, OBJECTIONS, RESTRICTIONS, ROLE_GRANTS
from models.tokens.role_grant_seals import is_sealed
from models.vocabulary import STAFF, Processor, Purpose, Role
from permissions import policy
from permissions.masked_columns import GRANTED_VERSION
from permissions.version_numbers import version_floor
from resolvers.subjects.legal_hold_values import is_remnant

MOST: Final = 1000
"""How many accounts are named at most."""


Unsealed = dict[Role, list[str]]
"""The holders of grants whose seal does not match, by role."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A state of accounts, and the condition that an account contradicts the records of it."""

    state: str
    differs: ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Difference:
    """An account that contradicts the records of some of its states."""

    id: str
    states: tuple[str, ...]

    def lines(self) -> list[str]:
        """A sentence for each state."""
        return [f"account {self.id}: {state} does not follow from its records" for state in self.states]


@dataclass(frozen=True, slots=True)
class Differences:
    """The accounts that contradict their records: the first ones, and how many more there are at least."""

    named: list[Difference]
    more: int = 0

    def lines(self) -> list[str]:
        """The sentences about all accounts."""
        lines = [line for each in self.named for line in each.lines()]
        return [*lines, f"at least {self.more} more accounts contradict their records"] if self.more else lines


async def differences(database: Database, keys: KeyRing, now: datetime) -> Differences:
    """The accounts that contradict their records, in one statement, so that changes meanwhile do not matter."""
    records = {purpose: CONSENT_RECORDS.alias(f"last_{purpose.lower()}") for purpose in GRANTED_VERSION}
    unsealed = await _unsealed_grants(database, keys)
    compared = list(comparisons(records, now, unsealed))
    source: Any = ACCOUNTS
    for purpose, last in records.items():
        source = source.outerjoin(last, last.c.sequence == _last_sequence(purpose))
    flags = [each.differs.label(f"differs_{place}") for place, each in enumerate(compared)]
    total = func.count().over().label("total")
    found = select(total, ACCOUNTS.c.id, *flags).select_from(source).where(or_(*(each.differs for each in compared)))
    async with database.reading() as connection:
        rows = (await connection.execute(found.order_by(ACCOUNTS.c.id).limit(MOST))).all()
    states = [each.state for each in compared]
    named = [Difference(id, tuple(s for s, on in zip(states, each, strict=True) if on)) for _, id, *each in rows]
    return Differences(named, max([rows[0].total if rows else 0, *map(len, unsealed.values())]) - len(named))


async def _unsealed_grants(database: Database, keys: KeyRing) -> Unsealed:
    """Verifies the seal of every role grant. Only staff have some."""
    async with database.reading() as connection:
        grants = (await connection.execute(select(ROLE_GRANTS))).mappings().all()
    changed = {(each["role"], each["subject_id"]) for each in grants if not is_sealed(keys, each)}
    return {role: sorted(id for name, id in changed if name == role.value) for role in STAFF}


def comparisons(records: dict[Purpose, Any], now: datetime, unsealed: Unsealed) -> Iterator[Comparison]:
    """Every state that an account repeats from its records. `records` are the last consent records by purpose."""
    for purpose, last in records.items():
        yield Comparison(f"the granted version of {purpose.value}", _version_differs(purpose, last))
        yield Comparison(f"the lapse of {purpose.value}", _lapse_differs(purpose, last))
    yield Comparison("the restriction", ACCOUNTS.c.restricted_at.is_distinct_from(_open_restriction()))
    for processor in Processor:
        says = ACCOUNTS.c.objected.op("&")(processor.bit) != 0
        yield Comparison(f"the objection to {processor.value}", says != _has_open_objection(processor))
    for role in STAFF:
        changed = ACCOUNTS.c.id.in_(unsealed.get(role, [])[:MOST])
        differs = or_(changed, _has_token_without_grant(role, now), _has_two_grants(role))
        yield Comparison(f"the role {role.value}", differs)


def _last_sequence(purpose: Purpose) -> Any:
    entry = CONSENT_RECORDS.alias("newest").c
    mine = and_(entry.subject_id == ACCOUNTS.c.id, entry.purpose == purpose.value)
    return select(func.max(entry.sequence)).where(mine).correlate(ACCOUNTS).scalar_subquery()


def _version_differs(purpose: Purpose, last: Any) -> ColumnElement[bool]:
    numbers = [(last.c.policy_version == each.name, number) for number, each in enumerate(policy.VERSIONS, start=1)]
    granted = case(*((and_(last.c.granted, named), number) for named, number in numbers), else_=None)
    return GRANTED_VERSION[purpose].is_distinct_from(granted)


def _lapse_differs(purpose: Purpose, last: Any) -> ColumnElement[bool]:
    """A purpose lapses when the account is created or consent is withdrawn, and has not lapsed while it stands."""
    lapsed, created = ACCOUNTS.c[f"{purpose.lower()}_lapsed_at"], ACCOUNTS.c.created_at
    granted = func.coalesce(last.c.granted, false())
    current = GRANTED_VERSION[purpose] >= version_floor(purpose)
    at_start = func.coalesce(lapsed == created, false())
    right = case(
        (is_remnant, lapsed.is_(None)),
        (and_(granted, ACCOUNTS.c.email_verified, current), lapsed.is_(None)),
        (and_(granted, ACCOUNTS.c.email_verified), or_(lapsed.is_(None), at_start)),
        else_=or_(at_start, and_(not_(granted), func.coalesce(lapsed == last.c.recorded_at, false()))),
    )
    return not_(right)


def _open_restriction() -> Any:
    mine = and_(RESTRICTIONS.c.subject_id == ACCOUNTS.c.id, RESTRICTIONS.c.lifted_at.is_(None))
    return select(func.max(RESTRICTIONS.c.restricted_at)).where(mine).correlate(ACCOUNTS).scalar_subquery()


def _has_open_objection(processor: Processor) -> ColumnElement[bool]:
    column = OBJECTIONS.c
    mine = and_(column.subject_id == ACCOUNTS.c.id, column.processor == processor.value, column.withdrawn_at.is_(None))
    return exists().where(mine).correlate(ACCOUNTS)


def _has_token_without_grant(role: Role, now: datetime) -> ColumnElement[bool]:
    """A live token whose role was not granted when it was issued, or was ended since, which would have ended it."""
    token, grant = ACCESS_TOKENS.c, ROLE_GRANTS.c
    mine = and_(grant.subject_id == ACCOUNTS.c.id, grant.role == role.value)
    held = and_(grant.granted_at <= token.created_at, grant.expires_at > token.created_at)
    at_issue = exists().where(mine, held, or_(grant.revoked_at.is_(None), grant.revoked_at > token.created_at))
    still = exists().where(mine, grant.revoked_at.is_(None))
    live = and_(token.holder_id == ACCOUNTS.c.id, token.revoked_at.is_(None), token.expires_at > now)
    unfounded = not_(and_(at_issue.correlate(ACCOUNTS, ACCESS_TOKENS), still.correlate(ACCOUNTS)))
    return exists().where(live, token.role == role.value, unfounded).correlate(ACCOUNTS)


def _has_two_grants(role: Role) -> ColumnElement[bool]:
    """Two grants of a role at the same time, though a new one ends the one before."""
    first, second = ROLE_GRANTS.alias("first").c, ROLE_GRANTS.alias("second").c
    mine = and_(first.subject_id == ACCOUNTS.c.id, first.role == role.value, first.revoked_at.is_(None))
    other = and_(second.subject_id == first.subject_id, second.role == first.role, second.revoked_at.is_(None))
    overlap = and_(second.id != first.id, second.granted_at >= first.granted_at, second.granted_at < first.expires_at)
    return exists().where(mine, other, overlap).correlate(ACCOUNTS)
