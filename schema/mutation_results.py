"""What mutations answer: something done, or a refusal as data."""

from datetime import datetime
from typing import Annotated

import strawberry

from models import outcome
from permissions.classification import impersonal
from resolvers.erasure import ErasureCancelled as ErasureCancelledState
from resolvers.erasure import ErasureScheduled as ErasureScheduledState
from resolvers.objections import ObjectionChanged as ObjectionChangedState
from resolvers.restriction import RestrictionChanged as RestrictionChangedState
from schema.account import ConsentRecord, ConsentState, Viewer
from schema.disclosure import ProcessorState
from schema.node import Refusal
from schema.policy import KeptRecord
from schema.type_resolution import shows
from schema.user import User

OWN = "the caller's own, just made"


@impersonal(OWN)
@strawberry.type(
    description="A session that has begun or goes on. The tokens are shown this once, and to a browser as cookies "
    "alone. `deviceToken`: what an app keeps so that others' attempts elsewhere do not lock it out."
)
@shows(outcome.SignedIn)
class SignedIn:
    access_token: str | None
    refresh_token: str | None
    device_token: str | None
    expires_at: datetime
    viewer: Viewer


@impersonal(OWN)
@strawberry.type(description="The password was right; `completeLogin` takes the challenge and a code.")
@shows(outcome.TotpRequired)
class TotpRequired:
    challenge: str
    expires_at: datetime


@impersonal(OWN)
@strawberry.type(description="A letter tells how it goes on. The same answer whether or not the address is known.")
@shows(outcome.Registered)
class Registered:
    email: str


@impersonal(OWN)
@strawberry.type
@shows(outcome.EmailVerified)
class EmailVerified:
    email: str


@impersonal(OWN)
@strawberry.type
@shows(outcome.EmailChangeRequested)
class EmailChangeRequested:
    new_email: str


@impersonal(OWN)
@strawberry.type
@shows(outcome.PasswordChanged)
class PasswordChanged:
    changed_at: datetime


@impersonal(OWN)
@strawberry.type(description="For an authenticator app; shown this once, and on from its first code.")
@shows(outcome.TotpEnrolment)
class TotpEnrolment:
    secret: str
    otpauth_uri: str
    qr_code_svg: str


@impersonal(OWN)
@strawberry.type(description="Each stands in for the authenticator once; shown this once.")
@shows(outcome.RecoveryCodes)
class RecoveryCodes:
    codes: list[str]


@impersonal(OWN)
@strawberry.type
@shows(outcome.TotpDisabled)
class TotpDisabled:
    disabled_at: datetime


@impersonal(OWN)
@strawberry.type
@shows(outcome.ProfileUpdated)
class ProfileUpdated:
    user: User


@impersonal(OWN)
@strawberry.type
@shows(outcome.ConsentChanged)
class ConsentChanged:
    record: ConsentRecord
    consents: list[ConsentState]


@impersonal(OWN)
@strawberry.type
@shows(ObjectionChangedState)
class ObjectionChanged:
    processor: ProcessorState


@impersonal(OWN)
@strawberry.type
@shows(RestrictionChangedState)
class RestrictionChanged:
    restricted: bool


@impersonal(OWN)
@strawberry.type(description="`kept`: what outlives the account, and why; `until` where the day is known.")
@shows(ErasureScheduledState)
class ErasureScheduled:
    scheduled_for: datetime
    kept: list[KeptRecord]


@impersonal(OWN)
@strawberry.type
@shows(ErasureCancelledState)
class ErasureCancelled:
    cancelled_at: datetime


LoginResult = Annotated[SignedIn | TotpRequired | Refusal, strawberry.union("LoginResult")]
RegisterResult = Annotated[Registered | Refusal, strawberry.union("RegisterResult")]
VerifyEmailResult = Annotated[EmailVerified | Refusal, strawberry.union("VerifyEmailResult")]
ChangeEmailResult = Annotated[EmailChangeRequested | Refusal, strawberry.union("ChangeEmailResult")]
PasswordResult = Annotated[PasswordChanged | Refusal, strawberry.union("PasswordResult")]
BeginTotpResult = Annotated[TotpEnrolment | Refusal, strawberry.union("BeginTotpResult")]
ConfirmTotpResult = Annotated[RecoveryCodes | Refusal, strawberry.union("ConfirmTotpResult")]
DisableTotpResult = Annotated[TotpDisabled | Refusal, strawberry.union("DisableTotpResult")]
UpdateProfileResult = Annotated[ProfileUpdated | Refusal, strawberry.union("UpdateProfileResult")]
ConsentResult = Annotated[ConsentChanged | Refusal, strawberry.union("ConsentResult")]
RestrictionResult = Annotated[RestrictionChanged | Refusal, strawberry.union("RestrictionResult")]
ErasureResult = Annotated[ErasureScheduled | ErasureCancelled | Refusal, strawberry.union("ErasureResult")]
ObjectionResult = Annotated[ObjectionChanged | Refusal, strawberry.union("ObjectionResult")]
