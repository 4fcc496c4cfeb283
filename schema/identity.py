"""How people prove who they are: registering, signing in, passwords, second factors, sessions."""

import strawberry

from permissions.admission import Admission
from resolvers import (
    address_proof,
    challenges,
    passwords,
    registration,
    role_tokens,
    sign_in,
    tokens,
    totp,
)
from schema.mutation_results import (
    BeginTotpResult,
    ChangeEmailResult,
    ConfirmTotpResult,
    DisableTotpResult,
    LoginResult,
    PasswordResult,
    RegisterResult,
    VerifyEmailResult,
)
from schema.token import RoleTokenResult


@strawberry.type
class IdentityMutation:
    login = strawberry.field(
        resolver=sign_in.login,
        graphql_type=LoginResult | None,
        extensions=[Admission("Mutation.login")],
    )
    complete_login = strawberry.field(
        resolver=challenges.complete_login,
        graphql_type=LoginResult | None,
        extensions=[Admission("Mutation.completeLogin")],
        description="The second step: a TOTP code or a recovery code.",
    )
    refresh_session = strawberry.field(
        resolver=sign_in.refresh_session,
        graphql_type=LoginResult | None,
        extensions=[Admission("Mutation.refreshSession")],
        description="The session's next secrets; a browser's come from its cookie.",
    )
    logout = strawberry.field(
        resolver=sign_in.logout,
        graphql_type=bool | None,
        extensions=[Admission("Mutation.logout")],
        description="The token that asks ends itself, and with it the session.",
    )
    revoke_session = strawberry.field(
        resolver=tokens.revoke_session,
        graphql_type=bool | None,
        extensions=[Admission("Mutation.revokeSession")],
    )
    register = strawberry.field(
        resolver=registration.register,
        graphql_type=RegisterResult | None,
        extensions=[Admission("Mutation.register")],
    )
    verify_email = strawberry.field(
        resolver=address_proof.verify_email,
        graphql_type=VerifyEmailResult | None,
        extensions=[Admission("Mutation.verifyEmail")],
        description="With the token of a letter's link, once.",
    )
    change_email = strawberry.field(
        resolver=address_proof.change_email,
        graphql_type=ChangeEmailResult | None,
        extensions=[Admission("Mutation.changeEmail")],
        description="Counts once the new address is verified; the answer does not tell whether it is taken.",
    )
    change_password = strawberry.field(
        resolver=passwords.change_password,
        graphql_type=PasswordResult | None,
        extensions=[Admission("Mutation.changePassword")],
        description="Every other session and token of the caller ends.",
    )
    request_password_reset = strawberry.field(
        resolver=passwords.request_password_reset,
        graphql_type=bool | None,
        extensions=[Admission("Mutation.requestPasswordReset")],
        description="True whether or not anybody has the address.",
    )
    reset_password = strawberry.field(
        resolver=passwords.reset_password,
        graphql_type=PasswordResult | None,
        extensions=[Admission("Mutation.resetPassword")],
        description="With the token of a letter's link, once; the second factor stays.",
    )
    begin_totp_enrolment = strawberry.field(
        resolver=totp.begin_totp_enrolment,
        graphql_type=BeginTotpResult | None,
        extensions=[Admission("Mutation.beginTotpEnrolment")],
    )
    confirm_totp_enrolment = strawberry.field(
        resolver=totp.confirm_totp_enrolment,
        graphql_type=ConfirmTotpResult | None,
        extensions=[Admission("Mutation.confirmTotpEnrolment")],
    )
    disable_totp = strawberry.field(
        resolver=totp.disable_totp,
        graphql_type=DisableTotpResult | None,
        extensions=[Admission("Mutation.disableTotp")],
        description="Not for whoever holds a staff role.",
    )
    regenerate_recovery_codes = strawberry.field(
        resolver=totp.regenerate_recovery_codes,
        graphql_type=ConfirmTotpResult | None,
        extensions=[Admission("Mutation.regenerateRecoveryCodes")],
        description="The old codes are gone at once.",
    )
    issue_role_token = strawberry.field(
        resolver=role_tokens.issue_role_token,
        graphql_type=RoleTokenResult | None,
        extensions=[Admission("Mutation.issueRoleToken")],
        description="A token with exactly one of the caller's roles, for an internal tool.",
    )
