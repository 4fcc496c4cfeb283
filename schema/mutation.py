"""The mutation type. Every result is nullable, so that one failure does not hide another mutation's answer."""

import strawberry
from strawberry.scalars import JSON

from permissions.graphql.root_field_access import RootFieldAccess
from resolvers.consent import grant_and_withdraw, objections, restriction
from resolvers.erasure import erasure_request
from resolvers.export import document
from resolvers.profile import profile_changes
from resolvers.sessions import revoke_tokens
from resolvers.staff import grant_roles
from schema.identity import IdentityMutation
from schema.mutation_results import (
    ConsentResult,
    ErasureResult,
    ObjectionResult,
    RestrictionResult,
    UpdateProfileResult,
)
from schema.staff_mutations import AuthorityMutation


@strawberry.type(
    description="All mutations. Every result can be null, so that a mutation that fails does not hide the answer of "
    "one that succeeded."
)
class Mutation(IdentityMutation, AuthorityMutation):
    update_profile = strawberry.field(
        resolver=profile_changes.update_profile,
        graphql_type=UpdateProfileResult | None,
        extensions=[RootFieldAccess("Mutation.updateProfile")],
        description="Changes the profile. Leave a field out to keep it, send null to clear it. Storing a value needs "
        "SOCIAL.",
    )
    update_pre_registration = strawberry.field(
        resolver=profile_changes.update_pre_registration,
        graphql_type=UpdateProfileResult | None,
        extensions=[RootFieldAccess("Mutation.updatePreRegistration")],
        description="Changes the pre-registration form. Leave a field out to keep it, send null to clear it. Storing "
        "a value needs EXPANSION.",
    )
    grant_consent = strawberry.field(
        resolver=grant_and_withdraw.grant_consent,
        graphql_type=ConsentResult | None,
        extensions=[RootFieldAccess("Mutation.grantConsent")],
        description="Grants a purpose under the current policy version.",
    )
    withdraw_consent = strawberry.field(
        resolver=grant_and_withdraw.withdraw_consent,
        graphql_type=ConsentResult | None,
        extensions=[RootFieldAccess("Mutation.withdrawConsent")],
        description="Withdraws a purpose. From the next read on, nobody reads data under it.",
    )
    set_hidden_from_members = strawberry.field(
        resolver=profile_changes.set_hidden_from_members,
        graphql_type=UpdateProfileResult | None,
        extensions=[RootFieldAccess("Mutation.setHiddenFromMembers")],
        description="Hides exactly these fields from members and visitors, even if SOCIAL stands.",
    )
    object_to_processor = strawberry.field(
        resolver=objections.object_to_processor,
        graphql_type=ObjectionResult | None,
        extensions=[RootFieldAccess("Mutation.objectToProcessor")],
        description="Keeps the caller's data from one processor until `withdrawObjection`. No consent overrides it "
        "(GDPR Art. 21).",
    )
    withdraw_objection = strawberry.field(
        resolver=objections.withdraw_objection,
        graphql_type=ObjectionResult | None,
        extensions=[RootFieldAccess("Mutation.withdrawObjection")],
        description="Withdraws the objection to one processor. An erasure already requested from it stays due.",
    )
    restrict_processing = strawberry.field(
        resolver=restriction.restrict_processing,
        graphql_type=RestrictionResult | None,
        extensions=[RootFieldAccess("Mutation.restrictProcessing")],
        description="Restricts processing until `liftRestriction` (GDPR Art. 18). Only the caller, support cases that "
        "they opened and legal requests then read their data.",
    )
    lift_restriction = strawberry.field(
        resolver=restriction.lift_restriction,
        graphql_type=RestrictionResult | None,
        extensions=[RootFieldAccess("Mutation.liftRestriction")],
        description="Lifts the restriction of processing. Consent and objections count again.",
    )
    request_erasure = strawberry.field(
        resolver=erasure_request.request_erasure,
        graphql_type=ErasureResult | None,
        extensions=[RootFieldAccess("Mutation.requestErasure")],
        description="Schedules the erasure of the account after the grace period, and hides it at once. Every session "
        "and staff role of the caller ends.",
    )
    cancel_erasure = strawberry.field(
        resolver=erasure_request.cancel_erasure,
        graphql_type=ErasureResult | None,
        extensions=[RootFieldAccess("Mutation.cancelErasure")],
        description="Cancels the erasure before its day, after signing in again. Everything is as before, except staff "
        "roles.",
    )
    export_my_data = strawberry.field(
        resolver=document.export_my_data,
        graphql_type=JSON | None,
        extensions=[RootFieldAccess("Mutation.exportMyData")],
        description="Returns everything held on the caller as one JSON document. Refused above 10 MB; the operator "
        "then exports it on request.",
    )
    revoke_role_token = strawberry.field(
        resolver=revoke_tokens.revoke_role_token,
        graphql_type=bool | None,
        extensions=[RootFieldAccess("Mutation.revokeRoleToken")],
        description="Ends a role or processor token. OPERATIONS can end any, members their own. False if the token "
        "does not exist or the caller may not end it.",
    )
    grant_role = strawberry.field(
        resolver=grant_roles.grant_role,
        graphql_type=bool | None,
        extensions=[RootFieldAccess("Mutation.grantRole")],
        description="Grants a staff role to another person. OPERATIONS only. False if no such account exists or it is "
        "being erased.",
    )
    revoke_role = strawberry.field(
        resolver=grant_roles.revoke_role,
        graphql_type=bool | None,
        extensions=[RootFieldAccess("Mutation.revokeRole")],
        description="Ends a staff role of a person, and their tokens with it. OPERATIONS only. False if no such "
        "account exists.",
    )
