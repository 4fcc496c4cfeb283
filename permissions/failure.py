"""What goes wrong as a GraphQL error: a code for machines, a sentence for people, never a value."""

from collections.abc import Sequence
from typing import Any, Final

from graphql import GraphQLError

from permissions.error_codes import ErrorCode

UNKNOWN_TOKEN: Final = "The token is unknown, expired or revoked."  # noqa: S105  # a sentence
AUTHENTICATOR_FIRST: Final = (
    "A recovery code began this session; set up an authenticator anew, or sign in with a code of it."
)


class Failure(GraphQLError):
    """An error that the client may see; everything else is masked."""


def forbidden(path: Sequence[str | int] | None = None, **named: str) -> Failure:
    """This role never may, whatever is stored."""
    return Failure("Your role may not read or do this.", path=path, extensions={"code": ErrorCode.FORBIDDEN, **named})


def gone() -> Failure:
    """The caller was erased while they asked; their token is known no more."""
    return Failure(UNKNOWN_TOKEN, extensions={"code": ErrorCode.UNAUTHENTICATED})


def bad_input(argument: str, message: str) -> Failure:
    """An argument that no caller may send."""
    return Failure(message, extensions={"code": ErrorCode.BAD_USER_INPUT, "argument": argument})


def invalid_cursor(argument: str) -> Failure:
    """A cursor that this server did not give to this caller for these arguments."""
    message = f"`{argument}` is not a cursor that was given to you for these arguments."
    return Failure(message, extensions={"code": ErrorCode.INVALID_CURSOR, "argument": argument})


def not_recorded() -> Failure:
    """A reading that could not be entered in the ledger is not shown."""
    sentence = "The reading could not be recorded, so nothing is shown."
    return Failure(sentence, extensions={"code": ErrorCode.NOT_RECORDED})


def rate_limited(seconds: int) -> Failure:
    """Too often; `retryAfterSeconds` says when it may be tried again."""
    extensions: dict[str, Any] = {"code": ErrorCode.RATE_LIMITED, "retryAfterSeconds": seconds}
    return Failure("Too many requests of this kind.", extensions=extensions)


def authenticator_first() -> Failure:
    """What a session may not that a recovery code began."""
    return Failure(AUTHENTICATOR_FIRST, extensions={"code": ErrorCode.FORBIDDEN})


def too_large() -> Failure:
    """An answer that nobody can be given in one piece."""
    sentence = "The document is too large for an answer; the operator writes it on request (`consentql export`)."
    return Failure(sentence, extensions={"code": ErrorCode.BAD_USER_INPUT})
