"""Documents, mailed tokens and an authenticator app for tests of sign-in."""

from datetime import timedelta
from functools import cache
from typing import Any

import pyotp
from sqlalchemy import func, or_, select

from models.letters import LinkUse
from models.tables import ACCOUNTS, MAILED_TOKENS, OUTBOX
from models.tokens.mailed_tokens import SENT_UNVERIFIED, stored_mailed_token
from permissions.graphql.root_field_rules import CREDENTIAL_FIELDS
from permissions.version_numbers import current_version
from schema.build import build
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
CHANGE_EMAIL = f"""mutation ($e: String!, $p: String!, $c: String) {{
  changeEmail(newEmail: $e, password: $p, code: $c) {{
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
    """The answer to `login`."""
    return (await world.data(LOGIN, None, {"input": {"email": email, "password": password, **more}}))["login"]


async def complete_login(world: World, challenge: str, code: str, **more: Any) -> Any:
    """The answer to `completeLogin`."""
    variables = {"input": {"challenge": challenge, "code": code, **more}}
    return (await world.data(COMPLETE, None, variables))["completeLogin"]


async def refresh_session(world: World, token: str | None) -> Any:
    """The answer to `refreshSession`."""
    return (await world.data(REFRESH, None, {"t": token}))["refreshSession"]


def registration_input(email: str, **more: Any) -> dict[str, Any]:
    """A valid input of `register`."""
    return {"email": email, "password": STRONG, "consents": [], "policyVersion": current_version().name, **more}


async def register(world: World, email: str, **more: Any) -> Any:
    """The answer to `register`."""
    return (await world.data(REGISTER, None, {"input": registration_input(email, **more)}))["register"]


async def verify_email(world: World, link: str, session: str | None = None) -> Any:
    """The answer to `verifyEmail`."""
    return (await world.data(VERIFY, session, {"t": link}))["verifyEmail"]


async def reset_password(world: World, link: str, password: str = OTHER) -> Any:
    """The answer to `resetPassword`."""
    return (await world.data(RESET, None, {"t": link, "p": password}))["resetPassword"]


async def new_member(world: World, email: str = "p@example.org") -> tuple[str, str]:
    """Stores a person with a password and signs them in. Returns their id and access token."""
    id, session = await new_session(world, email)
    return id, session["accessToken"]


async def new_session(world: World, email: str = "p@example.org") -> tuple[str, Any]:
    """Stores a person with a password and signs them in. Returns their id and the answer to `login`."""
    id = await world.person(email, password=STRONG)
    return id, await sign_in(world, email)


async def token_status(world: World, token: str) -> int:
    """The HTTP status of a request with this token."""
    return (await world.post(VIEWER, token)).status_code


async def new_challenge(world: World, email: str = "p@example.org") -> str:
    """The challenge of a new login."""
    answer = await sign_in(world, email)
    assert answer["__typename"] == "TotpRequired", answer
    return str(answer["challenge"])


async def count_rows(world: World, table: Any) -> int:
    """How many rows a table has."""
    async with world.services.database.reading() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


@cache
def credential_arguments() -> dict[str, tuple[str, dict[str, str]]]:
    """The mutations that take a credential, each with its selection and the types of its arguments."""
    mutation: Any = build().graphql.type_map["Mutation"]
    found = {}
    for name in sorted(CREDENTIAL_FIELDS):
        field = mutation.fields[name]
        selection = "" if str(field.type) == "Boolean" else "{ __typename }"
        found[name] = (selection, {each: str(argument.type) for each, argument in field.args.items()})
    return found


async def mailed_tokens(world: World, use: LinkUse) -> list[str]:
    """The tokens in mailed links of this use, newest first."""
    newest = select(MAILED_TOKENS).join(ACCOUNTS, ACCOUNTS.c.id == MAILED_TOKENS.c.subject_id)
    newest = newest.where(MAILED_TOKENS.c.use == use.value).order_by(MAILED_TOKENS.c.made_at.desc())
    async with world.services.database.reading() as connection:
        rows = (await connection.execute(newest)).all()
    return [str(stored_mailed_token(world.services.keys, row.id, row.digest)) for row in rows]


async def letters(world: World, subject_id: str | None = None) -> list[str]:
    """The e-mails in the outbox that have a recipient, oldest first."""
    allowed = or_(ACCOUNTS.c.email_verified, OUTBOX.c.notice.in_([notice.value for notice in SENT_UNVERIFIED]))
    written = select(OUTBOX.c.notice).join(ACCOUNTS, ACCOUNTS.c.id == OUTBOX.c.subject_id)
    written = written.where(allowed).order_by(OUTBOX.c.written_at)
    if subject_id:
        written = written.where(OUTBOX.c.subject_id == subject_id)
    async with world.services.database.reading() as connection:
        return list((await connection.execute(written)).scalars())


class AuthenticatorApp:
    """An authenticator app by the clock of the world."""

    def __init__(self, world: World, secret: str) -> None:
        self.world = world
        self.totp = pyotp.TOTP(secret)

    def code(self, steps: int = 0) -> str:
        """The code that the app shows this many steps from now."""
        return self.totp.at(self.world.services.now(), counter_offset=steps)


async def enrol_authenticator(world: World, token: str, password: str = STRONG) -> tuple[AuthenticatorApp, list[str]]:
    """Turns two-factor sign-in on for the member of a session. Returns the app and the recovery codes."""
    enrolment = (await world.data(BEGIN, token, {"p": password}))["beginTotpEnrolment"]
    app = AuthenticatorApp(world, enrolment["secret"])
    codes = (await world.data(CONFIRM, token, {"c": app.code(-1)}))["confirmTotpEnrolment"]["codes"]
    return app, codes


class Clock:
    """The clock of the world, which a test moves forward."""

    def __init__(self, world: World) -> None:
        self.at = world.services.now()
        world.services.now = lambda: self.at

    def forward(self, **more: float) -> None:
        """Moves the clock forward."""
        self.at += timedelta(**more)
