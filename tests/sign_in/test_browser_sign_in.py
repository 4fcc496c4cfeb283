"""Registration and sign-in with a real browser, a real e-mail, a real process and an authenticator app."""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from playwright.sync_api import Page, expect

from permissions.version_numbers import current_version
from tests.browsing import chromium, needs_chromium
from tests.identity import BEGIN, COMPLETE, CONFIRM, LOGIN, REGISTER, STRONG
from tests.serving import consentql, serving

EMAIL = "ada@example.org"
ASK = """async ([document, variables, headers]) => (await fetch('/graphql', {
  method: 'POST', credentials: 'same-origin', body: JSON.stringify({query: document, variables}),
  headers: {'Content-Type': 'application/json', 'X-ConsentQL-Client': 'browser', ...headers},
})).json()"""
VIEWER = "{ viewer { role } me { emailVerified totpEnabled roles } }"


class BrowserSession:
    """A browser on a server, and the folder of its e-mails."""

    def __init__(self, url: str, folder: Path, page: Page) -> None:
        self.url, self.folder, self.page = url, folder, page
        self.page.goto(f"{url}/verify")

    def ask(self, document: str, variables: Any = None, **headers: str) -> Any:
        """The answer to a request from a script of the page."""
        return self.page.evaluate(ASK, [document, variables or {}, headers])["data"]

    def letter(self, subject: str) -> str:
        """Waits for the e-mail with this subject and returns its link."""
        for _ in range(100):
            for file in (self.folder / "var" / "mail").glob("*.eml"):
                text = file.read_text()
                if subject in text and (link := re.search(r"https?://\S+#token=\w+", text)):
                    return link[0]
            time.sleep(0.1)
        raise AssertionError("no e-mail arrived")


@pytest.fixture
def browser_session(sqlite_template: Path, tmp_path: Path) -> Iterator[BrowserSession]:
    shutil.copy(sqlite_template, tmp_path / "journey.db")
    url = f"sqlite+aiosqlite:///{tmp_path / 'journey.db'}"
    with serving(url, tmp_path) as server, chromium() as browser:
        yield BrowserSession(server.url, tmp_path, browser.new_page())


@needs_chromium
def test_a_person_registers_signs_in_and_gets_a_staff_token(browser_session: BrowserSession, tmp_path: Path) -> None:
    registration = {"email": EMAIL, "password": STRONG, "consents": ["SOCIAL"], "policyVersion": current_version().name}
    assert browser_session.ask(REGISTER, {"input": registration})["register"] == {"email": EMAIL}
    link = browser_session.letter("Confirm your e-mail address")
    browser_session.page.goto("about:blank")
    browser_session.page.goto(browser_session.url + "/verify#" + link.partition("#")[2])
    browser_session.page.get_by_role("button", name="Confirm the address").click()
    expect(browser_session.page.get_by_role("status")).to_contain_text("Your address is confirmed")

    entered = {"input": {"email": EMAIL, "password": STRONG, "transport": "COOKIE"}}
    assert browser_session.ask(LOGIN, entered)["login"]["__typename"] == "SignedIn"
    assert browser_session.page.evaluate("document.cookie") == "", "no script can read the session"
    seen = browser_session.ask(VIEWER)
    assert seen == {"viewer": {"role": "MEMBER"}, "me": {"emailVerified": True, "totpEnabled": False, "roles": []}}

    enrolment = browser_session.ask(BEGIN, {"p": STRONG})["beginTotpEnrolment"]
    totp = pyotp.TOTP(enrolment["secret"])
    assert (
        len(
            browser_session.ask(CONFIRM, {"c": totp.at(time.time(), counter_offset=-1)})["confirmTotpEnrolment"][
                "codes"
            ]
        )
        == 10
    )
    browser_session.ask("mutation { logout }")
    assert browser_session.ask(VIEWER)["viewer"] == {"role": "ANONYMOUS"}
    challenge = browser_session.ask(LOGIN, entered)["login"]["challenge"]
    answer = browser_session.ask(COMPLETE, {"input": {"challenge": challenge, "code": totp.now()}})["completeLogin"]
    assert answer["__typename"] == "SignedIn"

    url = f"sqlite+aiosqlite:///{tmp_path / 'journey.db'}"
    assert consentql(url, "grant-role", EMAIL, "SUPPORT", "--expires", "1d", cwd=tmp_path).returncode == 0
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    document = f"""mutation {{ issueRoleToken(input: {{role: SUPPORT, name: "desk", expiresAt: "{until}"}}) {{
      ... on RoleToken {{ token }} ... on Refusal {{ code }} }} }}"""
    token = browser_session.ask(document)["issueRoleToken"]["token"]
    tool = httpx.post(
        f"{browser_session.url}/graphql",
        json={"query": "{ viewer { role } }"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert tool.json()["data"]["viewer"]["role"] == "SUPPORT"


@needs_chromium
def test_another_site_cannot_use_the_session_of_a_browser(browser_session: BrowserSession) -> None:
    registration = {"email": EMAIL, "password": STRONG, "consents": [], "policyVersion": current_version().name}
    browser_session.ask(REGISTER, {"input": registration})
    browser_session.ask(LOGIN, {"input": {"email": EMAIL, "password": STRONG, "transport": "COOKIE"}})
    elsewhere = browser_session.url.replace("127.0.0.1", "localhost")
    browser_session.page.goto(f"{elsewhere}/verify")
    attack = """async ([url, headers]) => {
      const body = '{"query": "mutation { logout }"}';
      try {
        return (await fetch(url + '/graphql', {method: 'POST', credentials: 'include', headers, body})).status;
      } catch { return 'blocked'; } }"""
    for headers in ({}, {"Content-Type": "application/json", "X-ConsentQL-Client": "browser"}):
        assert browser_session.page.evaluate(attack, [browser_session.url, headers]) in ("blocked", 403, 415)
    browser_session.page.goto(f"{browser_session.url}/verify")
    assert browser_session.ask("{ viewer { role } }")["viewer"]["role"] == "MEMBER"
