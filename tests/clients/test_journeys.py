"""The example clients sign in, read pages, see a change of consent, refresh their session and sign out."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from graphql import GraphQLObjectType, build_schema, get_nullable_type
from playwright.sync_api import Browser

from app.commands.people.demo_people import PASSWORD
from examples.clients.python_client import Client, RequestFailed, Session, SessionEnded
from models.vocabulary import Role
from permissions.graphql.root_field_rules import ROOT_FIELD_RULES
from schema.build import build
from tests.browsing import needs_chromium
from tests.clients.journeys import EMAIL, EXAMPLES, Service, run
from tests.serving import ROOT

STEPS = ["sign-in", "paging", "consent", "refresh", "log-out"]
PAGE = ROOT / "docs" / "clients.md"
MEMBERS = """query ($after: String) {
  users(first: 5, after: $after) { edges { node { id } } pageInfo { hasNextPage endCursor } }
}"""
CONSENTS = "{ me { consents { purpose granted } } }"
WITHDRAW = "mutation { withdrawConsent(purpose: SOCIAL) { __typename } }"
GRANT = "mutation ($version: String!) { grantConsent(purpose: SOCIAL, policyVersion: $version) { __typename } }"

ASK = """async ([url, query]) => (await fetch(url, {
  method: 'POST', credentials: 'include', body: JSON.stringify({query}),
  headers: {'Content-Type': 'application/json', 'X-ConsentQL-Client': 'browser'},
})).json()"""
SIGN_IN = f"""mutation {{ login(input: {{email: "{EMAIL}", password: "{PASSWORD}", transport: COOKIE}}) {{
  __typename ... on Refusal {{ message }}
}} }}"""
VIEWER = "{ viewer { role } }"


@pytest.mark.parametrize(
    ("client", "own"), [("apollo", {"two screens on one part"}), ("urql", set()), ("relay", {"ids of two types"})]
)
def test_a_web_app_ends_its_journey(node: None, service: Service, client: str, own: set[str]) -> None:
    steps = service.journey(client)
    assert [step for step in steps if step not in own] == [*STEPS, "session that ended"]
    assert own <= set(steps)


def test_relay_sends_texts_if_its_compiler_writes_no_list(node: None, service: Service, tmp_path: Path) -> None:
    folder = tmp_path / "clients"
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("node_modules"))
    (folder / "node_modules").symlink_to(EXAMPLES / "node_modules")
    config = json.loads((folder / "relay.config.json").read_text())
    del config["persistConfig"]
    (folder / "relay.config.json").write_text(json.dumps(config))
    built = run("npm", "run", "build", folder=folder)
    assert built.returncode == 0, built.stdout + built.stderr
    assert "session that ended" in service.journey("relay", folder, SENDS="texts")


def test_a_mobile_app_ends_its_journey(node: None, service: Service) -> None:
    own = ["refresh that is not answered", "log-out", "log-out without a network", "session that ended"]
    assert service.journey("mobile") == [*STEPS[:-1], *own]


def test_a_client_of_python_ends_its_journey(service: Service) -> None:
    with closing(Client(service.url)) as client:
        assert client.ask("{ viewer { role } }") == {"viewer": {"role": "ANONYMOUS"}}
        assert client.sign_in(EMAIL, "a wrong one")["code"] == "INVALID_CREDENTIALS"
        assert client.sign_in(EMAIL, PASSWORD)["__typename"] == "SignedIn"
        assert client.ask("{ viewer { role } }") == {"viewer": {"role": "MEMBER"}}

        found = [node["id"] for node in client.nodes(MEMBERS, "users")]
        assert len(found) == len(set(found)) > 10

        version = client.ask("{ policy { version } }")["policy"]["version"]
        client.ask(WITHDRAW)
        assert {"purpose": "SOCIAL", "granted": False} in client.ask(CONSENTS)["me"]["consents"]
        client.ask(GRANT, version=version)
        assert {"purpose": "SOCIAL", "granted": True} in client.ask(CONSENTS)["me"]["consents"]

        service.let_access_tokens_expire()
        assert client.ask(CONSENTS)["me"]

        client.sign_out()
        with pytest.raises(RequestFailed) as refused:
            list(client.nodes(MEMBERS, "users"))
        assert refused.value.codes == {"FORBIDDEN"}

        client.sign_in(EMAIL, PASSWORD)
        service.end_sessions()
        for _ in range(2):
            with pytest.raises(SessionEnded):
                client.ask(VIEWER)
        with pytest.raises(SessionEnded):
            client.sign_out()
        assert client.ask(VIEWER) == {"viewer": {"role": "ANONYMOUS"}}


def test_a_client_of_python_that_cannot_refresh_its_session_does_not_become_a_visitor() -> None:
    refused = {"errors": [{"message": "Too many requests.", "extensions": {"code": "RATE_LIMITED"}}]}
    sent: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("Authorization"))
        return httpx.Response(429 if b"refreshSession" in request.content else 401, json=refused)

    session = Session({"accessToken": "expired", "refreshToken": "valid"})
    with httpx.Client(transport=httpx.MockTransport(answer), auth=session) as client:
        for _ in range(2):
            with pytest.raises(RequestFailed, match="Too many requests"):
                client.post("http://localhost/graphql", json={"query": VIEWER})
    assert sent == ["Bearer expired", None] * 2


def test_apollo_merges_every_object_without_an_id_that_a_member_may_read() -> None:
    schema = build_schema(build().as_str())
    types = [each for each in schema.type_map.values() if isinstance(each, GraphQLObjectType)]
    parts = {
        part.name
        for parent in types
        if parent is schema.query_type or "id" in parent.fields
        for name, field in parent.fields.items()
        if parent is not schema.query_type or Role.MEMBER in ROOT_FIELD_RULES[f"Query.{name}"].roles
        if isinstance(part := get_nullable_type(field.type), GraphQLObjectType) and "id" not in part.fields
    }
    merged = set(re.findall(r"(\w+): \{ merge: true \}", (EXAMPLES / "apollo.js").read_text()))
    assert merged == {part for part in parts if not part.endswith("Connection")}


def test_relay_keeps_apart_every_type_whose_ids_another_type_shares() -> None:
    """Ids of `Node` are unique. An opaque id is derived for its type. Any other id is the id of something else."""
    types = [each for each in build_schema(build().as_str()).type_map.values() if isinstance(each, GraphQLObjectType)]
    shared = {
        each.name
        for each in types
        if "id" in each.fields and not str(each.fields["id"].description).startswith("An opaque id")
    }
    listed = re.search(r"new Set\(\[(.*)\]\)", (EXAMPLES / "relay.js").read_text())
    assert listed
    assert set(re.findall(r"\w+", listed[1])) == shared


def test_graphql_http_finds_no_error_and_the_page_lists_every_warning_and_notice(node: None, service: Service) -> None:
    done = run("node", "audit.js", API=service.url)
    assert done.returncode == 0, done.stderr
    *found, count = done.stdout.splitlines()
    assert count == "audits 61"
    assert [line for line in found if line.startswith("error")] == []
    rows = [
        line.strip("| ").split(" | ")
        for line in PAGE.read_text().splitlines()
        if line.startswith(("| warn |", "| notice |"))
    ]
    listed = {f"{status} {id.strip('`')}" for status, id, *_ in rows}
    assert {" ".join(line.split()[:2]) for line in found} == listed


@pytest.fixture
def app_port(service: Service) -> Iterator[int]:
    """The port of an app with one empty page."""

    class EmptyPage(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            self.send_response(204 if self.path == "/favicon.ico" else 200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()

        def log_message(self, *_words: Any) -> None:
            """Logs nothing."""

    with ThreadingHTTPServer(("127.0.0.1", service.app_port), EmptyPage) as app:
        Thread(target=app.serve_forever, daemon=True).start()
        yield service.app_port
        app.shutdown()


@needs_chromium
def test_an_app_on_another_port_of_localhost_signs_in_and_one_on_another_site_is_refused(
    service: Service, app_port: int, browser: Browser
) -> None:
    url = service.url.replace("127.0.0.1", "localhost")
    same_site, other_site = browser.new_context().new_page(), browser.new_context().new_page()
    same_site.goto(f"http://localhost:{app_port}/")
    other_site.goto(f"http://127.0.0.1:{app_port}/")
    assert same_site.evaluate(ASK, [url, SIGN_IN])["data"]["login"]["__typename"] == "SignedIn"
    assert same_site.evaluate(ASK, [url, VIEWER])["data"]["viewer"]["role"] == "MEMBER"
    assert same_site.evaluate("document.cookie") == ""
    assert "site" in str(other_site.evaluate(ASK, [url, SIGN_IN]))
    assert other_site.evaluate(ASK, [url, VIEWER])["data"]["viewer"]["role"] == "ANONYMOUS"
