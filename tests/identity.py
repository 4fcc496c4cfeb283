"""What the laws of identity share: documents, mailed tokens, and an authenticator app."""

from datetime import timedelta
from typing import Any

import pyotp
from sqlalchemy import select

from models.tables import MAILED_TOKENS, OUTBOX
from models.tokens.mailed_tokens import stored_mailed_token
from models.vocabulary import LinkUse
from permissions.version_numbers import current_version
from tests.world import World

STRONG = "violet tractor sings 19 hymns"
OTHER = "marble kite over nine harbours"
SIGNED_IN = """... on SignedIn { accessToken refreshToken deviceToken expiresAt
  viewer { role user { id } session { id expiresAt client } } }"""
REFUSED = "... on Refusal { code field message retryAfterSeconds }"
LOGIN = f"""mutation ($input: LoginInput!) {{ login(input: $input) {{ __typename {SIGNED_IN} {REFUSED}
  ... on TotpRequired {{ challenge expiresAt }} }} }}"""
COMPLETE = f"""mutation ($input: CompleteLoginInput!) {{ completeLogin(input: $input) {{
  __typename {SIGNED_IN} {REFUSED} }} }}"""
REFRESH = f"mutation ($t: String) {{ refreshSession(refreshToken: $t) {{ __typename {SIGNED_IN} {REFUSED} }} }}"
REGISTER = f"""mutation ($input: RegisterInput!) {{ register(input: $input) {{
  ... on Registered {{ email }} {REFUSED} }} }}"""
VERIFY = f"mutation ($t: String!) {{ verifyEmail(token: $t) {{ ... on EmailVerified {{ email }} {REFUSED} }} }}"
ASK_RESET = "mutation ($e: String!) { requestPasswordReset(email: $e) }"
RESET = f"""mutation ($t: String!, $p: String!) {{ resetPassword(token: $t, newPassword: $p) {{
  ... on PasswordChanged {{ changedAt }} {REFUSED} }} }}"""
CHANGE = f"""mutation ($input: ChangePasswordInput!) {{ changePassword(input: $input) {{
  ... on PasswordChanged {{ changedAt }} {REFUSED} }} }}"""
CHANGE_EMAIL = f"""mutation ($e: String!, $p: String!) {{ changeEmail(newEmail: $e, password: $p) {{
  ... on EmailChangeRequested {{ newEmail }} {REFUSED} }} }}"""
BEGIN = f"""mutation ($p: String!) {{ beginTotpEnrolment(password: $p) {{
  ... on TotpEnrolment {{ secret otpauthUri qrCodeSvg }} {REFUSED} }} }}"""
CONFIRM = (
    f"mutation ($c: String!) {{ confirmTotpEnrolment(code: $c) {{ ... on RecoveryCodes {{ codes }} {REFUSED} }} }}"
)
DISABLE = f"""mutation ($p: String!, $c: String!) {{ disableTotp(password: $p, code: $c) {{
  ... on TotpDisabled {{ disabledAt }} {REFUSED} }} }}"""
REGENERATE = f"""mutation ($p: String!, $c: String!) {{ regenerateRecoveryCodes(password: $p, code: $c) {{
  ... on RecoveryCodes {{ codes }} {REFUSED} }} }}"""
ROLE_TOKEN = f"""mutation ($input: IssueRoleTokenInput!) {{ issueRoleToken(input: $input) {{
  ... on RoleToken {{ id token role expiresAt }} {REFUSED} }} }}"""
VIEWER = "{ viewer { role expiresAt user { id } session { id } } }"


async def sign_in(world: World, email: str, password: str = STRONG, **more: Any) -> Any:
    """What `login` answers."""
    return (await world.data(LOGIN, None, {"input": {"email": email, "password": password, **more}}))["login"]


async def complete_login(world: World, challenge: str, code: str, **more: Any) -> Any:
    """What `completeLogin` answers."""
    given = {"input": {"challenge": challenge, "code": code, **more}}
    return (await world.data(COMPLETE, None, given))["completeLogin"]


async def refresh_session(world: World, token: str | None) -> Any:
    """What `refreshSession` answers."""
    return (await world.data(REFRESH, None, {"t": token}))["refreshSession"]


def registration_input(email: str, **more: Any) -> dict[str, Any]:
    """An input of `register` that is accepted."""
    return {"email": email, "password": STRONG, "consents": [], "policyVersion": current_version().name, **more}


async def register(world: World, email: str, **more: Any) -> Any:
    """What `register` answers."""
    return (await world.data(REGISTER, None, {"input": registration_input(email, **more)}))["register"]


async def mailed_tokens(world: World, use: LinkUse) -> list[str]:
    """The tokens of this use that are in letters' links, newest first."""
    newest = select(MAILED_TOKENS).where(MAILED_TOKENS.c.use == use.value).order_by(MAILED_TOKENS.c.made_at.desc())
    async with world.services.database.reading() as connection:
        rows = (await connection.execute(newest)).all()
    return [str(stored_mailed_token(world.services.keys, row.id, row.digest)) for row in rows]


async def letters(world: World, subject_id: str | None = None) -> list[str]:
    """The notices that were written, oldest first."""
    written = select(OUTBOX.c.notice).order_by(OUTBOX.c.written_at)
    if subject_id:
        written = written.where(OUTBOX.c.subject_id == subject_id)
    async with world.services.database.reading() as connection:
        return list((await connection.execute(written)).scalars())


class AuthenticatorApp:
    """An authenticator app on a clock of its own, which each code moves on by a step."""

    def __init__(self, world: World, secret: str) -> None:
        self.world = world
        self.totp = pyotp.TOTP(secret)

    def code(self, steps: int = 0) -> str:
        """The code that it shows so many steps from now."""
        return self.totp.at(self.world.services.now(), counter_offset=steps)


async def enrol_authenticator(world: World, token: str, password: str = STRONG) -> tuple[AuthenticatorApp, list[str]]:
    """Switches the second factor on for a session's member: the app, and the recovery codes."""
    begun = (await world.data(BEGIN, token, {"p": password}))["beginTotpEnrolment"]
    app = AuthenticatorApp(world, begun["secret"])
    codes = (await world.data(CONFIRM, token, {"c": app.code(-1)}))["confirmTotpEnrolment"]["codes"]
    return app, codes


class Clock:
    """The world's clock, moved by hand."""

    def __init__(self, world: World) -> None:
        self.at = world.services.now()
        world.services.now = lambda: self.at

    def forward(self, **more: float) -> None:
        """Lets time pass."""
        self.at += timedelta(**more)
