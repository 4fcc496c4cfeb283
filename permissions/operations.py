"""Who may ask what: one row a root field. A root field without a row does not build."""

from dataclasses import dataclass
from typing import Final

from models.vocabulary import Audience, Role
from permissions.caller import EVER, Caller


@dataclass(frozen=True, slots=True)
class Rule:
    """`refuses`: answers NOT_PERMITTED as data. `credential`: proves who somebody is, so at most one a document.

    `meets`: what a member is to the users in the answer, where it is less than what their role makes them; any other
    role is then nobody to them. `rate`: attempts per caller.
    """

    roles: frozenset[Role]
    verified: bool = False
    refuses: bool = False
    credential: bool = False
    meets: tuple[Audience, ...] | None = None
    rate: str | None = None

    def admits(self, caller: Caller) -> bool:
        """Decided from the role alone, before anything is read."""
        return caller.role in self.roles and not (self.verified and not caller.verified)

    def audiences(self, caller: Caller) -> tuple[Audience, ...]:
        """Everything that this caller can be to a user in the answer."""
        if self.meets is None:
            return EVER[caller.role]
        return self.meets if caller.is_member or self.credential else ()


def _roles(*roles: Role) -> frozenset[Role]:
    return frozenset(roles)


EVERYONE: Final = _roles(*Role)
MEMBER: Final = _roles(Role.MEMBER)
OPERATIONS: Final = _roles(Role.OPERATIONS)
SIGNED_IN: Final = EVERYONE - {Role.ANONYMOUS}
BEFORE_A_SESSION: Final = _roles(Role.ANONYMOUS, Role.MEMBER)
READS_PEOPLE: Final = _roles(Role.ANONYMOUS, Role.MEMBER, Role.SUPPORT, Role.COMPLIANCE)

CHANGES: Final = "60/minute"

OPERATIONS_BY_FIELD: Final = {
    "Query.viewer": Rule(EVERYONE, meets=(Audience.SELF,)),
    "Query.policy": Rule(EVERYONE),
    "Query.node": Rule(EVERYONE),
    "Query.user": Rule(READS_PEOPLE),
    "Query.me": Rule(MEMBER, meets=(Audience.SELF,)),
    "Query.users": Rule(MEMBER, verified=True),
    "Query.userMap": Rule(MEMBER, verified=True),
    "Mutation.login": Rule(BEFORE_A_SESSION, refuses=True, credential=True, meets=(Audience.SELF,)),
    "Mutation.logout": Rule(SIGNED_IN),
    "Mutation.revokeSession": Rule(MEMBER, rate=CHANGES),
    "Mutation.updateProfile": Rule(MEMBER, refuses=True, rate=CHANGES),
    "Mutation.updatePreRegistration": Rule(MEMBER, refuses=True, rate=CHANGES),
    "Mutation.setHiddenFromMembers": Rule(MEMBER, refuses=True, rate=CHANGES),
    "Mutation.grantConsent": Rule(MEMBER, refuses=True, rate=CHANGES),
    "Mutation.withdrawConsent": Rule(MEMBER, refuses=True, rate=CHANGES),
    "Mutation.revokeRoleToken": Rule(MEMBER | OPERATIONS, rate=CHANGES),
    "Mutation.grantRole": Rule(OPERATIONS, rate=CHANGES),
    "Mutation.revokeRole": Rule(OPERATIONS, rate=CHANGES),
}

CREDENTIAL_FIELDS: Final = frozenset(
    name.removeprefix("Mutation.") for name, rule in OPERATIONS_BY_FIELD.items() if rule.credential
)
