"""What the README shows is what comes."""

import json
import re
from pathlib import Path

import httpx
import pytest

from tests.serving import ROOT, consentql, serving

README = (ROOT / "README.md").read_text()


def block(language: str, containing: str) -> str:
    """The fenced block of the README in which this stands."""
    return next(text for text in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if containing in text)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_the_first_query_has_the_answer_that_is_printed(database_url: str, tmp_path: Path) -> None:
    assert consentql(database_url, "demo", cwd=tmp_path).returncode == 0
    who = ("token", "MEMBER", "--holder", "member@demo.example.org")
    token = consentql(database_url, *who, cwd=tmp_path).stdout.strip()
    query = re.search(r"-d '(\{\"query\".*?\})'", README, re.DOTALL)
    assert query is not None
    with serving(database_url, tmp_path) as server:
        async with httpx.AsyncClient() as client:
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            answer = await client.post(f"{server.url}/graphql", content=query[1], headers=headers)
    assert answer.json() == json.loads(block("json", '"withheld"'))


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_line_of_an_import_can_be_imported(database_url: str, tmp_path: Path) -> None:
    line = json.loads(block("json", '"preRegistration"'))
    (tmp_path / "users.jsonl").write_text(json.dumps(line) + "\n")
    done = consentql(database_url, "import", "users.jsonl", cwd=tmp_path)
    assert (done.returncode, "1 imported" in done.stderr) == (0, True), done.stderr
