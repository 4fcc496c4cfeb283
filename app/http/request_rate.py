"""The rate limit for all requests of a network, as a dependency of the GraphQL route."""

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
    """A dependency that refuses with status 429. It is synchronous, so Redis is queried off the event loop.

    As a middleware slowapi does not find endpoints behind an included router and limits nothing. Therefore the
    dependency itself is decorated.
    """
    _require_counting()
    timeouts: dict[str, Any] = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), TIMEOUT_SECONDS)
    limiter = Limiter(
        key_func=network_of_request,
        storage_uri=redis_url,
        storage_options=timeouts if redis_url else {},
        in_memory_fallback=[PER_ADDRESS_UNSHARED] if redis_url else [],
    )

    @limiter.limit(PER_ADDRESS)
    def counted(request: Request) -> None:
        """Counts this request."""

    def counted_with_fallback(request: Request) -> None:
        """Counts this request, in this process if Redis has just become unreachable."""
        try:
            counted(request)
        except RateLimitExceeded:
            raise
        except Exception:  # noqa: BLE001  # slowapi falls back for the first request that notices, and fails for concurrent ones
            counted(request)

    return counted_with_fallback


def _require_counting() -> None:
    """Raises RuntimeError if slowapi counts nothing: it fails silently."""
    limiter = Limiter(key_func=lambda: "nobody")

    @limiter.limit("1/minute")
    def counted(request: Request) -> None:
        """Counts this request."""

    try:
        for _ in range(2):
            counted(Request({"type": "http", "method": "POST", "path": "/graphql", "headers": []}))
    except RateLimitExceeded:
        return
    raise RuntimeError("the rate limit does not count requests: check the version of slowapi")


async def too_many_requests(request: Request, problem: Exception) -> Response:
    """The response with status 429."""
    if not isinstance(problem, RateLimitExceeded):
        raise problem
    return error_response(
        request,
        429,
        ErrorCode.RATE_LIMITED,
        "Too many requests from this network. Wait a minute.",
        **{"Retry-After": "60"},
    )
