"""Results of mutations: the change that was made, or a refusal as data."""

from datetime import datetime
from typing import Annotated

import strawberry

from models import mutation_outcomes
from permissions.graphql.classified_schema import impersonal
from resolvers.account import own_account
from resolvers.consent.objections import ObjectionChanged as ObjectionChangedState
from resolvers.consent.restriction import RestrictionChanged as RestrictionChangedState
from resolvers.erasure.erasure_request import ErasureCancelled as ErasureCancelledState
from resolvers.erasure.erasure_request import ErasureScheduled as ErasureScheduledState
from schema.account import Account, ConsentRecord, ConsentState, Viewer
from schema.disclosure import ProcessorState
from schema.node import Refusal
from schema.policy import KeptRecord
from schema.type_resolution import is_type_of
from schema.user import User

OWN = "the caller's own, just made"


@strawberry.type
class AccountChange:
    """The part of the result of every mutation that changes the caller's account."""

    account = strawberry.field(
        resolver=own_account.changed_account,
        graphql_type=Account | None,
        description="The caller's account after the change. Null without a member's session, or with an error: the "
        "change is stored all the same.",
    )


@impersonal(OWN)
@strawberry.type(description="A session that has begun or was extended. The tokens are shown only once.")
@is_type_of(mutation_outcomes.SignedIn)
class SignedIn:
    access_token: str | None = strawberry.field(description="Send it as `Authorization: Bearer …`. Null with COOKIE.")
    refresh_token: str | None = strawberry.field(description="Send it to `refreshSession`. Null with COOKIE.")
    device_token: str | None = strawberry.field(
        description="Keep it for the next `login`: failed attempts elsewhere then do not lock this device out. Null "
        "with COOKIE and from `refreshSession`."
    )
    expires_at: datetime = strawberry.field(
        description="When the access token expires, 15 minutes after it was issued."
    )
    viewer: Viewer = strawberry.field(description="The signed-in member.")


@impersonal(OWN)
@strawberry.type(description="The password is right, and two-factor sign-in is on. Call `completeLogin`.")
@is_type_of(mutation_outcomes.TotpRequired)
class TotpRequired:
    challenge: str = strawberry.field(
        description="Send it to `completeLogin` with a code. It gives no access on its own."
    )
    expires_at: datetime = strawberry.field(
        description="When the challenge expires, 5 minutes after it was issued. It allows 5 tries."
    )


@impersonal(OWN)
@strawberry.type(description="A letter says how to continue. The answer is the same if the address is taken.")
@is_type_of(mutation_outcomes.Registered)
class Registered:
    email: str = strawberry.field(description="The address that the letter goes to, as the caller wrote it.")


@impersonal(OWN)
@strawberry.type(description="The address is verified. Consents that were granted before now stand.")
@is_type_of(mutation_outcomes.EmailVerified)
class EmailVerified(AccountChange):
    email: str = strawberry.field(description="The verified address.")


@impersonal(OWN)
@strawberry.type(description="A letter with a link goes to the new address. The old one counts until the link is used.")
@is_type_of(mutation_outcomes.EmailChangeRequested)
class EmailChangeRequested(AccountChange):
    new_email: str = strawberry.field(description="The new address, as the caller wrote it.")


@impersonal(OWN)
@strawberry.type(description="The new password counts.")
@is_type_of(mutation_outcomes.PasswordChanged)
class PasswordChanged(AccountChange):
    changed_at: datetime = strawberry.field(description="When the password was changed.")


@impersonal(OWN)
@strawberry.type(
    description="The secret for an authenticator app, shown only once. Two-factor sign-in is on after "
    "`confirmTotpEnrolment`."
)
@is_type_of(mutation_outcomes.TotpEnrolment)
class TotpEnrolment(AccountChange):
    secret: str = strawberry.field(description="The secret in base32, to type in.")
    otpauth_uri: str = strawberry.field(description="The secret as an `otpauth://` URI, to open in an app.")
    qr_code_svg: str = strawberry.field(description="The same URI as a QR code, in SVG without scripts or references.")


@impersonal(OWN)
@strawberry.type(description="Codes for sign-in without the authenticator, shown only once.")
@is_type_of(mutation_outcomes.RecoveryCodes)
class RecoveryCodes(AccountChange):
    codes: list[str] = strawberry.field(description="Ten codes of 24 letters and digits. Each works once.")


