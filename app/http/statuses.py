"""The HTTP statuses that the service answers with: when each occurs and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class StatusText:
    """When a status occurs, and the remedy."""

    occurs: str
    remedy: str


STATUSES: Final[Mapping[int, StatusText]] = {
    200: StatusText("The operation ran. `errors` may still name fields that failed.", "Read `errors`."),
    400: StatusText(
        "The body, a header or the document is invalid, what arrived is not HTTP, or the request has both a bearer "
        "token and cookies.",
        "Correct what the message names.",
    ),
    401: StatusText(
        "The token is unknown, expired or revoked, or a browser sent only its refresh cookie.",
        "Call `refreshSession` or sign in again. To act as a visitor, send no token.",
    ),
    403: StatusText(
        "A request with cookies lacks `X-ConsentQL-Client: browser`, or its origin is malformed or not allowed.",
        "Send the header. Add the origin to `CONSENTQL_ALLOWED_ORIGINS`.",
    ),
    404: StatusText("The path does not exist.", "Send operations to `/graphql`."),
    405: StatusText(
        "The path does not accept this method. `GET /graphql` shows a page in development, and only to browsers.",
        "Send operations by `POST`.",
    ),
    406: StatusText("The `Accept` header allows no media type of the service.", "Accept `application/json`."),
    408: StatusText(
        "The headers, or the body, took more than 10 seconds to arrive.", "Repeat the request on a better connection."
    ),
    413: StatusText("The body has more than 64 KiB.", "Send a smaller document, or fewer ids at once."),
    415: StatusText(
        "The body is not uncompressed `application/json` in UTF-8.", "Send `Content-Type: application/json`."
    ),
    429: StatusText(
        "Too many requests come from one network, with one token or from one person.",
        "Wait for the seconds that the header `Retry-After` names.",
    ),
    431: StatusText("The request has more than 100 headers, or more than 32 KiB of them.", "Send fewer headers."),
    500: StatusText("The server failed. The log has the same id.", "Send `extensions.id` to the operator."),
    503: StatusText(
        "The service cannot answer now, and nothing has changed. `/health/ready`: the answer names what is wrong. "
        "`GET /graphql`: GraphiQL is not installed.",
        "Wait for the seconds that the header `Retry-After` names. Operators check the database, run `consentql "
        "migrate` or `make graphiql`.",
    ),
}
