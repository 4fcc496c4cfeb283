"""What a mutation returns: something done, or a refusal as data."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.vocabulary import ConsentStatus, Processor, Purpose, RefusalCode, Role


@dataclass(frozen=True, slots=True)
class Refused:
    """An expected refusal: nothing was changed."""

    code: RefusalCode
    message: str
    field: str | None = None
    retry_after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class ConsentState:
    """Where one purpose stands for one subject."""

    purpose: Purpose
    granted: bool
    status: ConsentStatus
    withdrawable: bool
    policy_version: str | None = None
    since: datetime | None = None
    erases_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ConsentEntry:
    """A consent record as its subject sees it."""

    id: str
    purpose: Purpose
    granted: bool
    policy_version: str
    recorded_at: datetime
    source: str
    receipt: str


@dataclass(frozen=True, slots=True)
class ConsentChanged:
    """A consent change that has committed, or the state that already was."""

    record: ConsentEntry
    consents: tuple[ConsentState, ...]


@dataclass(frozen=True, slots=True)
class ProfileUpdated:
    """A change to one's own record that has committed."""

    user: Any


@dataclass(frozen=True, slots=True)
class SessionState:
    """A member's session without its secret."""

    id: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime
    client: str | None
    current: bool


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who a token says the caller is."""

    role: Role
    user: Any = None
    session: SessionState | None = None
    expires_at: datetime | None = None
    processor: Processor | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has begun or goes on; its secrets are shown this once, and to a browser as cookies alone."""

    access_token: str | None
    refresh_token: str | None
    device_token: str | None
    expires_at: datetime
    viewer: Viewer


@dataclass(frozen=True, slots=True)
class TotpRequired:
    """The password was right; a code completes it. The challenge opens nothing by itself."""

    challenge: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TotpEnrolment:
    """A secret that waits for its first code; shown this once."""

    secret: str
    otpauth_uri: str
    qr_code_svg: str


@dataclass(frozen=True, slots=True)
class RecoveryCodes:
    """Codes that each stand in for the authenticator once; shown this once."""

    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TotpDisabled:
    """The second factor is off."""

    disabled_at: datetime


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """A new password counts."""

    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Registered:
    """What everyone is answered who registers: a letter is on its way to this address."""

    email: str


@dataclass(frozen=True, slots=True)
class EmailVerified:
    """The address has been proven."""

    email: str


@dataclass(frozen=True, slots=True)
class EmailChangeRequested:
    """A letter is on its way to this address; whether it is taken is not told."""

    new_email: str


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new role or processor token. `token` is the secret and is shown once."""

    id: str
    token: str
    role: Role
    processor: Processor | None
    expires_at: datetime
