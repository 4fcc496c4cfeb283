"""GraphiQL works in a real browser, loads no other site, and stores no text that is pasted into it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Request, Response, expect

from app.graphql import graphiql
from app.graphql.graphiql import is_installed
from app.main import create
from app.settings import Settings
from tests.browsing import NOTHING_STORED, STORAGE, needs_chromium
from tests.serving import ROOT

BROWSERS_ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
EDITOR = "document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror"
EXAMPLES = "async () => (await import('/graphiql/graphiql-examples.js')).EXAMPLES"

in_browser = [
    needs_chromium,
    pytest.mark.skipif(not is_installed(), reason="GraphiQL's files are not here: `make setup`"),
]


@dataclass
class Served:
    """A process that serves a demonstration database."""

    folder: Path
    environment: dict[str, str]
    address: str

    def command(self, *words: str) -> str:
        """What the command line prints on standard output."""
        consentql = Path(sys.executable).with_name("consentql")
        done = subprocess.run(
            [consentql, *words], cwd=self.folder, env=self.environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def token(self, role: str = "MEMBER") -> str:
        """A token of that role, of the demonstration's person for it."""
        of = ("--processor", "MAILCHIMP") if role == "PROCESSOR" else ("--holder", f"{role.lower()}@demo.example.org")
        return self.command("token", role, *of)


@dataclass
class Watched:
    """A page, with everything that it asked for and complained of."""

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONSENTQL_")}
    environment["CONSENTQL_DATABASE_URL"] = f"sqlite+aiosqlite:///{folder / 'demo.db'}"
    made = Served(folder, environment, f"http://127.0.0.1:{port}")
    made.command("demo", "--users", "20")
    consentql = Path(sys.executable).with_name("consentql")
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [consentql, "serve", "--port", str(port)], cwd=folder, env=environment, stdout=log, stderr=log
        ) as process,
    ):
        try:
            _wait_until_ready(made, process)
            yield made
        finally:
            process.terminate()


