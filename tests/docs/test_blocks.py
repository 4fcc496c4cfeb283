"""Laws of the documentation test: what it takes for a block, and which answers it accepts."""

from pathlib import Path
from typing import Any

import pytest

from tests.docs.blocks import BadBlock, Step, blocks, steps
from tests.docs.matching import expected_json, matches, matches_lines


def steps_of(source: str) -> list[Step]:
    return list(steps(list(blocks(Path("page.md"), source))))


def test_a_query_comes_with_its_variables_and_its_answer() -> None:
    source = "```graphql as=MEMBER\n{ a }\n```\ntext\n```json variables\n{}\n```\n\n```json\n{}\n```\n"
    (step,) = steps_of(source)
    assert (step.block.option("as"), step.block.text, step.block.place) == ("MEMBER", "{ a }\n", "page.md:1")
    assert step.variables is not None
    assert step.answer is not None


def test_text_in_the_next_section_is_not_the_answer() -> None:
    (step,) = steps_of("```sh\ntrue\n```\n# Folders\n```text\napp\n```\n")
    assert step.answer is None


@pytest.mark.parametrize(
    "source",
    [
        "```sh no-run\nmake run\n```\n",
        "<!-- no-run: -->\n```sh no-run\nmake run\n```\n",
        "<!-- no-run: it ends in another line -->\n\n```sh no-run\nmake run\n```\n",
        "```json\n{}\n```\n",
        "```sh norun\nmake run\n```\n",
    ],
)
def test_a_block_that_is_not_run_must_say_why(source: str) -> None:
    with pytest.raises(BadBlock, match=r"page\.md:\d"):
        steps_of(source)


def test_a_block_with_a_reason_and_blocks_of_other_languages_are_left_out() -> None:
    assert (
        steps_of("<!-- no-run: it installs -->\n```sh no-run\nmake\n```\n```mermaid\na\n```\n```text\na\n```\n") == []
    )


@pytest.mark.parametrize(
    ("printed", "found"),
    [
        ('{"a": 1}', {"a": 1}),
        ('{"a": "…"}', {"a": None}),
        ('{"a": …}', {"a": [1]}),
        ('{"a": "2026-…Z"}', {"a": "2026-11-28T00:00:00Z"}),
        ('{"a": [1, …]}', {"a": [1, 2, 3]}),
        ('{"a": [1, "…"]}', {"a": [1]}),
        ('{"a": […]}', {"a": []}),
        ('{"a": 1, …}', {"a": 1, "b": 2}),
        ('{…, "a": {…}}', {"a": {"c": 3}, "b": 2}),
        ('{"a": "x … [y, …]"}', {"a": "x 1 [y, 2]"}),
    ],
)
def test_an_answer_as_printed_is_accepted(printed: str, found: Any) -> None:
    assert matches(expected_json(printed), found)


@pytest.mark.parametrize(
    ("printed", "found"),
    [
        ('{"a": 1}', {"a": 2}),
        ('{"a": 1}', {"a": True}),
        ('{"a": 1}', {"a": 1, "b": 2}),
        ('{"a": 1, "b": 2}', {"a": 1}),
        ('{"a": [1]}', {"a": [1, 2]}),
        ('{"a": [1, 2, …]}', {"a": [1]}),
        ('{"a": "2026-…Z"}', {"a": "2025-11-28T00:00:00Z"}),
        ('{"a": 1, …}', {"b": 2}),
        ('{"a": null}', {"a": "x"}),
    ],
)
def test_any_other_answer_is_not(printed: str, found: Any) -> None:
    assert not matches(expected_json(printed), found)


def test_lines_match_with_wildcards_in_and_between_them() -> None:
    assert matches_lines(["…", "b … d", "…"], ["a", "a", "b c d"])
    assert not matches_lines(["…", "b"], ["a", "b", "c"])
    assert not matches_lines(["a"], [])
