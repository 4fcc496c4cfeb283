"""One question in each server's own schema, and its answer in one form: rows by the peers' column names."""

import json
import urllib.request
from dataclasses import dataclass
from typing import Any, Final

from people import PROFILE

ROWS: Final = 100
OURS: Final = {"email": "email", **PROFILE}
"""Twelve personal fields by our names, and what the peers call their columns."""


def camel(column: str) -> str:
    """A peer's column as its schema spells it."""
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
    """What goes over the wire."""

    url: str
    token: str
    body: str | None

    @property
    def method(self) -> str:
        """A body is posted."""
        return "POST" if self.body else "GET"


def request(api: str, query: str, origin: str, token: str) -> Request:
    """A question to a server that speaks one of: ours, graphql (the peers'), rest."""
    if api == "rest":
        return Request(origin + PATHS[query], token, None)
    return Request(f"{origin}/graphql", token, json.dumps({"query": DOCUMENTS[api, query]}))


def answered(asked: Request) -> Any:
    """The answer's data; an answer with errors is none."""
    headers = {"authorization": f"Bearer {asked.token}", "content-type": "application/json"}
    sent = asked.body.encode() if asked.body else None
    with urllib.request.urlopen(
        urllib.request.Request(asked.url, sent, headers, method=asked.method), timeout=30
    ) as got:
        answer = json.load(got)
    if answer.get("errors"):
        raise ValueError(f"{asked.url} answered errors: {answer['errors'][:2]}")
    return answer["data"]


def rows(api: str, query: str, data: Any) -> list[dict[str, Any]]:
    """The rows of an answer, by the peers' column names, of the twelve fields alone."""
    if api == "ours":
        found = [data["me"]["user"]] if query == "me" else [edge["node"] for edge in data["users"]["edges"]]
        return [{column: row[name] for name, column in OURS.items()} for row in found]
    found = [data["me"]] if query == "me" else data["directory"]
    return [{column: row[name] for column in OURS.values() if (name := camel(column)) in row} for row in found]
