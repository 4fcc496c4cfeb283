"""The same query in the schema of each server, and its answer as rows by the peers' column names."""

import json
import urllib.request
from dataclasses import dataclass
from typing import Any, Final

from people import PROFILE

ROWS: Final = 100
OURS: Final = {"email": "email", **PROFILE}
"""Twelve personal fields: their names in ConsentQL, and the column names of the peers."""


def camel(column: str) -> str:
    """The GraphQL name of a peer's column."""
    head, *rest = column.split("_")
    return head + "".join(part.title() for part in rest)


OUR_FIELDS: Final = " ".join(OURS)
THEIR_FIELDS: Final = " ".join(camel(column) for column in OURS.values())
DOCUMENTS: Final = {
    ("ours", "me"): f"{{ me {{ user {{ {OUR_FIELDS} }} }} }}",
    ("ours", "directory"): f"{{ users(first: {ROWS}) {{ edges {{ node {{ {OUR_FIELDS} }} }} }} }}",
    ("graphql", "me"): f"{{ me {{ {THEIR_FIELDS} }} }}",
    ("graphql", "directory"): f"{{ directory(first: {ROWS}) {{ {THEIR_FIELDS} }} }}",
}
PATHS: Final = {"me": "/me", "directory": f"/directory?first={ROWS}"}
QUERIES: Final = tuple(PATHS)


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request."""

    url: str
    token: str
    body: str | None

    @property
    def method(self) -> str:
        """POST if there is a body."""
        return "POST" if self.body else "GET"


def make_request(api: str, query: str, origin: str, token: str) -> Request:
    """The request for a query. `api` is `ours` for ConsentQL, `graphql` or `rest` for the peers."""
    if api == "rest":
        return Request(origin + PATHS[query], token, None)
    return Request(f"{origin}/graphql", token, json.dumps({"query": DOCUMENTS[api, query]}))


def send(request: Request) -> Any:
    """Returns the data of the answer. Raises ValueError if it has errors."""
    headers = {"authorization": f"Bearer {request.token}", "content-type": "application/json"}
    sent = request.body.encode() if request.body else None
    with urllib.request.urlopen(
        urllib.request.Request(request.url, sent, headers, method=request.method), timeout=30
    ) as got:
        answer = json.load(got)
    if answer.get("errors"):
        raise ValueError(f"{request.url} answered errors: {answer['errors'][:2]}")
    return answer["data"]


def rows(api: str, query: str, data: Any) -> list[dict[str, Any]]:
    """The rows of an answer with the twelve fields, by the peers' column names."""
    if api == "ours":
        found = [data["me"]["user"]] if query == "me" else [edge["node"] for edge in data["users"]["edges"]]
        return [{column: row[name] for name, column in OURS.items()} for row in found]
    found = [data["me"]] if query == "me" else data["directory"]
    return [{column: row[name] for column in OURS.values() if (name := camel(column)) in row} for row in found]
