"""The codes of GraphQL errors: when each occurs and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from models.vocabulary import ForbiddenReason


class ErrorCode(StrEnum):
    """The value of `extensions.code` of an error."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    INVALID_CURSOR = "INVALID_CURSOR"
    RATE_LIMITED = "RATE_LIMITED"
    NOT_RECORDED = "NOT_RECORDED"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    PERSISTED_QUERY_NOT_IN_LIST = "PERSISTED_QUERY_NOT_IN_LIST"
    PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"


@dataclass(frozen=True, slots=True)
class ErrorText:
    """The HTTP statuses of the answers that contain the error, when it occurs, and the remedy."""

    statuses: tuple[int, ...]
    occurs: str
    remedy: str


ERRORS: Final[Mapping[ErrorCode, ErrorText]] = {
    ErrorCode.UNAUTHENTICATED: ErrorText(
        (401, 200),
        "The token is unknown, expired or revoked, or a browser's access cookie has expired. With 200, the token ended "
        "during the request.",
        "Sign in again, or call `refreshSession`. To act as a visitor, send no token.",
    ),
    ErrorCode.FORBIDDEN: ErrorText(
        (200, 403),
        "The caller may not use this root field, for `extensions.reason`. With 403, another site may have sent the "
        "cookies.",
        "See the reasons below. In a browser, send `X-ConsentQL-Client: browser` from an allowed origin.",
    ),
    ErrorCode.BAD_USER_INPUT: ErrorText(
        (200, 400, 404, 405, 406, 408, 413, 415, 431),
        "An argument, a variable or the request itself is invalid.",
        "Correct the input that `extensions.argument` names. Without `argument`, see the status below.",
    ),
    ErrorCode.INVALID_CURSOR: ErrorText(
        (200,),
        "`after` or `before` is not a cursor that this caller received for these arguments.",
        "Start again without the cursor, and do not change the other arguments between pages.",
    ),
    ErrorCode.RATE_LIMITED: ErrorText(
        (200, 429),
        "The caller repeats an operation too often, other requests are changing the same records, or the caller sends "
        "too many requests (429).",
        "Wait `extensions.retryAfterSeconds`, or the seconds in the header `Retry-After`.",
    ),
    ErrorCode.NOT_RECORDED: ErrorText(
        (200,),
        "The ledger could not record the disclosure, so the root field is null.",
        "Repeat the query. If it fails again, tell the operator.",
    ),
    ErrorCode.UNAVAILABLE: ErrorText(
        (200, 503),
        "The service cannot answer now: it is overloaded, or its database is unavailable, read-only or full. With "
        "200, other fields have an answer, or `extensions.outcome` is `unknown`.",
        "Wait `extensions.retryAfterSeconds`, or the seconds in the header `Retry-After`. If the outcome is "
        "`unknown`, see below.",
    ),
    ErrorCode.INTERNAL: ErrorText(
        (200, 500),
        "The server failed. The log has the same `extensions.id`, and the answer contains nothing else.",
        "Repeat the request. If it fails again, send the id to the operator.",
    ),
    ErrorCode.GRAPHQL_PARSE_FAILED: ErrorText(
        (400,),
        "The document is not valid GraphQL, or has too many tokens.",
        "Correct the document at the line and column that the message names.",
    ),
    ErrorCode.GRAPHQL_VALIDATION_FAILED: ErrorText(
        (400,),
        "The document does not fit the schema or exceeds a limit, or `operationName` names no operation in it.",
        "Correct the document. Regenerate the client's types if the schema changed.",
    ),
    ErrorCode.PERSISTED_QUERY_NOT_FOUND: ErrorText(
        (400,),
        "The list of trusted documents does not have this id (`prefer`).",
        "Send the text of the document. Apollo's `PersistedQueryLink` and urql's `persistedExchange` do so.",
    ),
    ErrorCode.PERSISTED_QUERY_NOT_IN_LIST: ErrorText(
        (400,),
        "The server runs only trusted documents (`only`), and the list does not have this id or text.",
        "Ask the operator to serve the list of this version of the client.",
    ),
    ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED: ErrorText(
        (400,),
        "The server has no trusted documents (`off`), and the request has an id but no text.",
        "Send the text of the document. Apollo's `PersistedQueryLink` and urql's `persistedExchange` do so.",
    ),
}


@dataclass(frozen=True, slots=True)
class ForbiddenText:
    """The sentence of the error, when the reason applies, and the remedy."""

    sentence: str
    occurs: str
    remedy: str


FORBIDDEN_REASONS: Final[Mapping[ForbiddenReason, ForbiddenText]] = {
    ForbiddenReason.ROLE: ForbiddenText(
        "Your role may not read or do this.",
        "No caller of this role may use the field.",
        "Use a token of a role that may.",
    ),
    ForbiddenReason.EMAIL_NOT_VERIFIED: ForbiddenText(
        "Verify your e-mail address first.",
        "The member's e-mail address is not verified.",
        "Use the link in the letter.",
    ),
    ForbiddenReason.RESTRICTED: ForbiddenText(
        "You restricted the processing of your data. Lift the restriction first.",
        "The member restricted the processing of their data.",
        "Call `liftRestriction`.",
    ),
    ForbiddenReason.LEAVING: ForbiddenText(
        "Your account will be erased. Cancel the erasure first.",
        "The member requested the erasure of their account.",
        "Call `cancelErasure`.",
    ),
}

if missing := set(ErrorCode) - ERRORS.keys():
    raise AssertionError(f"ERRORS does not describe {', '.join(sorted(missing))}")
if unnamed := set(ForbiddenReason) - FORBIDDEN_REASONS.keys():
    raise AssertionError(f"FORBIDDEN_REASONS does not describe {', '.join(sorted(unnamed))}")
