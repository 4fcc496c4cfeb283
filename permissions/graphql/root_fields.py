"""Who may ask what: one row a root field. A root field without a row does not build."""

from dataclasses import dataclass
from typing import Final

from models.vocabulary import Audience, Role
from permissions.caller import EVER, Caller


@dataclass(frozen=True, slots=True)
class Rule:
    """`refuses`: answers NOT_PERMITTED as data. `credential`: proves who somebody is, so at most one a document.

    `meets`: what a member is to the users in the answer, where it is less than what their role makes them; any other
    role is then nobody to them. `views`: each processor has a type of its own, so no field in it is another's.
    `rate`: attempts per caller.
    """

    roles: frozenset[Role]
    fellow: bool = False
    refuses: bool = False
    credential: bool = False
    meets: tuple[Audience, ...] | None = None
    rate: str | None = None
    views: bool = False

    def admits(self, caller: Caller) -> bool:
        """Decided from the role alone, before anything is read."""
        return caller.role in self.roles and not (self.fellow and not caller.is_fellow)

    def audiences(self, caller: Caller) -> tuple[Audience, ...]:
        """Everything that this caller can be to a user in the answer."""
        if self.meets is None:
            return EVER[caller.role]
        return self.meets if caller.is_member or self.credential else ()


def _roles(*roles: Role) -> frozenset[Role]:
    return frozenset(roles)


EVERYONE: Final = _roles(*Role)
MEMBER: Final = _roles(Role.MEMBER)
SUPPORT: Final = _roles(Role.SUPPORT)
ANALYTICS: Final = _roles(Role.ANALYTICS)
COMPLIANCE: Final = _roles(Role.COMPLIANCE)
OPERATIONS: Final = _roles(Role.OPERATIONS)
PROCESSOR: Final = _roles(Role.PROCESSOR)
BEFORE_A_SESSION: Final = _roles(Role.ANONYMOUS, Role.MEMBER)
READS_PEOPLE: Final = _roles(Role.ANONYMOUS, Role.MEMBER, Role.SUPPORT, Role.COMPLIANCE)

CHANGES: Final = "60/minute"
VIEWS: Final = "600/minute"
EXPORTS: Final = "10/hour"

