"""Sends a document and returns its errors."""

import json
from typing import Any

from app.graphql.execution import MAX_ERRORS
from tests.world import World, codes

LOGIN = "mutation ($input: LoginInput!) { login(input: $input) { __typename } }"


JSON = "application/json"


RESULT = "application/graphql-response+json"


async def refused_errors(
    world: World, document: str, code: str = "GRAPHQL_VALIDATION_FAILED", variables: Any = None
) -> list[dict[str, Any]]:
    """Returns the errors of a document that is refused as a whole. Both media types must give the same answer."""
    answers = []
    for kind in (JSON, RESULT):
        content = {"query": document, "variables": variables}
        response = await world.client.post("/graphql", json=content, headers={"Accept": kind})
        assert response.status_code == 400, response.text
        assert response.headers["content-type"] == kind
        answers.append(response.json())
    assert answers[0] == answers[1]
    assert set(answers[0]) == {"errors"}, "no data, not even null"
    assert set(codes(answers[0])) == {code}, answers[0]
    assert len(answers[0]["errors"]) <= MAX_ERRORS
    assert len(json.dumps(answers[0])) < 16_000
    return answers[0]["errors"]
