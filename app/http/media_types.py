"""The media types of answers: which of them a request accepts."""

from typing import Final

from starlette.datastructures import Headers

JSON: Final = "application/json"
GRAPHQL_RESPONSE: Final = "application/graphql-response+json"
JSON_RANGES: Final = frozenset({JSON, "application/*", "*/*", ""})
"""The media ranges that allow plain JSON. An empty `Accept` header allows everything."""


def accepted_type(headers: Headers) -> str | None:
    """The GraphQL media type if the client accepts it by name, otherwise JSON; None if it accepts neither."""
    ranges = {_media_range(part) for part in ",".join(headers.getlist("accept") or ["*/*"]).split(",")}
    if GRAPHQL_RESPONSE in ranges:
        return GRAPHQL_RESPONSE
    return JSON if ranges & JSON_RANGES else None


def error_type(headers: Headers) -> str:
    """The media type of an error, which is sent as JSON to a client that accepts no type of the service."""
    return accepted_type(headers) or JSON


def _media_range(part: str) -> str | None:
    """A media range of an Accept header, or None if its weight is 0 or its charset is not UTF-8."""
    name, *options = (each.strip().lower() for each in part.split(";"))
    parameters = dict(option.partition("=")[::2] for option in options)
    never = not parameters.get("q", "1").strip("0.") or parameters.get("charset", "utf-8").strip('"') != "utf-8"
    return None if never else name
