"""Laws of the tables of errors: nothing is answered that they do not describe."""

import ast
from collections.abc import Iterator
from typing import Final

from app.http.statuses import STATUSES
from permissions.error_codes import ERRORS, ErrorCode
from tests.serving import ROOT

TABLES: Final = {ROOT / "permissions" / "error_codes.py", ROOT / "app" / "http" / "statuses.py"}


def constants(*patterns: str) -> Iterator[object]:
    """The values of all literals in these modules."""
    for path in (each for pattern in patterns for each in ROOT.glob(pattern)):
        if path not in TABLES:
            nodes = ast.walk(ast.parse(path.read_text()))
            yield from (node.value for node in nodes if isinstance(node, ast.Constant))


def test_no_code_is_spelt_out_beside_the_table() -> None:
    everywhere = constants("app/**/*.py", "schema/**/*.py", "resolvers/**/*.py", "permissions/**/*.py")
    assert set(ErrorCode).isdisjoint(value for value in everywhere if isinstance(value, str))


def test_every_status_that_the_service_answers_with_is_described() -> None:
    answered = constants("app/http/*.py", "app/graphql/*.py", "app/operations/*.py", "app/mail/*_pages.py", "app/*.py")
    statuses = {value for value in answered if isinstance(value, int) and 400 <= value < 600}
    assert statuses <= STATUSES.keys()
    assert {status for text in ERRORS.values() for status in text.statuses} <= STATUSES.keys()
