"""Mutations for registration, sign-in, passwords, two-factor sign-in and sessions."""

import strawberry

from permissions.graphql.root_field_access import RootFieldAccess
from resolvers.second_factor import login_challenge, totp_enrolment
from resolvers.sessions import revoke_tokens
from resolvers.sign_in import email_verification, login_refresh_logout, password_change, registration
from resolvers.staff import role_tokens
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
        resolver=login_refresh_logout.login,
        graphql_type=LoginResult | None,
        extensions=[RootFieldAccess("Mutation.login")],
        description="Signs in with e-mail address and password. The answer is the same for a wrong password and an "
        "unknown address.",
    )
    complete_login = strawberry.field(
        resolver=login_challenge.complete_login,
        graphql_type=LoginResult | None,
        extensions=[RootFieldAccess("Mutation.completeLogin")],
        description="The second step of a two-factor sign-in, with an authenticator code or a recovery code. A sign-in "
        "that began with COOKIE is completed only in the same browser.",
    )
    refresh_session = strawberry.field(
        resolver=login_refresh_logout.refresh_session,
        graphql_type=LoginResult | None,
        extensions=[RootFieldAccess("Mutation.refreshSession")],
        description="Returns the session's next tokens. Repeating the call within 30 seconds returns the same tokens; "
        "later use of an old one ends the session.",
    )
    logout = strawberry.field(
        resolver=login_refresh_logout.logout,
        graphql_type=bool | None,
        extensions=[RootFieldAccess("Mutation.logout")],
        description="Ends the session or token that sends the request, and any incomplete sign-in of the caller. "
        "Returns true.",
    )
    revoke_session = strawberry.field(
        resolver=revoke_tokens.revoke_session,
        graphql_type=bool | None,
        extensions=[RootFieldAccess("Mutation.revokeSession")],
        description="Ends one of the caller's own sessions. False if the caller has no such session.",
    )
    register = strawberry.field(
        resolver=registration.register,
        graphql_type=RegisterResult | None,
        extensions=[RootFieldAccess("Mutation.register")],
        description="Creates an account and mails a link to verify the address. The answer is the same if the address "
        "is taken.",
    )
    verify_email = strawberry.field(
        resolver=email_verification.verify_email,
        graphql_type=VerifyEmailResult | None,
        extensions=[RootFieldAccess("Mutation.verifyEmail")],
        description="Verifies an e-mail address with the token of a mailed link, from the network that requested the "
        "link or in a session of the account. A new address ends every other session and mailed link.",
    )
    change_email = strawberry.field(
        resolver=email_verification.change_email,
        graphql_type=ChangeEmailResult | None,
        extensions=[RootFieldAccess("Mutation.changeEmail")],
        description="Mails a link to the new address, which counts once the link is used. Needs a code if two-factor "
        "sign-in is on. The answer does not tell whether the address is taken.",
    )
    change_password = strawberry.field(
        resolver=password_change.change_password,
        graphql_type=PasswordResult | None,
        extensions=[RootFieldAccess("Mutation.changePassword")],
        description="Changes the password. Every other session and token of the caller ends.",
    )
    request_password_reset = strawberry.field(
        resolver=password_change.request_password_reset,
        graphql_type=bool | None,
        extensions=[RootFieldAccess("Mutation.requestPasswordReset")],
        description="Mails a link to set a new password. True even if the address has no account.",
    )
    reset_password = strawberry.field(
        resolver=password_change.reset_password,
        graphql_type=PasswordResult | None,
        extensions=[RootFieldAccess("Mutation.resetPassword")],
        description="Sets a new password with the token of a mailed link. Two-factor sign-in stays on, and every "
        "session ends.",
    )
    begin_totp_enrolment = strawberry.field(
        resolver=totp_enrolment.begin_totp_enrolment,
        graphql_type=BeginTotpResult | None,
        extensions=[RootFieldAccess("Mutation.beginTotpEnrolment")],
        description="Creates a secret for an authenticator app. It counts after `confirmTotpEnrolment`, within 10 "
        "minutes.",
    )
    confirm_totp_enrolment = strawberry.field(
        resolver=totp_enrolment.confirm_totp_enrolment,
        graphql_type=ConfirmTotpResult | None,
        extensions=[RootFieldAccess("Mutation.confirmTotpEnrolment")],
        description="Turns two-factor sign-in on and returns the recovery codes. Every other session and token of the "
        "caller ends.",
    )
    disable_totp = strawberry.field(
        resolver=totp_enrolment.disable_totp,
        graphql_type=DisableTotpResult | None,
        extensions=[RootFieldAccess("Mutation.disableTotp")],
        description="Turns two-factor sign-in off. Refused while the caller holds a staff role. Every other session "
        "and token of the caller ends.",
    )
    regenerate_recovery_codes = strawberry.field(
        resolver=totp_enrolment.regenerate_recovery_codes,
        graphql_type=ConfirmTotpResult | None,
        extensions=[RootFieldAccess("Mutation.regenerateRecoveryCodes")],
        description="Replaces the recovery codes. The old ones no longer work.",
    )
    issue_role_token = strawberry.field(
        resolver=role_tokens.issue_role_token,
        graphql_type=RoleTokenResult | None,
        extensions=[RootFieldAccess("Mutation.issueRoleToken")],
        description="Issues a token with one of the caller's staff roles. Needs a sign-in with an authenticator code, "
        "or its enrollment, within the last 24 hours.",
    )
