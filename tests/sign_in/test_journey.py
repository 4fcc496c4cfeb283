"""A person's whole way in, as they walk it: a real browser, a real letter, a real process, an authenticator app."""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from permissions.version_numbers import current_version
from tests.graphql.test_graphiql import CHROMIUM, FLAGS
from tests.identity import BEGIN, COMPLETE, CONFIRM, LOGIN, REGISTER, STRONG
from tests.serving import consentql, serving

EMAIL = "ada@example.org"
ASK = """async ([document, variables, headers]) => (await fetch('/graphql', {
  method: 'POST', credentials: 'same-origin', body: JSON.stringify({query: document, variables}),
  headers: {'Content-Type': 'application/json', 'X-ConsentQL-Client': 'browser', ...headers},
})).json()"""
VIEWER = "{ viewer { role } me { emailVerified totpEnabled roles } }"


class Browsing:
    """One browser on one server, and the folder that its letters fall into."""

    def __init__(self, url: str, folder: Path, page: Page) -> None:
        self.url, self.folder, self.page = url, folder, page
        self.page.goto(f"{url}/verify")

    def ask(self, document: str, variables: Any = None, **headers: str) -> Any:
        """What the page's own script is answered."""
        return self.page.evaluate(ASK, [document, variables or {}, headers])["data"]

    def letter(self, subject: str) -> str:
        """The link in the letter of this subject, once it has come."""
        for _ in range(100):
            for file in (self.folder / "var" / "mail").glob("*.eml"):
                text = file.read_text()
                if subject in text and (link := re.search(r"https?://\S+#token=\w+", text)):
                    return link[0]
            time.sleep(0.1)
        raise AssertionError("no letter came")


@pytest.fixture
def browsing(sqlite_template: Path, tmp_path: Path) -> Iterator[Browsing]:
    shutil.copy(sqlite_template, tmp_path / "journey.db")
    url = f"sqlite+aiosqlite:///{tmp_path / 'journey.db'}"
    with serving(url, tmp_path) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield Browsing(server.url, tmp_path, browser.new_page())
        browser.close()


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on the path, nor in CHROMIUM")
def test_from_the_form_to_a_staff_token(browsing: Browsing, tmp_path: Path) -> None:
    given = {"email": EMAIL, "password": STRONG, "consents": ["SOCIAL"], "policyVersion": current_version().name}
    assert browsing.ask(REGISTER, {"input": given})["register"] == {"email": EMAIL}
    link = browsing.letter("Confirm your e-mail address")
    browsing.page.goto("about:blank")
    browsing.page.goto(browsing.url + "/verify#" + link.partition("#")[2])
    browsing.page.get_by_role("button", name="Confirm the address").click()
    expect(browsing.page.get_by_role("status")).to_contain_text("Your address is confirmed")

    entered = {"input": {"email": EMAIL, "password": STRONG, "transport": "COOKIE"}}
    assert browsing.ask(LOGIN, entered)["login"]["__typename"] == "SignedIn"
    assert browsing.page.evaluate("document.cookie") == "", "no script reads the session"
    seen = browsing.ask(VIEWER)
    assert seen == {"viewer": {"role": "MEMBER"}, "me": {"emailVerified": True, "totpEnabled": False, "roles": []}}

    begun = browsing.ask(BEGIN, {"p": STRONG})["beginTotpEnrolment"]
    totp = pyotp.TOTP(begun["secret"])
    assert (
        len(browsing.ask(CONFIRM, {"c": totp.at(time.time(), counter_offset=-1)})["confirmTotpEnrolment"]["codes"])
        == 10
    )
    browsing.ask("mutation { logout }")
    assert browsing.ask(VIEWER)["viewer"] == {"role": "ANONYMOUS"}
    challenge = browsing.ask(LOGIN, entered)["login"]["challenge"]
    answer = browsing.ask(COMPLETE, {"input": {"challenge": challenge, "code": totp.now()}})["completeLogin"]
    assert answer["__typename"] == "SignedIn"

    url = f"sqlite+aiosqlite:///{tmp_path / 'journey.db'}"
    assert consentql(url, "grant-role", EMAIL, "SUPPORT", "--expires", "1d", cwd=tmp_path).returncode == 0
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    document = f"""mutation {{ issueRoleToken(input: {{role: SUPPORT, name: "desk", expiresAt: "{until}"}}) {{
      ... on RoleToken {{ token }} ... on Refusal {{ code }} }} }}"""
    token = browsing.ask(document)["issueRoleToken"]["token"]
    tool = httpx.post(
        f"{browsing.url}/graphql", json={"query": "{ viewer { role } }"}, headers={"Authorization": f"Bearer {token}"}
    )
    assert tool.json()["data"]["viewer"]["role"] == "SUPPORT"


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on the path, nor in CHROMIUM")
def test_another_site_does_nothing_with_a_browsers_session(browsing: Browsing) -> None:
    given = {"email": EMAIL, "password": STRONG, "consents": [], "policyVersion": current_version().name}
    browsing.ask(REGISTER, {"input": given})
    browsing.ask(LOGIN, {"input": {"email": EMAIL, "password": STRONG, "transport": "COOKIE"}})
    elsewhere = browsing.url.replace("127.0.0.1", "localhost")
    browsing.page.goto(f"{elsewhere}/verify")
    attack = """async ([url, headers]) => {
      const body = '{"query": "mutation { logout }"}';
      try {
        return (await fetch(url + '/graphql', {method: 'POST', credentials: 'include', headers, body})).status;
      } catch { return 'blocked'; } }"""
    for headers in ({}, {"Content-Type": "application/json", "X-ConsentQL-Client": "browser"}):
        assert browsing.page.evaluate(attack, [browsing.url, headers]) in ("blocked", 403, 415)
    browsing.page.goto(f"{browsing.url}/verify")
    assert browsing.ask("{ viewer { role } }")["viewer"]["role"] == "MEMBER"
