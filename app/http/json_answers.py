"""JSON answers to HTTP requests, and errors in the form that GraphQL gives them."""

from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from app.http.media_types import JSON, error_type
from permissions.error_codes import ErrorCode

WRONG_METHOD: Final = "Send operations to `/graphql` by POST."
READ_METHODS: Final = ["GET", "HEAD"]
"""The methods of a route that only reads."""


def json_response(content: Any, status: int, media_type: str = JSON, **headers: str) -> Response:
    """A response with this content as JSON."""
    return Response(orjson.dumps(content), status, headers or None, media_type)


def error_response(
    request: Request, status: int, code: ErrorCode, message: str, argument: str | None = None, **headers: str
) -> Response:
    """An error response for a request that was not executed as an operation, in the media type that it accepts."""
    extensions = {"code": code} if argument is None else {"code": code, "argument": argument}
    return json_response(
        {"errors": [{"message": message, "extensions": extensions}]}, status, error_type(request.headers), **headers
    )
