"""What goes wrong as a GraphQL error: a code for machines, a sentence for people, never a value."""

from collections.abc import Sequence
from typing import Any, Final

from graphql import GraphQLError

from permissions.error_codes import ErrorCode

UNKNOWN_TOKEN: Final = "The token is unknown, expired or revoked."  # noqa: S105  # a sentence
AUTHENTICATOR_REQUIRED: Final = (
    "A recovery code began this session; set up an authenticator anew, or sign in with a code of it."
)


class ApiError(GraphQLError):
    """An error that the client may see; everything else is masked."""


def forbidden(path: Sequence[str | int] | None = None, **named: str) -> ApiError:
    """This role never may, whatever is stored."""
    return ApiError("Your role may not read or do this.", path=path, extensions={"code": ErrorCode.FORBIDDEN, **named})


def unknown_token() -> ApiError:
    """The caller was erased while they asked; their token is known no more."""
    return ApiError(UNKNOWN_TOKEN, extensions={"code": ErrorCode.UNAUTHENTICATED})


def bad_input(argument: str, message: str) -> ApiError:
    """An argument that no caller may send."""
    return ApiError(message, extensions={"code": ErrorCode.BAD_USER_INPUT, "argument": argument})


def invalid_cursor(argument: str) -> ApiError:
    """A cursor that this server did not give to this caller for these arguments."""
    message = f"`{argument}` is not a cursor that was given to you for these arguments."
    return ApiError(message, extensions={"code": ErrorCode.INVALID_CURSOR, "argument": argument})


def not_recorded() -> ApiError:
    """A reading that could not be entered in the ledger is not shown."""
    sentence = "The reading could not be recorded, so nothing is shown."
    return ApiError(sentence, extensions={"code": ErrorCode.NOT_RECORDED})


def rate_limited(seconds: int) -> ApiError:
    """Too often; `retryAfterSeconds` says when it may be tried again."""
    extensions: dict[str, Any] = {"code": ErrorCode.RATE_LIMITED, "retryAfterSeconds": seconds}
    return ApiError("Too many requests of this kind.", extensions=extensions)


def authenticator_required() -> ApiError:
    """What a session may not that a recovery code began."""
    return ApiError(AUTHENTICATOR_REQUIRED, extensions={"code": ErrorCode.FORBIDDEN})


def export_too_large() -> ApiError:
    """An answer that nobody can be given in one piece."""
    sentence = "The document is too large for an answer; the operator writes it on request (`consentql export`)."
    return ApiError(sentence, extensions={"code": ErrorCode.BAD_USER_INPUT})
