"""What can be changed. Every result is nullable: one that fails must not null one that has committed."""

import strawberry
from strawberry.scalars import JSON

from permissions.admission import Admission
from resolvers import consent, erasure, export, objections, profile, restriction, roles, tokens
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
    description="Every result is nullable: a mutation that fails must not null the answer of one that has committed."
)
class Mutation(IdentityMutation, AuthorityMutation):
    update_profile = strawberry.field(
        resolver=profile.update_profile,
        graphql_type=UpdateProfileResult | None,
        extensions=[Admission("Mutation.updateProfile")],
        description="An absent field keeps, null clears.",
    )
    update_pre_registration = strawberry.field(
        resolver=profile.update_pre_registration,
        graphql_type=UpdateProfileResult | None,
        extensions=[Admission("Mutation.updatePreRegistration")],
        description="An absent field keeps, null clears.",
    )
    grant_consent = strawberry.field(
        resolver=consent.grant_consent,
        graphql_type=ConsentResult | None,
        extensions=[Admission("Mutation.grantConsent")],
        description="Takes the current policy version alone: the one that the subject has seen.",
    )
    withdraw_consent = strawberry.field(
        resolver=consent.withdraw_consent,
        graphql_type=ConsentResult | None,
        extensions=[Admission("Mutation.withdrawConsent")],
        description="Counts for the next read, on every worker.",
    )
    set_hidden_from_members = strawberry.field(
        resolver=profile.set_hidden_from_members,
        graphql_type=UpdateProfileResult | None,
        extensions=[Admission("Mutation.setHiddenFromMembers")],
        description="Exactly these fields are kept from fellow members and visitors, whatever is granted.",
    )
    object_to_processor = strawberry.field(
        resolver=objections.object_to_processor,
        graphql_type=ObjectionResult | None,
        extensions=[Admission("Mutation.objectToProcessor")],
        description="Keeps one processor from my data, whatever is granted, now or later, until I withdraw the "
        "objection (GDPR Art. 21).",
    )
    withdraw_objection = strawberry.field(
        resolver=objections.withdraw_objection,
        graphql_type=ObjectionResult | None,
        extensions=[Admission("Mutation.withdrawObjection")],
    )
    restrict_processing = strawberry.field(
        resolver=restriction.restrict_processing,
        graphql_type=RestrictionResult | None,
        extensions=[Admission("Mutation.restrictProcessing")],
        description="Until I lift it, nobody but me, an open case of mine and a legal request reads anything "
        "(GDPR Art. 18); no grant lifts it.",
    )
    lift_restriction = strawberry.field(
        resolver=restriction.lift_restriction,
        graphql_type=RestrictionResult | None,
        extensions=[Admission("Mutation.liftRestriction")],
    )
    request_erasure = strawberry.field(
        resolver=erasure.request_erasure,
        graphql_type=ErasureResult | None,
        extensions=[Admission("Mutation.requestErasure")],
        description="`code` where TOTP is on. Unreachable at once, erased after the grace; every session and staff "
        "role of mine ends.",
    )
    cancel_erasure = strawberry.field(
        resolver=erasure.cancel_erasure,
        graphql_type=ErasureResult | None,
        extensions=[Admission("Mutation.cancelErasure")],
        description="Within the grace, by signing in again. Everything is as before, but for staff roles.",
    )
    export_my_data = strawberry.field(
        resolver=export.export_my_data,
        graphql_type=JSON | None,
        extensions=[Admission("Mutation.exportMyData")],
        description="Everything held on the caller, as one JSON document; its `import` is a line for another instance. "
        "One of more than 10 MB is refused: the operator writes it on request.",
    )
    revoke_role_token = strawberry.field(
        resolver=tokens.revoke_role_token,
        graphql_type=bool | None,
        extensions=[Admission("Mutation.revokeRoleToken")],
        description="One's own, or any for OPERATIONS.",
    )
    grant_role = strawberry.field(
        resolver=roles.grant_role,
        graphql_type=bool | None,
        extensions=[Admission("Mutation.grantRole")],
        description="OPERATIONS only, and to another person.",
    )
    revoke_role = strawberry.field(
        resolver=roles.revoke_role,
        graphql_type=bool | None,
        extensions=[Admission("Mutation.revokeRole")],
        description="OPERATIONS only.",
    )
