"""Which roles may use each root field. The schema does not build if a root field has no rule."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from models.vocabulary import Audience, ForbiddenReason, Role
from permissions.caller import POSSIBLE_AUDIENCES, Caller


@dataclass(frozen=True, slots=True)
class RootFieldRule:
    """The rule of one root field: the roles that may use it, and how.

    `active_members_only`: members must be verified, not restricted and not leaving. `returns_refusal`: refuses with
    NOT_PERMITTED as data. `credential`: checks credentials, so a document may contain only one. `limited_to`: the only
    audiences that a member has to users in the answer; other roles have none. `is_processor_view`: each processor
    has a separate type with only its fields. `rate`: attempts per caller. `most`: how often a document may contain
    the field. `dear_with`: the argument without which `rate` and `most` do not count the field.
    `for_lapsed_session`: a browser whose access token has expired is answered as a visitor; every other field is
    UNAUTHENTICATED until it refreshes its session.
    `exports_own_record`: the answer is one value that contains every field of the caller. `repeatable`: a mutation that
    changes nothing the second time, so that clients may send it again if they do not know its outcome.
    """

    roles: frozenset[Role]
    active_members_only: bool = False
    returns_refusal: bool = False
    credential: bool = False
    limited_to: tuple[Audience, ...] | None = None
    rate: str | None = None
    most: int | None = None
    dear_with: str | None = None
    is_processor_view: bool = False
    for_lapsed_session: bool = False
    exports_own_record: bool = False
    repeatable: bool = False

    def allows(self, caller: Caller) -> bool:
        """Returns whether the caller may use the field. It depends only on the caller, not on data."""
        return self.refusal_reason(caller) is None

    def refusal_reason(self, caller: Caller) -> ForbiddenReason | None:
        """Returns why the caller may not use the field, or None if they may."""
        if caller.role not in self.roles:
            return ForbiddenReason.ROLE
        return caller.inactive_reason if self.active_members_only else None

    def is_dear(self, arguments: Mapping[str, Any]) -> bool:
        """Returns whether `rate` and `most` count a use of the field with these arguments."""
        return self.dear_with is None or bool(str(arguments.get(self.dear_with) or "").strip())

    def audiences(self, caller: Caller) -> tuple[Audience, ...]:
        """Returns every audience that this caller can have to a user in the answer."""
        if self.limited_to is None:
            return POSSIBLE_AUDIENCES[caller.role]
        return self.limited_to if caller.is_member or self.credential else ()


def _roles(*roles: Role) -> frozenset[Role]:
    return frozenset(roles)


EVERYONE: Final = _roles(*Role)
MEMBER: Final = _roles(Role.MEMBER)
SUPPORT: Final = _roles(Role.SUPPORT)
ANALYTICS: Final = _roles(Role.ANALYTICS)
COMPLIANCE: Final = _roles(Role.COMPLIANCE)
OPERATIONS: Final = _roles(Role.OPERATIONS)
PROCESSOR: Final = _roles(Role.PROCESSOR)
VISITOR_OR_MEMBER: Final = _roles(Role.ANONYMOUS, Role.MEMBER)
SUBJECT_READERS: Final = _roles(Role.ANONYMOUS, Role.MEMBER, Role.SUPPORT, Role.COMPLIANCE)

CHANGE_RATE: Final = "60/minute"
SEARCH_RATE: Final = "60/minute"
"""A search and the map look at every member."""
SEARCHES: Final = 2
VIEW_RATE: Final = "600/minute"
EXPORT_RATE: Final = "10/hour"

ROOT_FIELD_RULES: Final = {
    "Query.viewer": RootFieldRule(EVERYONE, limited_to=(Audience.SELF,)),
    "Query.policy": RootFieldRule(EVERYONE, for_lapsed_session=True),
    "Query.node": RootFieldRule(EVERYONE),
    "Query.nodes": RootFieldRule(EVERYONE),
    "Query.user": RootFieldRule(SUBJECT_READERS),
    "Query.me": RootFieldRule(MEMBER, limited_to=(Audience.SELF,)),
    "Query.users": RootFieldRule(MEMBER, active_members_only=True, rate=SEARCH_RATE, most=SEARCHES, dear_with="search"),
    "Query.userMap": RootFieldRule(MEMBER, active_members_only=True, rate=SEARCH_RATE, most=SEARCHES),
    "Query.statistics": RootFieldRule(ANALYTICS),
    "Query.supportCases": RootFieldRule(MEMBER | SUPPORT),
    "Query.caseQueue": RootFieldRule(OPERATIONS, limited_to=()),
    "Query.staff": RootFieldRule(OPERATIONS | COMPLIANCE),
    "Query.roleTokens": RootFieldRule(OPERATIONS),
    "Query.legalRequests": RootFieldRule(COMPLIANCE),
    "Query.processorWithdrawals": RootFieldRule(PROCESSOR),
    "Mutation.login": RootFieldRule(
        VISITOR_OR_MEMBER,
        returns_refusal=True,
        credential=True,
        limited_to=(Audience.SELF,),
        for_lapsed_session=True,
    ),
    "Mutation.completeLogin": RootFieldRule(
        VISITOR_OR_MEMBER,
        returns_refusal=True,
        credential=True,
        limited_to=(Audience.SELF,),
        for_lapsed_session=True,
    ),
    "Mutation.refreshSession": RootFieldRule(
        VISITOR_OR_MEMBER,
        returns_refusal=True,
        credential=True,
        limited_to=(Audience.SELF,),
        for_lapsed_session=True,
    ),
    "Mutation.register": RootFieldRule(
        VISITOR_OR_MEMBER, returns_refusal=True, credential=True, for_lapsed_session=True
    ),
    "Mutation.verifyEmail": RootFieldRule(
        VISITOR_OR_MEMBER, returns_refusal=True, credential=True, for_lapsed_session=True
    ),
    "Mutation.requestPasswordReset": RootFieldRule(VISITOR_OR_MEMBER, credential=True, for_lapsed_session=True),
    "Mutation.resetPassword": RootFieldRule(
        VISITOR_OR_MEMBER, returns_refusal=True, credential=True, for_lapsed_session=True
    ),
    "Mutation.changePassword": RootFieldRule(MEMBER, returns_refusal=True, credential=True),
    "Mutation.changeEmail": RootFieldRule(MEMBER, returns_refusal=True, credential=True),
    "Mutation.beginTotpEnrolment": RootFieldRule(MEMBER, returns_refusal=True, credential=True),
    "Mutation.confirmTotpEnrolment": RootFieldRule(MEMBER, returns_refusal=True, credential=True),
    "Mutation.disableTotp": RootFieldRule(MEMBER, returns_refusal=True, credential=True),
    "Mutation.regenerateRecoveryCodes": RootFieldRule(MEMBER, returns_refusal=True, credential=True),
    "Mutation.requestErasure": RootFieldRule(MEMBER, returns_refusal=True, credential=True, repeatable=True),
    "Mutation.cancelErasure": RootFieldRule(MEMBER, returns_refusal=True, rate=CHANGE_RATE),
    "Mutation.issueRoleToken": RootFieldRule(MEMBER, returns_refusal=True, rate=CHANGE_RATE),
    "Mutation.logout": RootFieldRule(EVERYONE, for_lapsed_session=True),
    "Mutation.revokeSession": RootFieldRule(MEMBER, rate=CHANGE_RATE),
    "Mutation.updateProfile": RootFieldRule(MEMBER, returns_refusal=True, rate=CHANGE_RATE, repeatable=True),
    "Mutation.updatePreRegistration": RootFieldRule(MEMBER, returns_refusal=True, rate=CHANGE_RATE, repeatable=True),
    "Mutation.setHiddenFromMembers": RootFieldRule(MEMBER, returns_refusal=True, rate=CHANGE_RATE, repeatable=True),
    "Mutation.grantConsent": RootFieldRule(MEMBER, returns_refusal=True, rate=CHANGE_RATE, repeatable=True),
    "Mutation.withdrawConsent": RootFieldRule(MEMBER, returns_refusal=True, rate=CHANGE_RATE, repeatable=True),
    "Mutation.objectToProcessor": RootFieldRule(MEMBER, returns_refusal=True, rate=CHANGE_RATE, repeatable=True),
    "Mutation.withdrawObjection": RootFieldRule(MEMBER, returns_refusal=True, rate=CHANGE_RATE, repeatable=True),
    "Mutation.restrictProcessing": RootFieldRule(MEMBER, returns_refusal=True, rate=CHANGE_RATE, repeatable=True),
    "Mutation.liftRestriction": RootFieldRule(MEMBER, returns_refusal=True, rate=CHANGE_RATE, repeatable=True),
    "Mutation.exportMyData": RootFieldRule(
        MEMBER, limited_to=(Audience.SELF,), exports_own_record=True, rate=EXPORT_RATE
    ),
    "Mutation.revokeRoleToken": RootFieldRule(MEMBER | OPERATIONS, rate=CHANGE_RATE),
    "Mutation.grantRole": RootFieldRule(OPERATIONS, rate=CHANGE_RATE),
    "Mutation.revokeRole": RootFieldRule(OPERATIONS, rate=CHANGE_RATE),
    "Mutation.issueProcessorToken": RootFieldRule(OPERATIONS, returns_refusal=True, rate=CHANGE_RATE),
    "Mutation.approveProcessorToken": RootFieldRule(COMPLIANCE, rate=CHANGE_RATE),
    "Mutation.openSupportCase": RootFieldRule(MEMBER | SUPPORT, returns_refusal=True, rate=CHANGE_RATE),
    "Mutation.assignSupportCase": RootFieldRule(OPERATIONS, returns_refusal=True, rate=CHANGE_RATE),
    "Mutation.closeSupportCase": RootFieldRule(MEMBER | SUPPORT | OPERATIONS, returns_refusal=True, rate=CHANGE_RATE),
    "Mutation.narrowSupportCase": RootFieldRule(MEMBER, returns_refusal=True, rate=CHANGE_RATE),
    "Mutation.openLegalRequest": RootFieldRule(COMPLIANCE, returns_refusal=True, rate=CHANGE_RATE),
    "Mutation.approveLegalRequest": RootFieldRule(COMPLIANCE, returns_refusal=True, rate=CHANGE_RATE),
    "Mutation.closeLegalRequest": RootFieldRule(COMPLIANCE, returns_refusal=True, rate=CHANGE_RATE),
    "Mutation.openProcessorView": RootFieldRule(
        PROCESSOR, returns_refusal=True, is_processor_view=True, rate=VIEW_RATE, most=1
    ),
    "Mutation.acknowledgeWithdrawals": RootFieldRule(PROCESSOR, rate=VIEW_RATE, repeatable=True),
}

CREDENTIAL_FIELDS: Final = frozenset(
    name.removeprefix("Mutation.") for name, rule in ROOT_FIELD_RULES.items() if rule.credential
)
LAPSED_SESSION_FIELDS: Final = frozenset(name for name, rule in ROOT_FIELD_RULES.items() if rule.for_lapsed_session)

REPEATABLE_MUTATIONS: Final = tuple(
    name.removeprefix("Mutation.") for name, rule in ROOT_FIELD_RULES.items() if rule.repeatable
)
"""The mutations that may be sent again."""