@impersonal(OWN)
@strawberry.type(description="Two-factor sign-in is off.")
@is_type_of(mutation_outcomes.TotpDisabled)
class TotpDisabled(AccountChange):
    disabled_at: datetime = strawberry.field(description="When it was turned off.")


@impersonal(OWN)
@strawberry.type(description="The change is stored.")
@is_type_of(mutation_outcomes.ProfileUpdated)
class ProfileUpdated(AccountChange):
    user: User = strawberry.field(description="The caller's own data after the change.")


@impersonal(OWN)
@strawberry.type(description="The purpose is granted or withdrawn.")
@is_type_of(mutation_outcomes.ConsentChanged)
class ConsentChanged(AccountChange):
    record: ConsentRecord = strawberry.field(description="The new consent record, or the last one if nothing changed.")
    consents: list[ConsentState] = strawberry.field(description="The state of each purpose after the change.")


@impersonal(OWN)
@strawberry.type(description="The objection stands or is withdrawn.")
@is_type_of(ObjectionChangedState)
class ObjectionChanged(AccountChange):
    processor: ProcessorState = strawberry.field(description="The state of the processor after the change.")


@impersonal(OWN)
@strawberry.type(description="Processing is restricted or no longer restricted.")
@is_type_of(RestrictionChangedState)
class RestrictionChanged(AccountChange):
    restricted: bool = strawberry.field(description="Whether processing is restricted now.")


@impersonal(OWN)
@strawberry.type(description="The account will be erased.")
@is_type_of(ErasureScheduledState)
class ErasureScheduled(AccountChange):
    scheduled_for: datetime = strawberry.field(
        description="When the account is erased. Until then the caller can cancel."
    )
    kept: list[KeptRecord] = strawberry.field(description="The records kept after the account is erased, and why.")


@impersonal(OWN)
@strawberry.type(description="The account will not be erased.")
@is_type_of(ErasureCancelledState)
class ErasureCancelled(AccountChange):
    cancelled_at: datetime = strawberry.field(description="When the erasure was cancelled.")


LoginResult = Annotated[
    SignedIn | TotpRequired | Refusal,
    strawberry.union("LoginResult", description="A session, a challenge for the second step, or a refusal."),
]
RegisterResult = Annotated[
    Registered | Refusal, strawberry.union("RegisterResult", description="A letter goes out, or a refusal.")
]
VerifyEmailResult = Annotated[
    EmailVerified | Refusal, strawberry.union("VerifyEmailResult", description="The verified address, or a refusal.")
]
ChangeEmailResult = Annotated[
    EmailChangeRequested | Refusal,
    strawberry.union("ChangeEmailResult", description="A letter goes to the new address, or a refusal."),
]
PasswordResult = Annotated[
    PasswordChanged | Refusal, strawberry.union("PasswordResult", description="The password is changed, or a refusal.")
]
BeginTotpResult = Annotated[
    TotpEnrolment | Refusal, strawberry.union("BeginTotpResult", description="The new secret, or a refusal.")
]
ConfirmTotpResult = Annotated[
    RecoveryCodes | Refusal, strawberry.union("ConfirmTotpResult", description="The recovery codes, or a refusal.")
]
DisableTotpResult = Annotated[
    TotpDisabled | Refusal,
    strawberry.union("DisableTotpResult", description="Two-factor sign-in is off, or a refusal."),
]
UpdateProfileResult = Annotated[
    ProfileUpdated | Refusal, strawberry.union("UpdateProfileResult", description="The change is stored, or a refusal.")
]
ConsentResult = Annotated[
    ConsentChanged | Refusal,
    strawberry.union("ConsentResult", description="The purpose is granted or withdrawn, or a refusal."),
]
RestrictionResult = Annotated[
    RestrictionChanged | Refusal,
    strawberry.union("RestrictionResult", description="The restriction after the change, or a refusal."),
]
ErasureResult = Annotated[
    ErasureScheduled | ErasureCancelled | Refusal,
    strawberry.union("ErasureResult", description="The erasure is scheduled or cancelled, or a refusal."),
]
ObjectionResult = Annotated[
    ObjectionChanged | Refusal,
    strawberry.union("ObjectionResult", description="The objection after the change, or a refusal."),
]
