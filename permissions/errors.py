"""Errors that a client receives: a code, a sentence for people, and never a value."""

from typing import Any, Final

from graphql import GraphQLError

from models.connections.unavailable import RETRY_SECONDS
from models.vocabulary import ForbiddenReason
from permissions.error_codes import FORBIDDEN_REASONS, ErrorCode

UNKNOWN_TOKEN: Final = "The token is unknown, expired or revoked."  # noqa: S105  # a sentence
LAPSED_SESSION: Final = "The access token of this session has expired. Call `refreshSession`."
AUTHENTICATOR_REQUIRED: Final = (
    "This session began with a recovery code. Set up an authenticator, or sign in with its code."
)
LOCK_NOT_FREE: Final = "Someone else is changing the same records. Repeat the request in a moment."
LOCK_RETRY_SECONDS: Final = 1
UNAVAILABLE: Final = "The service cannot answer now. Repeat the request in a moment."
OUTCOME_UNKNOWN: Final = "The connection to the database was lost. The change may or may not have taken effect."
UNKNOWN: Final = "unknown"
"""The value of `extensions.outcome` if a change may or may not have taken effect."""


class ApiError(GraphQLError):
    """An error that the client may see. Every other error is masked."""


class RoleEnded(ApiError):
    """The staff role of the caller ended after the request began."""

    def __init__(self) -> None:
        reason = ForbiddenReason.ROLE
        extensions = {"code": ErrorCode.FORBIDDEN, "reason": reason.value}
        super().__init__(FORBIDDEN_REASONS[reason].sentence, extensions=extensions)


class LockNotFree(ApiError):
    """Other transactions held a lock for too long. Nothing was changed or shown."""

    def __init__(self) -> None:
        extensions: dict[str, Any] = {"code": ErrorCode.RATE_LIMITED, "retryAfterSeconds": LOCK_RETRY_SECONDS}
        super().__init__(LOCK_NOT_FREE, extensions=extensions)


def forbidden(reason: ForbiddenReason) -> ApiError:
    """The caller may not use this root field, for a reason that depends only on the caller."""
    extensions = {"code": ErrorCode.FORBIDDEN, "reason": reason.value}
    return ApiError(FORBIDDEN_REASONS[reason].sentence, extensions=extensions)


def unknown_token() -> ApiError:
    """The caller's token or session ended, or the account was erased, during the request."""
    return ApiError(UNKNOWN_TOKEN, extensions={"code": ErrorCode.UNAUTHENTICATED})


def lapsed_session() -> ApiError:
    """A browser sent only its refresh cookie, and the document needs a session."""
    return ApiError(LAPSED_SESSION, extensions={"code": ErrorCode.UNAUTHENTICATED})


def bad_input(argument: str, message: str) -> ApiError:
    """An argument has a value that no caller may send."""
    return ApiError(message, extensions={"code": ErrorCode.BAD_USER_INPUT, "argument": argument})


def invalid_cursor(argument: str) -> ApiError:
    """The cursor was not issued to this caller for these arguments."""
    message = f"`{argument}` is not a cursor that you received for these arguments."
    return ApiError(message, extensions={"code": ErrorCode.INVALID_CURSOR, "argument": argument})


def unavailable(*, outcome_unknown: bool = False) -> ApiError:
    """The database cannot answer now. If the outcome is unknown, the client does not learn when to try again."""
    extensions: dict[str, Any] = {"code": ErrorCode.UNAVAILABLE}
    if outcome_unknown:
        return ApiError(OUTCOME_UNKNOWN, extensions={**extensions, "outcome": UNKNOWN})
    return ApiError(UNAVAILABLE, extensions={**extensions, "retryAfterSeconds": RETRY_SECONDS})


def not_recorded() -> ApiError:
    """The ledger could not record the disclosure, so the answer has no data."""
    sentence = "The ledger could not record this disclosure, so no data is shown. Repeat the query."
    return ApiError(sentence, extensions={"code": ErrorCode.NOT_RECORDED})


def rate_limited(seconds: int) -> ApiError:
    """The caller exceeds a rate limit. `retryAfterSeconds` is the time to wait."""
    extensions: dict[str, Any] = {"code": ErrorCode.RATE_LIMITED, "retryAfterSeconds": seconds}
    return ApiError("Too many requests of this kind. Wait `retryAfterSeconds`.", extensions=extensions)


def authenticator_required() -> ApiError:
    """The session began with a recovery code, which does not allow this operation."""
    return ApiError(AUTHENTICATOR_REQUIRED, extensions={"code": ErrorCode.FORBIDDEN})


def export_too_large() -> ApiError:
    """The export is too large for one answer."""
    sentence = "The document is too large for an answer. Ask the operator to write it with `consentql export`."
    return ApiError(sentence, extensions={"code": ErrorCode.BAD_USER_INPUT})