OPERATIONS_BY_FIELD: Final = {
    "Query.viewer": Rule(EVERYONE, meets=(Audience.SELF,)),
    "Query.policy": Rule(EVERYONE),
    "Query.node": Rule(EVERYONE),
    "Query.user": Rule(READS_PEOPLE),
    "Query.me": Rule(MEMBER, meets=(Audience.SELF,)),
    "Query.users": Rule(MEMBER, fellow=True),
    "Query.userMap": Rule(MEMBER, fellow=True),
    "Query.statistics": Rule(ANALYTICS),
    "Query.supportCases": Rule(MEMBER | SUPPORT),
    "Query.caseQueue": Rule(OPERATIONS, meets=()),
    "Query.staff": Rule(OPERATIONS | COMPLIANCE),
    "Query.roleTokens": Rule(OPERATIONS),
    "Query.legalRequests": Rule(COMPLIANCE),
    "Query.processorWithdrawals": Rule(PROCESSOR),
    "Mutation.login": Rule(BEFORE_A_SESSION, refuses=True, credential=True, meets=(Audience.SELF,)),
    "Mutation.completeLogin": Rule(BEFORE_A_SESSION, refuses=True, credential=True, meets=(Audience.SELF,)),
    "Mutation.refreshSession": Rule(BEFORE_A_SESSION, refuses=True, credential=True, meets=(Audience.SELF,)),
    "Mutation.register": Rule(BEFORE_A_SESSION, refuses=True, credential=True),
    "Mutation.verifyEmail": Rule(BEFORE_A_SESSION, refuses=True, credential=True),
    "Mutation.requestPasswordReset": Rule(BEFORE_A_SESSION, credential=True),
    "Mutation.resetPassword": Rule(BEFORE_A_SESSION, refuses=True, credential=True),
    "Mutation.changePassword": Rule(MEMBER, refuses=True, credential=True),
    "Mutation.changeEmail": Rule(MEMBER, refuses=True, credential=True),
    "Mutation.beginTotpEnrolment": Rule(MEMBER, refuses=True, credential=True),
    "Mutation.confirmTotpEnrolment": Rule(MEMBER, refuses=True, credential=True),
    "Mutation.disableTotp": Rule(MEMBER, refuses=True, credential=True),
    "Mutation.regenerateRecoveryCodes": Rule(MEMBER, refuses=True, credential=True),
    "Mutation.requestErasure": Rule(MEMBER, refuses=True, credential=True),
    "Mutation.cancelErasure": Rule(MEMBER, refuses=True, rate=CHANGES),
    "Mutation.issueRoleToken": Rule(MEMBER, refuses=True, rate=CHANGES),
    "Mutation.logout": Rule(EVERYONE),  # a browser whose access has lapsed still holds what goes on with its session
    "Mutation.revokeSession": Rule(MEMBER, rate=CHANGES),
    "Mutation.updateProfile": Rule(MEMBER, refuses=True, rate=CHANGES),
    "Mutation.updatePreRegistration": Rule(MEMBER, refuses=True, rate=CHANGES),
    "Mutation.setHiddenFromMembers": Rule(MEMBER, refuses=True, rate=CHANGES),
    "Mutation.grantConsent": Rule(MEMBER, refuses=True, rate=CHANGES),
    "Mutation.withdrawConsent": Rule(MEMBER, refuses=True, rate=CHANGES),
    "Mutation.objectToProcessor": Rule(MEMBER, refuses=True, rate=CHANGES),
    "Mutation.withdrawObjection": Rule(MEMBER, refuses=True, rate=CHANGES),
    "Mutation.restrictProcessing": Rule(MEMBER, refuses=True, rate=CHANGES),
    "Mutation.liftRestriction": Rule(MEMBER, refuses=True, rate=CHANGES),
    "Mutation.exportMyData": Rule(MEMBER, rate=EXPORTS),
    "Mutation.revokeRoleToken": Rule(MEMBER | OPERATIONS, rate=CHANGES),
    "Mutation.grantRole": Rule(OPERATIONS, rate=CHANGES),
    "Mutation.revokeRole": Rule(OPERATIONS, rate=CHANGES),
    "Mutation.issueProcessorToken": Rule(OPERATIONS, refuses=True, rate=CHANGES),
    "Mutation.approveProcessorToken": Rule(COMPLIANCE, rate=CHANGES),
    "Mutation.openSupportCase": Rule(MEMBER | SUPPORT, refuses=True, rate=CHANGES),
    "Mutation.assignSupportCase": Rule(OPERATIONS, refuses=True, rate=CHANGES),
    "Mutation.closeSupportCase": Rule(MEMBER | SUPPORT | OPERATIONS, refuses=True, rate=CHANGES),
    "Mutation.narrowSupportCase": Rule(MEMBER, refuses=True, rate=CHANGES),
    "Mutation.openLegalRequest": Rule(COMPLIANCE, refuses=True, rate=CHANGES),
    "Mutation.approveLegalRequest": Rule(COMPLIANCE, refuses=True, rate=CHANGES),
    "Mutation.closeLegalRequest": Rule(COMPLIANCE, refuses=True, rate=CHANGES),
    "Mutation.openProcessorView": Rule(PROCESSOR, refuses=True, views=True, rate=VIEWS),
    "Mutation.acknowledgeWithdrawals": Rule(PROCESSOR, rate=VIEWS),
}

CREDENTIAL_FIELDS: Final = frozenset(
    name.removeprefix("Mutation.") for name, rule in OPERATIONS_BY_FIELD.items() if rule.credential
)
