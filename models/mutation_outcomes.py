"""Results of mutations: the change that was made, or a refusal."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from models.vocabulary import ConsentStatus, ConsentWait, Processor, Purpose, RefusalCode, Role


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal. Nothing was changed."""

    code: RefusalCode
    message: str
    field: str | None = None
    retry_after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class ConsentState:
    """The state of one purpose for one subject."""

    purpose: Purpose
    granted: bool
    status: ConsentStatus
    withdrawable: bool
    policy_version: str | None = None
    since: datetime | None = None
    erases_at: datetime | None = None
    waits_for: ConsentWait | None = None


@dataclass(frozen=True, slots=True)
class ConsentEntry:
    """A consent record with its receipt."""

    id: str
    purpose: Purpose
    granted: bool
    policy_version: str
    recorded_at: datetime
    source: str
    receipt: str


@dataclass(frozen=True, slots=True)
class ConsentChanged:
    """The committed consent change, or the unchanged state if nothing had to change."""

    record: ConsentEntry
    consents: tuple[ConsentState, ...]


@dataclass(frozen=True, slots=True)
class ProfileUpdated:
    """The caller's record after a committed change."""

    user: Any


@dataclass(frozen=True, slots=True)
class SessionState:
    """A member's session, without its tokens."""

    id: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime
    client: str | None
    current: bool


@dataclass(frozen=True, slots=True)
class Viewer:
    """The caller, as their token says. An error takes the place of a part if the token has ended."""

    id: str
    role: Role
    user: Any = None
    session: SessionState | Exception | None = None
    expires_at: datetime | Exception | None = None
    processor: Processor | Exception | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that began or was extended, with its new tokens. A browser receives them only as cookies."""

    access_token: str | None
    refresh_token: str | None
    device_token: str | None
    expires_at: datetime
    viewer: Viewer


@dataclass(frozen=True, slots=True)
class TotpRequired:
    """The password was right and a code is required. The challenge gives no access."""

    challenge: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TotpEnrolment:
    """A new TOTP secret that waits for its first code. It is shown only once."""

    secret: str
    otpauth_uri: str
    qr_code_svg: str


@dataclass(frozen=True, slots=True)
class RecoveryCodes:
    """Recovery codes. Each replaces the authenticator once. They are shown only once."""

    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TotpDisabled:
    """Two-factor sign-in is off."""

    disabled_at: datetime


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """The new password is in effect."""

    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Registered:
    """A letter was queued to this address. The answer is the same if the address is taken."""

    email: str


@dataclass(frozen=True, slots=True)
class EmailVerified:
    """The address is verified."""

    email: str


@dataclass(frozen=True, slots=True)
class EmailChangeRequested:
    """A letter was queued to this address. The answer is the same if the address is taken."""

    new_email: str


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new role or processor token. `token` is the secret and is shown once."""

    id: str
    token: str
    role: Role
    processor: Processor | None
    expires_at: datetime
