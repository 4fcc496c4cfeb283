"""Profile values are stored in one normalized form, or refused with the path of the field."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import phonenumbers
import pytest

from app.commands.people.demo_people import Population, sign_in_people
from models.statistics.countries import COUNTRIES
from permissions.version_numbers import current_version
from resolvers.imports.parse_line import parse_person
from tests.serving import consentql
from tests.world import World

UPDATE = """mutation ($input: ProfileInput!) { updateProfile(input: $input) {
  ... on ProfileUpdated { user { mobilePhone avatarUrl country publicPages { url } } }
  ... on Refusal { code field message } } }"""
FORM = """mutation ($input: PreRegistrationInput!) { updatePreRegistration(input: $input) {
  ... on Refusal { code field } } }"""
REGISTER = """mutation ($input: RegisterInput!) { register(input: $input) { ... on Refusal { code field } } }"""

NUMBERS = {
    "+372 5555 0101": "+37255550101",
    "+1 (512) 555-0101": "+15125550101",
    "+49 (0) 176 0406 1234": "+4917604061234",
    "+39 06 6982": "+39066982",
    "  +81 90-5555-1234 ": "+819055551234",
    "+99912345678": "+99912345678",
    "+３７２５５５５０１０１": "+37255550101",
    "\u202a\uff0b372\u00a05555\u20110101\u202c": "+37255550101",
}
NO_NUMBERS = (
    "5555 0101",
    "00372 5555 0101",
    "0372 5555 0101",
    "+372 55",
    "+999 5555 0101",
    "+1 800 FLOWERS",
    "+372 5555 0101 ext. 5",
    "tel:+37255550101",
    "call +372 5555 0101",
    "+372 5555\n0101",
    "+37² 5555 0101",
    "+⑤37255550101",
    "+0123456789",
    "+1234567890123456",
)
ADDRESSES = (
    "https://img.example.org/a.webp?x=1#y",
    "HTTP://example.org:8080/",
    "https://bücher.example/ü",
    "https://[2001:db8::1]/",
)
NO_ADDRESSES = (
    "javascript:alert(1)",
    "JavaScript://example.org/%0aalert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "ftp://example.org/",
    "//example.org/",
    "https:example.org",
    "https:///example.org",
    "https://user@example.org/",
    "https://user:secret@example.org/",
    "https://@example.org/",
    "https://example.org\\@evil.example/",
    "https://example.org/a b",
    "https://example.org/\tb",
    "https://example.org/\u202egnp.exe",
    "https://exam\u200bple.org/",
    "https://example.org:0/",
    "https://example.org:99999/",
    "https://",
)


@pytest.mark.parametrize("written", NUMBERS)
async def test_a_phone_number_is_stored_in_e164(world: World, written: str) -> None:
    _, mine = await world.member("p@example.org")
    kept = (await world.data(UPDATE, mine, {"input": {"mobilePhone": written}}))["updateProfile"]
    assert kept["user"]["mobilePhone"] == NUMBERS[written]


async def test_a_phone_number_without_a_valid_country_code_is_refused(world: World) -> None:
    _, mine = await world.member("p@example.org")
    for written in NO_NUMBERS:
        input = {"mobilePhone": written, "country": "EE"}
        told = (await world.data(UPDATE, mine, {"input": input}))["updateProfile"]
        assert (told.get("code"), told.get("field")) == ("INVALID_INPUT", "input.mobilePhone"), written
        assert written.strip() not in told["message"]


async def test_a_url_must_use_http_and_have_no_credentials(world: World) -> None:
    _, mine = await world.member("p@example.org")
    for address in ADDRESSES:
        kept = (await world.data(UPDATE, mine, {"input": {"avatarUrl": address}}))["updateProfile"]
        assert kept["user"]["avatarUrl"] == address
    page = {"title": "t", "url": "https://t.example.org"}
    for address in NO_ADDRESSES:
        for input, field in (
            ({"avatarUrl": address}, "input.avatarUrl"),
            ({"wallpaperUrl": address}, "input.wallpaperUrl"),
            ({"publicPages": [page, {**page, "url": address}]}, "input.publicPages.1.url"),
        ):
            told = (await world.data(UPDATE, mine, {"input": input}))["updateProfile"]
            assert (told.get("code"), told.get("field")) == ("INVALID_INPUT", field), address


async def test_a_country_must_be_an_iso_3166_code_everywhere(world: World) -> None:
    assert len(COUNTRIES) == 249
    _, mine = await world.member("p@example.org", ("SOCIAL", "EXPANSION"))
    refused = {"code": "INVALID_INPUT", "field": "input.country"}
    for code in ("XX", "EST", "UK", "E", "ıs"):
        profile = (await world.data(UPDATE, mine, {"input": {"country": code}}))["updateProfile"]
        form = (await world.data(FORM, mine, {"input": {"country": code}}))["updatePreRegistration"]
        assert {key: profile[key] for key in refused} == form == refused
    input = {
        "email": "new@example.org",
        "password": "correct horse battery staple",
        "preRegistration": {"country": "XX"},
        "consents": ["EXPANSION"],
        "policyVersion": current_version().name,
    }
    told = (await world.data(REGISTER, None, {"input": input}))["register"]
    assert told == {"code": "INVALID_INPUT", "field": "input.preRegistration.country"}
    told = (await world.data(REGISTER, None, {"input": {**input, "email": "no address"}}))["register"]
    assert told == {"code": "INVALID_INPUT", "field": "input.email"}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_an_import_applies_the_same_rules(database_url: str, tmp_path: Path) -> None:
    lines: list[tuple[dict[str, Any], str]] = [
        *(({"mobilePhone": written}, "profile.mobilePhone") for written in NO_NUMBERS),
        *(({"avatarUrl": address}, "profile.avatarUrl") for address in NO_ADDRESSES),
        ({"country": "UK"}, "profile.country"),
    ]
    people = [{"email": f"p{place}@example.org", "profile": each} for place, (each, _) in enumerate(lines)]
    file = tmp_path / "users.jsonl"
    file.write_text("".join(json.dumps(each) + "\n" for each in people))
    done = consentql(database_url, "import", str(file), cwd=tmp_path)
    told = [text.split(": ")[1] for text in done.stderr.splitlines() if text.startswith("line ")]
    assert told == [field for _, field in lines]


def test_the_phone_numbers_of_demo_people_are_valid() -> None:
    now = datetime.now(UTC)
    lines = [*sign_in_people(), *Population(1000, 1, now).lines()]
    for each in lines:
        number = parse_person(each, now).profile["mobile_phone"]
        assert number == each["profile"]["mobilePhone"]
        region = phonenumbers.region_code_for_number(phonenumbers.parse(number))
        assert region == each["profile"]["country"]
