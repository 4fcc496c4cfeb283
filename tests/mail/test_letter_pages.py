"""The pages behind a letter's link work in a real browser, do not store the token, and load no other site."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from app.mail import letter_pages
from app.main import create
from app.settings import Settings
from tests.browsing import NOTHING_STORED, STORAGE, needs_chromium
from tests.serving import serving

TOKEN = "cql_ml_" + "A" * 49
PAGES = {"verify": "verifyEmail", "reset": "resetPassword"}


@pytest.mark.parametrize("environment", ["development", "production"])
@pytest.mark.parametrize("name", PAGES)
async def test_a_letter_page_loads_only_files_of_this_service(environment: str, name: str) -> None:
    settings = Settings(environment=environment, secret_keys=("k" * 48,), rate_limits="off")
    transport = httpx.ASGITransport(create(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://consentql.test") as client:
        page = await client.get(f"/{name}")
        files = [await client.get(f"/{path}") for path in re.findall(r'(?:src|href)="(letter/[^"]+)"', page.text)]
        outside = [await client.get(f"/letter/{path}") for path in ("fetch.py", "..%2Ffetch.py", "verify.html")]
    assert [answer.status_code for answer in (page, *files, *outside)] == [200] * 3 + [404] * 3
    assert {answer.headers["content-security-policy"] for answer in (page, *files)} == {letter_pages.POLICY}
    assert "unsafe" not in letter_pages.POLICY
    assert page.headers["referrer-policy"] == "no-referrer"
    assert re.findall(r"<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=", page.text) == []
    texts = [page.text.replace("http://www.w3.org/2000/svg", ""), *(file.text for file in files)]
    assert [text for text in texts if "//" in re.sub(r"^//.*", "", text, flags=re.MULTILINE)] == []


@pytest.mark.parametrize(("controller", "name"), [(None, "ConsentQL"), ("Ada & <Co>", "Ada &amp; &lt;Co&gt;")])
@pytest.mark.parametrize("page", PAGES)
async def test_a_page_carries_the_name_of_the_service(page: str, controller: str | None, name: str) -> None:
    transport = httpx.ASGITransport(create(Settings(secret_keys=("k" * 48,), controller_name=controller)))
    async with httpx.AsyncClient(transport=transport, base_url="http://consentql.test") as client:
        text = (await client.get(f"/{page}")).text
    assert f"<title>{name} ·" in text
    assert f'<p class="service">{name}</p>' in text
    assert "{{" not in text


@dataclass
class Reader:
    """A person who opens a page, and the service that answers."""

    address: str
    page: Page
    asked: list[Any] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    answer: Any = None

    def graphql(self, route: Route) -> None:
        self.asked.append(route.request)
        if self.answer is None:
            route.abort()
        else:
            route.fulfill(status=200, content_type="application/json", body=json.dumps(self.answer))

    def opens(self, name: str, fragment: str = f"#token={TOKEN}") -> None:
        self.page.goto(f"{self.address}/{name}{fragment}")


@pytest.fixture(scope="module")
def address(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("pages")
    shutil.copy(sqlite_template, folder / "pages.db")
    with serving(f"sqlite+aiosqlite:///{folder / 'pages.db'}", folder) as server:
        yield server.url


@pytest.fixture
def reader(address: str, browser: Browser) -> Iterator[Reader]:
    context = browser.new_context()
    made = Reader(address, context.new_page())
    made.page.on("request", lambda request: made.urls.append(request.url))
    made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
    made.page.on("console", lambda message: made.complaints.append(message.text) if message.type == "error" else None)
    made.page.route("**/graphql", made.graphql)
    yield made
    context.close()


@needs_chromium
class TestInBrowser:
    """One Chromium, one server; the mutations are answered here."""

    @pytest.mark.parametrize("name", PAGES)
    def test_a_reader_proves_the_mailbox_by_one_act_of_theirs(self, reader: Reader, name: str) -> None:
        reader.answer = {"data": {PAGES[name]: {"__typename": "Proven"}}}
        reader.opens(name)
        button, said = reader.page.get_by_role("button"), reader.page.get_by_role("status")
        expect(button).to_be_visible()
        assert reader.asked == [], "what only opens links, as scanners of mail do, proves nothing"
        assert reader.page.url == f"{reader.address}/{name}"
        if name == "reset":
            reader.page.get_by_label("New password").fill("a new one of mine")
        button.click()
        expect(said).to_contain_text("You can close this page")
        expect(said).to_be_focused()
        (asked,) = reader.asked
        variables = {"token": TOKEN} | ({"newPassword": "a new one of mine"} if name == "reset" else {})
        assert asked.post_data_json["variables"] == variables
        assert asked.post_data_json["documentId"] == f"consentql/{PAGES[name]}"
        assert not {"cookie", "authorization"} & set(asked.all_headers())
        assert reader.page.evaluate(STORAGE) == NOTHING_STORED
        assert all(url.startswith(f"{reader.address}/") for url in reader.urls if not url.startswith("data:"))
        assert reader.complaints == []

    @pytest.mark.parametrize("name", PAGES)
    def test_a_refusal_is_said_and_the_reader_can_go_on(self, reader: Reader, name: str) -> None:
        refusal = {"__typename": "Refusal", "code": "WEAK_PASSWORD", "message": "This is <b>said</b>."}
        reader.answer = {"data": {PAGES[name]: refusal}}
        reader.opens(name)
        if name == "reset":
            reader.page.get_by_label("New password").fill("short")
        reader.page.get_by_role("button").click()
        expect(reader.page.get_by_role("status")).to_have_text("This is <b>said</b>.")
        reader.answer = {"data": None, "errors": [{"message": "Too many requests."}]}
        reader.page.get_by_role("button").click()
        expect(reader.page.get_by_role("status")).to_have_text("Too many requests.")
        reader.answer = None
        reader.page.get_by_role("button").click()
        expect(reader.page.get_by_role("status")).to_contain_text("did not answer")
        expect(reader.page.get_by_role("button")).to_be_enabled()

    @pytest.mark.parametrize("name", PAGES)
    def test_without_a_link_the_page_offers_a_new_one(self, reader: Reader, name: str) -> None:
        reader.opens(name, "")
        expect(reader.page.get_by_role("status")).to_contain_text("Open the whole link in your e-mail")
        expect(reader.page.locator("#proof")).to_have_count(0)
        self.asks_for_a_new_link(reader)

    @pytest.mark.parametrize("name", PAGES)
    def test_a_dead_link_is_replaced_by_the_offer_of_a_new_one(self, reader: Reader, name: str) -> None:
        expired = {"__typename": "Refusal", "code": "TOKEN_EXPIRED", "message": "This link has expired."}
        reader.answer = {"data": {PAGES[name]: expired}}
        reader.opens(name)
        expect(reader.page.get_by_label("Send a new link to")).to_be_hidden()
        if name == "reset":
            reader.page.get_by_label("New password").fill("a new one of mine")
        reader.page.get_by_role("button").click()
        expect(reader.page.get_by_role("status")).to_have_text("This link has expired.")
        expect(reader.page.locator("#proof")).to_have_count(0)
        self.asks_for_a_new_link(reader)

    def asks_for_a_new_link(self, reader: Reader) -> None:
        status, button = reader.page.get_by_role("status"), reader.page.get_by_role("button", name="Send a new link")
        reader.asked.clear()
        button.click()
        assert reader.asked == [], "an address is required"
        reader.page.get_by_label("Send a new link to").fill("p@example.org")
        reader.answer = {"data": {"requestPasswordReset": None}, "errors": [{"message": "Too many attempts."}]}
        button.click()
        expect(status).to_have_text("Too many attempts.")
        reader.answer = {"data": {"requestPasswordReset": True}}
        button.click()
        expect(status).to_contain_text("If an account has this address, a new link is on its way.")
        expect(status).to_be_focused()
        expect(reader.page.get_by_role("button")).to_have_count(0)
        sent = [asked.post_data_json for asked in reader.asked]
        assert [each["variables"] for each in sent] == [{"email": "p@example.org"}] * 2
        assert all(each["documentId"] == "consentql/requestPasswordReset" for each in sent)
        assert reader.page.evaluate(STORAGE) == NOTHING_STORED

    @pytest.mark.parametrize("name", PAGES)
    def test_the_service_answers_the_request_for_a_new_link(self, reader: Reader, name: str) -> None:
        reader.page.unroute("**/graphql")
        reader.opens(name, "")
        reader.page.get_by_label("Send a new link to").fill("nobody@example.org")
        reader.page.get_by_role("button", name="Send a new link").click()
        expect(reader.page.get_by_role("status")).to_contain_text("If an account has this address")
        assert reader.complaints == []

    def test_whoever_confirms_an_address_signs_in_for_that_act_alone(self, reader: Reader) -> None:
        refusal = {"__typename": "Refusal", "code": "NOT_PERMITTED", "message": "Sign in."}
        reader.answer = {"data": {"verifyEmail": refusal}}
        reader.opens("verify")
        button = reader.page.get_by_role("button")
        expect(reader.page.get_by_label("E-mail address")).to_be_hidden()
        button.click()
        expect(reader.page.get_by_label("E-mail address")).to_be_focused()
        reader.page.keyboard.type("p@example.org")
        reader.page.keyboard.press("Tab")
        reader.page.keyboard.type("mine alone")
        verified = {"__typename": "EmailVerified"}
        reader.answer = {"data": {"login": {"accessToken": "of this act"}, "verifyEmail": verified, "logout": True}}
        reader.page.keyboard.press("Enter")
        expect(reader.page.get_by_role("status")).to_contain_text("You can close this page")
        sent = [(asked.post_data_json["variables"], asked.headers.get("authorization")) for asked in reader.asked[1:]]
        login = {"email": "p@example.org", "password": "mine alone"}
        assert sent == [(login, None), ({"token": TOKEN}, "Bearer of this act"), ({}, "Bearer of this act")]
        assert reader.page.evaluate(STORAGE) == NOTHING_STORED

    def test_every_control_has_a_name_and_the_keyboard_is_enough(self, reader: Reader) -> None:
        reader.answer = {"data": {"resetPassword": {"__typename": "PasswordChanged"}}}
        reader.opens("reset")
        for role, named in (("heading", "Set a new password"), ("checkbox", "Show it"), ("button", "Set the password")):
            expect(reader.page.get_by_role(role, name=named)).to_be_visible()  # type: ignore[arg-type]
        reader.page.keyboard.press("Tab")
        reader.page.keyboard.type("a new one of mine")
        reader.page.keyboard.press("Enter")
        expect(reader.page.get_by_role("status")).to_contain_text("every session has ended")
