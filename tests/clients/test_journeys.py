"""The example clients sign in, read pages, see a change of consent, refresh their session and sign out."""

from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser

from app.commands.people.demo_people import PASSWORD
from examples.clients.python_client import Client, RequestFailed
from tests.browsing import needs_chromium
from tests.clients.journeys import EMAIL, Service, run
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


@pytest.mark.parametrize("client", ["apollo", "urql", "relay"])
def test_a_web_app_ends_its_journey(node: None, service: Service, client: str) -> None:
    assert service.journey(client) == [*STEPS, "session that ended"]


def test_a_mobile_app_ends_its_journey(node: None, service: Service) -> None:
    assert service.journey("mobile") == STEPS


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
