"""The caller of a request, and their audience in relation to a subject."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from models.vocabulary import Audience, Factors, ForbiddenReason, Processor, Role


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of one request; without a token, a visitor.

    `opts_out`: the browser sends `Sec-GPC: 1`. `expires_at`: when the access token expires. `session_ends_at`: when the
    session expires, which can be refreshed until then.
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
        """Returns the holder of a token, from its row joined with the holder's account."""
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
        """Whether the token is a member's session. Only a session can act on its holder's account."""
        return self.role is Role.MEMBER

    @property
    def is_recorded(self) -> bool:
        """Whether the ledger records what this caller reads: staff and processors."""
        return self.role not in (Role.ANONYMOUS, Role.MEMBER)

    @property
    def used_recovery_code(self) -> bool:
        """Whether a recovery code began this session. Such a session cannot export or erase the account."""
        return self.factors is Factors.RECOVERY

    @property
    def audience_to_others(self) -> Audience | None:
        """The audience of this caller to other subjects, without a case or request; None reads nothing."""
        if self.role is Role.ANONYMOUS:
            return Audience.PUBLIC
        return Audience.MEMBERS if self.is_active_member else None

    @property
    def is_active_member(self) -> bool:
        """Whether this member may read other members: verified address, not restricted, not leaving."""
        return self.inactive_reason is None

    @property
    def inactive_reason(self) -> ForbiddenReason | None:
        """Why this caller may not read other members, or None if they may."""
        if not self.is_member:
            return ForbiddenReason.ROLE
        if not self.verified:
            return ForbiddenReason.EMAIL_NOT_VERIFIED
        if self.restricted:
            return ForbiddenReason.RESTRICTED
        return ForbiddenReason.LEAVING if self.leaving_since is not None else None

    @property
    def case_audience(self) -> Audience | None:
        """The audience that a case or request gives this caller, or None."""
        return {Role.SUPPORT: Audience.SUPPORT_CASE, Role.COMPLIANCE: Audience.LEGAL_REQUEST}.get(self.role)

    def audience(self, subject_id: str) -> Audience | None:
        """Returns the audience of this caller to this subject; None reads nothing."""
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
"""The audiences that each role can have to a `User`. Processors read subjects only in their view."""
