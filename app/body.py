"""A request's body as JSON of the one shape that GraphQL over HTTP has, or a reason why not."""

import json
from dataclasses import dataclass
from typing import Any, Final

import orjson
from starlette.requests import Request

LARGEST_BODY: Final = 64 * 1024
JSON_TYPES: Final = frozenset({"application/json"})
RESULT_TYPE: Final = "application/graphql-response+json"


class Unacceptable(Exception):
    """A request that is not answered with GraphQL: an HTTP status and a sentence."""

    def __init__(self, status: int, message: str, argument: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.argument = argument


@dataclass(frozen=True, slots=True)
class Asked:
    """One GraphQL request."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


def answer_type(request: Request) -> str:
    """The media type that the client accepts, the newer one where it says so."""
    accepted = [part.split(";")[0].strip().lower() for part in request.headers.get("accept", "*/*").split(",")]
    if RESULT_TYPE in accepted:
        return RESULT_TYPE
    if {"application/json", "application/*", "*/*", ""} & set(accepted):
        return "application/json"
    raise Unacceptable(406, f"Answers are application/json or {RESULT_TYPE}.")


async def asked(request: Request) -> Asked:
    """Checks type, coding and size before anything is parsed."""
    media_type, _, options = request.headers.get("content-type", "").partition(";")
    if media_type.strip().lower() not in JSON_TYPES or not _is_utf8(options):
        raise Unacceptable(415, "Send application/json in UTF-8.")
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise Unacceptable(415, "Send the body as it is, without a content coding.")
    return _shaped(_parsed(await _body(request)))


def _is_utf8(options: str) -> bool:
    named = [part.strip().lower() for part in options.split(";") if "charset" in part.lower()]
    return all(part in ("charset=utf-8", 'charset="utf-8"') for part in named)


async def _body(request: Request) -> bytes:
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or len(length) > 12 or int(length) > LARGEST_BODY:
        raise Unacceptable(413, f"A body has at most {LARGEST_BODY} bytes.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise Unacceptable(413, f"A body has at most {LARGEST_BODY} bytes.")
    return bytes(body)


def _parsed(body: bytes) -> Any:
    try:
        orjson.loads(body)  # strict: UTF-8, depth, lone surrogates, NaN
        return json.loads(body, object_pairs_hook=_distinct, parse_float=_finite, parse_int=_moderate)
    except (ValueError, RecursionError):
        raise Unacceptable(400, "The body is not JSON that can be read.") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keyed = dict(pairs)
    if len(keyed) != len(pairs):
        raise ValueError("a key stands twice")
    return keyed


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return number


def _moderate(text: str) -> int:
    if len(text) > 40:
        raise ValueError("a number is too long")
    return int(text)


def _shaped(body: Any) -> Asked:
    if not isinstance(body, dict):
        raise Unacceptable(400, "The body is one JSON object; several at once are not taken.")
    query, variables, name = body.get("query"), body.get("variables"), body.get("operationName")
    if not isinstance(query, str) or not query.strip():
        raise Unacceptable(400, "`query` holds the text of a document.", "query")
    if variables is not None and not isinstance(variables, dict):
        raise Unacceptable(400, "`variables` is an object or null.", "variables")
    if name is not None and not isinstance(name, str):
        raise Unacceptable(400, "`operationName` is a text or null.", "operationName")
    if body.get("extensions") is not None and not isinstance(body["extensions"], dict):
        raise Unacceptable(400, "`extensions` is an object or null.", "extensions")
    return Asked(query, variables, name)
