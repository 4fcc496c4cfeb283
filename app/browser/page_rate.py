"""The rate limit for pages and their files, by network. Operations are counted in `app/http/request_rate.py`."""

import math
import time
from collections.abc import Callable
from typing import Any, Final

from fastapi import Request
from slowapi import Limiter
from slowapi.errors import RateLimitExceeded

from app.http.client_address import address_of
from app.http.request_rate import TooManyRequests
from permissions.ip_network import SITE_FACTOR, counted_networks
from permissions.rate_limits import LOCAL_DIVISOR, TIMEOUT_SECONDS

NOT_COUNTING: Final = "The rate limit does not count requests. Check the version of slowapi."


def page_rate(redis_url: str | None, per_minute: int) -> Callable[[Request], None]:
    """A dependency that raises TooManyRequests. It is synchronous, so Redis is queried off the event loop.

    Raises RuntimeError if slowapi counts nothing, because it fails silently.
    """
    _require_counting()
    levels = [_counter(redis_url, per_minute * factor, level) for level, factor in enumerate((1, SITE_FACTOR))]

    def count_networks(request: Request) -> None:
        """Counts this request for each of its networks."""
        for level, _ in enumerate(counted_networks(address_of(request))):
            # slowapi notes in the state that a request was counted, and counts it once only
            levels[level](Request({**request.scope, "state": {}}))

    return count_networks


def _counter(redis_url: str | None, per_minute: int, level: int) -> Callable[[Request], None]:
    """Counts requests for the network at this place in `counted_networks`.

    As a middleware slowapi does not find endpoints behind an included router and limits nothing. Therefore a function
    is decorated.
    """
    timeouts: dict[str, Any] = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), TIMEOUT_SECONDS)
    limiter = Limiter(
        key_func=lambda request: counted_networks(address_of(request))[level][0],
        storage_uri=redis_url,
        storage_options=timeouts if redis_url else {},
        in_memory_fallback=[f"{max(1, per_minute // LOCAL_DIVISOR)}/minute"] if redis_url else [],
    )

    @limiter.limit(f"{per_minute}/minute")
    def counted(request: Request) -> None:
        """Counts this request."""

    def counted_with_fallback(request: Request) -> None:
        """Counts this request, in this process if Redis has just become unreachable."""
        try:
            _count(counted, limiter, request)
        except TooManyRequests:
            raise
        except Exception:  # noqa: BLE001  # slowapi falls back for the first request that notices, and fails for concurrent ones
            _count(counted, limiter, request)

    return counted_with_fallback


def _count(counted: Callable[[Request], None], limiter: Limiter, request: Request) -> None:
    try:
        counted(request)
    except RateLimitExceeded:
        limit, key = request.state.view_rate_limit
        reset_at, _ = limiter.limiter.get_window_stats(limit, *key)
        raise TooManyRequests(max(1, math.ceil(reset_at - time.time()))) from None


def _require_counting() -> None:
    limiter = Limiter(key_func=lambda: "nobody")

    @limiter.limit("1/minute")
    def counted(request: Request) -> None:
        """Counts this request."""

    try:
        for _ in range(2):
            counted(Request({"type": "http", "method": "GET", "path": "/", "headers": []}))
    except RateLimitExceeded:
        return
    raise RuntimeError(NOT_COUNTING)
