"""The floor under all requests: so many per address, by slowapi, as a dependency of the GraphQL route."""

from collections.abc import Callable
from typing import Any

from fastapi import Request, Response
from slowapi import Limiter
from slowapi.errors import RateLimitExceeded

from app.http.client_address import network_of_request
from app.http.json_answers import error_response
from permissions.error_codes import ErrorCode
from permissions.rate_limits import PER_ADDRESS, PER_ADDRESS_UNSHARED, TIMEOUT_SECONDS


def rate_limit(redis_url: str | None) -> Callable[[Request], None]:
    """A dependency that refuses with 429. It is synchronous, so that Redis is asked off the event loop.

    slowapi finds no endpoint behind an included router and would let everything pass as a middleware; decorating the
    dependency itself is the form that counts.
    """
    _require_counting()
    patience: dict[str, Any] = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), TIMEOUT_SECONDS)
    limiter = Limiter(
        key_func=network_of_request,
        storage_uri=redis_url,
        storage_options=patience if redis_url else {},
        in_memory_fallback=[PER_ADDRESS_UNSHARED] if redis_url else [],
    )

    @limiter.limit(PER_ADDRESS)
    def counted(request: Request) -> None:
        """Counts this request."""

    def counted_anyhow(request: Request) -> None:
        """Counts this request, here where Redis has just been lost."""
        try:
            counted(request)
        except RateLimitExceeded:
            raise
        except Exception:  # noqa: BLE001  # slowapi falls back for the first to notice, and fails for those beside it
            counted(request)

    return counted_anyhow


def _require_counting() -> None:
    """Refuses to start where the second of one request a minute is let through: slowapi fails in silence."""
    limiter = Limiter(key_func=lambda: "nobody")

    @limiter.limit("1/minute")
    def counted(request: Request) -> None:
        """Counts this request."""

    try:
        for _ in range(2):
            counted(Request({"type": "http", "method": "POST", "path": "/graphql", "headers": []}))
    except RateLimitExceeded:
        return
    raise RuntimeError("requests are not counted: the floor under all requests lets everything through")


async def too_many_requests(_request: Request, _problem: Exception) -> Response:
    """The answer to one request too many."""
    seconds = "60"
    if not isinstance(_problem, RateLimitExceeded):
        raise _problem
    return error_response(
        429, ErrorCode.RATE_LIMITED, "Too many requests from this address.", **{"Retry-After": seconds}
    )
