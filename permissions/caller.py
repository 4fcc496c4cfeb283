"""Who asks, as the token says, and what audience that makes them of one subject."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from models.vocabulary import Audience, Factors, Processor, Role


@dataclass(frozen=True, slots=True)
class Caller:
    """One request's caller; without a token a visitor. `opts_out`: the browser sends `Sec-GPC: 1`.

    `expires_at` is when the token ends, `session_ends_at` when the session does that it may be refreshed within.
    """

    role: Role = Role.ANONYMOUS
    subject_id: str | None = None
    account_id: str | None = None
    token_id: str | None = None
    processor: Processor | None = None
    verified: bool = False
    restricted: bool = False
    leaving_since: datetime | None = None
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    expires_at: datetime | None = None
    session_ends_at: datetime | None = None
    client: str | None = None
    factors: Factors | None = None
    address: str = ""
    opts_out: bool = False

    @classmethod
    def from_row(cls, row: Any, address: str) -> Self:
        """Who holds this token: its row, with its holder's account."""
        return cls(
            role=Role(row.role),
            subject_id=row.holder_id,
            account_id=row.account_id,
            token_id=row.id,
            processor=Processor(row.processor) if row.processor else None,
            verified=bool(row.email_verified),
            restricted=row.restricted_at is not None,
            leaving_since=row.leaving_since,
            created_at=row.created_at,
            last_used_at=row.last_used_at,
            expires_at=row.secret_expires_at or row.expires_at,
            session_ends_at=row.expires_at,
            client=row.name,
            factors=Factors(row.factors) if row.factors else None,
            address=address,
        )

    @property
    def is_member(self) -> bool:
        """Whether this is a session of a person, the only kind of token that acts for oneself."""
        return self.role is Role.MEMBER

    @property
    def used_recovery_code(self) -> bool:
        """Whether a recovery code began this session: a stand-in, which neither takes everything along nor ends it."""
        return self.factors is Factors.RECOVERY

    @property
    def audience_to_others(self) -> Audience | None:
        """What this caller is to a subject who is not themself, where no case and no request stands between."""
        if self.role is Role.ANONYMOUS:
            return Audience.PUBLIC
        return Audience.MEMBERS if self.is_active_member else None

    @property
    def is_active_member(self) -> bool:
        """Whether this member meets others: their address is proven, they are neither restricted nor leaving."""
        return self.is_member and self.verified and not self.restricted and self.leaving_since is None

    @property
    def case_audience(self) -> Audience | None:
        """What this caller is to a subject where a case or a request stands between them."""
        return {Role.SUPPORT: Audience.SUPPORT_CASE, Role.COMPLIANCE: Audience.LEGAL_REQUEST}.get(self.role)

    def audience(self, subject_id: str) -> Audience | None:
        """What this caller is to this subject; None reads nothing."""
        if self.is_member and subject_id == self.subject_id:
            return Audience.SELF
        return self.audience_to_others


POSSIBLE_AUDIENCES: dict[Role, tuple[Audience, ...]] = {
    Role.ANONYMOUS: (Audience.PUBLIC,),
    Role.MEMBER: (Audience.SELF, Audience.MEMBERS),
    Role.SUPPORT: (Audience.SUPPORT_CASE,),
    Role.ANALYTICS: (),
    Role.COMPLIANCE: (Audience.LEGAL_REQUEST,),
    Role.OPERATIONS: (),
    Role.PROCESSOR: (),
}
"""The audiences that a role can ever be to a User in the graph; a processor meets subjects in its view alone."""
