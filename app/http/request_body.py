"""Reads the body of a GraphQL request, or raises an error with an HTTP status."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request

from app.http import strict_json
from app.http.media_types import GRAPHQL_RESPONSE, JSON, accepted_type
from permissions.error_codes import ErrorCode
from permissions.graphql.document_demand import MOST_VALUES

MAX_BYTES: Final = 64 * 1024
TIMEOUT_SECONDS: Final = 10
"""How long a body may take to arrive. Without this limit a slow client could hold a connection forever."""
MAX_ID_LENGTH: Final = 128
DOCUMENT_ID: Final = "documentId"
PERSISTED_QUERY: Final = "extensions.persistedQuery"
JSON_TYPES: Final = frozenset({JSON})


class RequestError(Exception):
    """A request that cannot be executed: an HTTP status, a message, the argument at fault and a code."""

    def __init__(self, status: int, message: str, argument: str | None = None, code: ErrorCode | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.argument = argument
        self.code = code or (ErrorCode.FORBIDDEN if status == 403 else ErrorCode.BAD_USER_INPUT)


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """One GraphQL request: the text of a document, the id of a trusted one, or both."""

    query: str | None
    variables: dict[str, Any] | None
    operation_name: str | None
    document_id: str | None = None


def response_type(request: Request) -> str:
    """The media type of the answer. Raises RequestError if the client accepts none."""
    accepted = accepted_type(request.headers)
    if accepted is None:
        raise RequestError(406, f"Accept {JSON} or {GRAPHQL_RESPONSE}.")
    return accepted


async def read_request(request: Request) -> GraphQLRequest:
    """Reads the request. Media type, content coding and size are checked before the body is parsed."""
    media_type, _, options = ",".join(request.headers.getlist("content-type")).partition(";")
    if media_type.strip().lower() not in JSON_TYPES or not _is_utf8(options):
        raise RequestError(415, "Send `Content-Type: application/json` in UTF-8.")
    if any(coding.strip().lower() not in ("", "identity") for coding in request.headers.getlist("content-encoding")):
        raise RequestError(415, "Send the body without a content coding.")
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            body = await _body(request)
    except TimeoutError:
        raise RequestError(408, f"The body did not arrive within {TIMEOUT_SECONDS} seconds.") from None
    except ClientDisconnect:
        raise RequestError(400, "The body ended before its announced length.") from None
    return _graphql_request(_json(body))


def _is_utf8(options: str) -> bool:
    named = [part.strip().lower() for part in options.split(";") if "charset" in part.lower()]
    return all(part in ("charset=utf-8", 'charset="utf-8"') for part in named)


async def _body(request: Request) -> bytes:
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or len(length) > 12 or int(length) > MAX_BYTES:
        raise RequestError(413, f"The body must have at most {MAX_BYTES} bytes.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise RequestError(413, f"The body must have at most {MAX_BYTES} bytes.")
    return bytes(body)


def _json(body: bytes) -> Any:
    try:
        return strict_json.parse(body)
    except ValueError:
        raise RequestError(400, "The body is not valid JSON, repeats a key or has a number that is too long.") from None


def _graphql_request(body: Any) -> GraphQLRequest:
    if not isinstance(body, dict):
        raise RequestError(400, "The body must be one JSON object. Batches are not supported.")
    query, variables, name = body.get("query"), body.get("variables"), body.get("operationName")
    id = _document_id(body)
    if (query is not None and not isinstance(query, str)) or (id is None and not (query or "").strip()):
        raise RequestError(400, "`query` must be the text of a document.", "query")
    if variables is not None and not isinstance(variables, dict):
        raise RequestError(400, "`variables` must be an object or null.", "variables")
    if _has_more_values(variables or {}, MOST_VALUES):
        raise RequestError(
            400, f"`variables` may contain at most {MOST_VALUES:,} values, nested ones too.", "variables"
        )
    if name is not None and not isinstance(name, str):
        raise RequestError(400, "`operationName` must be a string or null.", "operationName")
    return GraphQLRequest(query or None, variables, name, id)


def _has_more_values(value: Any, most: int) -> bool:
    """Whether the items of lists and the fields of objects in a value, at every depth, are more than this many."""
    waiting, found = [value], 0
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict | list):
            found += len(each)
            if found > most:
                return True
            waiting.extend(each.values() if isinstance(each, dict) else each)
    return False


def _document_id(body: dict[str, Any]) -> str | None:
    """The id of the document that the request asks for, or None if it names none."""
    extensions = body.get("extensions")
    if extensions is not None and not isinstance(extensions, dict):
        raise RequestError(400, "`extensions` must be an object or null.", "extensions")
    persisted = (extensions or {}).get("persistedQuery")
    if persisted is not None and not isinstance(persisted, dict):
        raise RequestError(400, "`extensions.persistedQuery` must be an object or null.", PERSISTED_QUERY)
    digest = None if persisted is None else persisted.get("sha256Hash", "")
    ids = {DOCUMENT_ID: body.get(DOCUMENT_ID), f"{PERSISTED_QUERY}.sha256Hash": digest}
    given = {name: id for name, id in ids.items() if id is not None}
    for name, id in given.items():
        if not isinstance(id, str) or not 1 <= len(id) <= MAX_ID_LENGTH:
            raise RequestError(400, f"`{name}` must be a text of 1 to {MAX_ID_LENGTH} characters.", name)
    if len(set(given.values())) > 1:
        raise RequestError(400, f"`{DOCUMENT_ID}` and `{PERSISTED_QUERY}` name different documents.", DOCUMENT_ID)
    return next(iter(given.values()), None)