def _wait_until_ready(served: Served, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{served.address}/health/ready").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail((served.folder / "log").read_text())


@pytest.fixture
def watched(served: Served, browser: Browser) -> Iterator[Watched]:
    context = browser.new_context()
    page = context.new_page()
    made = Watched(page)
    page.on("request", lambda request: made.asked.append(request.url))
    page.on("requestfailed", lambda request: made.complaints.append(request.url))
    page.on("pageerror", lambda error: made.complaints.append(str(error)))
    page.on("console", lambda message: made.complaints.append(message.text) if message.type == "error" else None)
    page.goto(f"{served.address}/graphql")
    yield made
    context.close()


def run(page: Page, name: str) -> Any:
    """Opens an example, runs it by the button, and expects its own answer: the page asks other things too."""
    documents = {example[0]: example[1] for examples in page.evaluate(EXAMPLES).values() for example in examples}
    page.select_option("#example", label=name)
    with page.expect_response(lambda answer: _asks(answer.request, documents[name])) as answered:
        page.click(".graphiql-execute-button")
    expect(page.locator(".result-window .CodeMirror")).to_contain_text('"data"')
    return answered.value.json()


def _asks(request: Request, document: str) -> bool:
    return request.method == "POST" and request.post_data_json["query"] == document


class TestInBrowser:
    """One Chromium, one server."""

    pytestmark = in_browser

    def test_a_visitor_asks_without_another_host_or_an_error(self, served: Served, watched: Watched) -> None:
        policy = run(watched.page, "The policy")["data"]["policy"]
        expect(watched.page.locator(".result-window")).to_contain_text(policy["version"])
        watched.page.click("button[aria-label*='GraphiQL Explorer']")
        expect(watched.page.locator(".graphiql-plugin")).to_contain_text("userMap")
        assert all(url.startswith(f"{served.address}/") for url in watched.asked if not url.startswith("data:"))
        assert watched.complaints == []

    def test_a_pasted_token_asks_as_its_member_and_is_kept_nowhere(self, served: Served, watched: Watched) -> None:
        token = served.token()
        watched.page.fill("#token", token)
        expect(watched.page.locator("#caller")).to_contain_text("member until")
        run(watched.page, "My account")
        expect(watched.page.locator(".result-window")).to_contain_text("member@demo.example.org")
        assert watched.page.evaluate(STORAGE) == NOTHING_STORED
        assert all(token not in url for url in watched.asked)
        assert watched.page.url == f"{served.address}/graphql"
        watched.page.reload()
        expect(watched.page.locator("#caller")).to_have_text("visitor")
        assert watched.page.input_value("#token") == ""
        assert watched.complaints == []

    def test_a_session_that_begins_here_asks_next_and_is_forgotten_on_demand(self, watched: Watched) -> None:
        run(watched.page, "Sign in")
        expect(watched.page.locator("#caller")).to_contain_text("member until")
        assert run(watched.page, "My consents and their history")["data"]["me"]["consents"]
        watched.page.click("#forget")
        expect(watched.page.locator("#caller")).to_have_text("visitor")
        assert watched.page.evaluate(STORAGE) == NOTHING_STORED
        assert watched.complaints == []

    def test_of_several_operations_the_chosen_one_is_sent_alone(self, watched: Watched) -> None:
        first, second = "query One { viewer { ...role } }", "query Two {\n  policy { version }\n}"
        fragment = "fragment role on Viewer { role }"
        watched.page.evaluate(f"text => {EDITOR}.setValue(text)", "\n".join((first, fragment, second)))
        for name, expected, left_out in (("Two", second, "viewer"), ("One", f"{first}\n{fragment}", "policy")):
            watched.page.click(".graphiql-execute-button")
            with watched.page.expect_response(_is_of_the_editor) as answered:
                watched.page.get_by_role("menuitem", name=name).click()
            sent = answered.value.request.post_data_json["query"]
            assert expected in sent
            assert left_out not in sent
            assert sent.count("\n") == 4, "errors name the lines that the person sees"
            assert "errors" not in answered.value.json()

    def test_every_example_is_answered_for_whom_it_is_offered(self, served: Served, watched: Watched) -> None:
        offered = watched.page.evaluate(EXAMPLES)
        tokens = {"Visitor": None, "Member": served.token(), "Processor": served.token("PROCESSOR")}
        for who, examples in offered.items():
            token = tokens[who] if who in tokens else served.token(who.upper())
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            for name, document, *variables in examples:
                body = {"query": document, "variables": variables[0] if variables else None}
                answer = httpx.post(f"{served.address}/graphql", json=body, headers=headers).json()
                assert "errors" not in answer, (who, name, answer)
                assert None not in answer["data"].values(), (who, name, answer)


def production() -> httpx.AsyncClient:
    settings = Settings(environment="production", secret_keys=("k" * 48,), rate_limits="off")
    return httpx.AsyncClient(transport=httpx.ASGITransport(create(settings)), base_url="https://consentql.test")


async def test_production_serves_no_graphiql() -> None:
    async with production() as client:
        page = await client.get("/graphql", headers={"Accept": BROWSERS_ACCEPT})
        file = await client.get("/graphiql/graphiql-boot.js")
    assert (page.status_code, page.headers["allow"]) == (405, "POST")
    assert file.status_code == 404


@pytest.mark.parametrize(
    ("accept", "parameters"),
    [
        (None, {}),
        ("*/*", {}),
        ("application/json", {}),
        ("application/graphql-response+json, application/json", {}),
        ("text/html;q=0", {}),
        ("application/json, text/html;q=0.5", {}),
        (BROWSERS_ACCEPT, {"query": "{ viewer { role } }"}),
        (BROWSERS_ACCEPT, {"query": ""}),
        (BROWSERS_ACCEPT, {"documentId": "x"}),
        (BROWSERS_ACCEPT, {"extensions": "{}"}),
    ],
)
async def test_only_a_browser_without_an_operation_is_shown_the_page(
    accept: str | None, parameters: dict[str, str]
) -> None:
    transport = httpx.ASGITransport(create(Settings(secret_keys=("k" * 48,), rate_limits="off")))
    async with httpx.AsyncClient(transport=transport, base_url="http://consentql.test") as client:
        del client.headers["accept"]
        answer = await client.get("/graphql", params=parameters, headers={"Accept": accept} if accept else {})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert "html" not in answer.headers["content-type"]
    assert answer.json()["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT"}


async def test_a_page_without_graphiql_files_explains_how_to_install_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(graphiql, "PACKAGE", tmp_path)
    settings = Settings(secret_keys=("k" * 48,), rate_limits="off")
    transport = httpx.ASGITransport(create(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://consentql.test") as client:
        page = await client.get("/graphql", headers={"Accept": BROWSERS_ACCEPT})
        outside = [await client.get(f"/graphiql/{name}") for name in ("fetch.py", "..%2Ffetch.py", "package.json")]
    assert page.status_code == 503
    assert "make setup" in page.text
    assert page.headers["content-security-policy"] == graphiql.POLICY
    assert {answer.status_code for answer in outside} == {404}


@pytest.mark.parametrize("folder", ["app/web", "examples/clients", "tests/browser"])
def test_lock_files_have_integrity_hashes_and_no_registry(folder: str) -> None:
    packages = json.loads((ROOT / folder / "package-lock.json").read_text())["packages"]
    assert all("integrity" in about and "resolved" not in about for path, about in packages.items() if path)


def _is_of_the_editor(answer: Response) -> bool:
    """Whether this answers an operation of the editor, not one that the page sends on its own."""
    return answer.request.method == "POST" and "IntrospectionQuery" not in (answer.request.post_data or "")
