"""Validates a sign-in request."""

from dataclasses import dataclass
from typing import Final

from models.email_address import lookup_address
from models.mutation_outcomes import Refused
from models.vocabulary import RefusalCode, TokenTransport
from resolvers.context import Context
from resolvers.hashing.password_hash import MAX_PASSWORD_BYTES, is_too_long
from resolvers.inputs import LoginInput
from resolvers.validation.free_text import InvalidValue, clean_line

NOT_A_BROWSER: Final = Refused(
    RefusalCode.INVALID_INPUT, "COOKIE needs the header `X-ConsentQL-Client: browser`.", "input.transport"
)
OTHER_SITE: Final = Refused(
    RefusalCode.INVALID_INPUT,
    "COOKIE does not work on a page of another site, because browsers drop its cookies. Sign in on a page of this "
    "service's own site, or use BEARER.",
    "input.transport",
)


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """A validated sign-in request. An invalid address is empty, which no account has."""

    email: str
    password: str
    transport: TokenTransport
    client: str | None
    token: str | None
    is_locked: bool = False


def parse_attempt(context: Context, input: LoginInput) -> LoginAttempt | Refused:
    """Returns the attempt, or refuses an invalid input."""
    transport = input.transport or TokenTransport.BEARER
    if transport is TokenTransport.COOKIE and not context.cookies.from_browser:
        return NOT_A_BROWSER
    if transport is TokenTransport.COOKIE and context.cookies.cross_site:
        return OTHER_SITE
    try:
        client = clean_line("client", input.client or None, 100)
    except InvalidValue as problem:
        return Refused(RefusalCode.INVALID_INPUT, f"`client` {problem.reason}.", "input.client")
    if is_too_long(input.password):
        return Refused(
            RefusalCode.INVALID_INPUT, f"`password` must have at most {MAX_PASSWORD_BYTES:,} bytes.", "input.password"
        )
    email = lookup_address(input.email)
    return LoginAttempt(email, input.password, transport, client, input.device_token or context.cookies.device)
