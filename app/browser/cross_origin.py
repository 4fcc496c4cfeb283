"""Cross-origin requests (CORS): what browsers may send from allowed origins, and what scripts may read."""

from collections.abc import Iterable
from typing import Any, Final

OWN_HEADERS: Final = ("Authorization", "Content-Type", "X-ConsentQL-Client", "X-Request-Id")
CLIENT_HEADERS: Final = (
    # Apollo
    "apollographql-client-name",
    "apollographql-client-version",
    "apollo-require-preflight",
    "x-apollo-operation-id",
    "x-apollo-operation-name",
    "x-apollo-operation-type",
    # the trace context of W3C, as OpenTelemetry and Sentry send it
    "traceparent",
    "tracestate",
    "baggage",
    "sentry-trace",
    # the older propagators of OpenTelemetry: B3 and Jaeger
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "uber-trace-id",
)
"""Headers that well-known clients add to requests. The service reads none of them."""

READABLE_HEADERS: Final = ("X-Request-Id", "Retry-After")


def cors_options(origins: Iterable[str]) -> dict[str, Any]:
    """The options of Starlette's CORS middleware for these origins."""
    return {
        "allow_origins": list(origins),
        "allow_methods": ["POST"],
        "allow_headers": [*OWN_HEADERS, *CLIENT_HEADERS],
        "allow_credentials": True,
        "expose_headers": list(READABLE_HEADERS),
    }
