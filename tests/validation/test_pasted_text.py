"""Pasted text is read as a person reads it, in the API and in imports."""

import unicodedata
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from models.letters import LinkUse
from models.pasted_text import INVISIBLE, MOST_MARKS, UNSEEN, one_line, plain, trimmed
from models.tables import ACCESS_TOKENS
from permissions.version_numbers import current_version
from resolvers.imports.parse_line import CONSENT_KEYS, FORM_KEYS, KEYS, PROFILE_KEYS, parse_person
from resolvers.validation import free_text
from resolvers.validation.free_text import InvalidValue
from resolvers.validation.profile_values import clean_phone, clean_pre_registration, clean_profile
from tests.identity import (
    Clock,
    complete_login,
    enrol_authenticator,
    mailed_tokens,
    new_challenge,
    register,
    sign_in,
    verify_email,
)
from tests.world import FORM, PROFILE, World, codes, line

SPACES = " \u00a0\u2007\u202f\u3000"
HIDDEN = st.text(st.sampled_from(INVISIBLE), max_size=3)
BETWEEN = ("", "", "", " ", "\u00a0", "‑", "–")
SCRIPTS = "0٠۰०๐０𝟎"
"""The zero of some scripts. The other nine digits follow it."""


@given(st.sampled_from(("+491712345678", "+33612345678", "+37255550101")), st.data())
def test_a_phone_number_in_any_script_with_any_blanks_is_the_same_number(number: str, data: st.DataObject) -> None:
    zero = data.draw(st.sampled_from(SCRIPTS))
    written = data.draw(st.sampled_from("+＋﹢"))
    for digit in number[1:]:
        written += (
            data.draw(HIDDEN)
            + chr(ord(zero) + int(digit))
            + data.draw(st.sampled_from(("", "", "", " ", "\u00a0", "‑", "–")))
        )
    written = data.draw(HIDDEN) + "".join(written)
    if len(plain(written)) <= 32 and "--" not in plain(written):
        assert clean_phone("mobilePhone", written) == number


WRAPPED = {
    "blanks": lambda text: f" \u00a0{text}\u3000\t",
    "directions": lambda text: f"\u202a{text}\u202c",
    "isolates": lambda text: f"\u2068{text}\u2069\u200f",
    "zero width": lambda text: f"\ufeff\u200b{text}\u200b\u2060",
}
WHOLE = line(
    "p@example.org",
    hidden=["CITY"],
    passwordHash="$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21l$YSBoYXNoIG9mIHRoaXJ0eSBieXRlcyBsZW4",
    consents=[
        {"purpose": "SOCIAL", "granted": True, "policyVersion": current_version().name, "at": "2026-11-02T08:00:00Z"}
    ],
)


def wrapped(value: Any, wrap: Any, *, keys: bool = False) -> Any:
    """The value with every text in it wrapped, or with every key."""
    if isinstance(value, dict):
        return {wrap(key) if keys else key: wrapped(each, wrap, keys=keys) for key, each in value.items()}
    if isinstance(value, list):
        return [wrapped(each, wrap, keys=keys) for each in value]
    return wrap(value) if isinstance(value, str) and not keys else value


@pytest.mark.parametrize("kind", WRAPPED)
def test_every_key_of_an_import_line_is_read_without_invisible_edges(kind: str) -> None:
    now = datetime.now(UTC)
    assert set(WHOLE) == KEYS - {"password"}, "a password is never changed"
    assert (set(WHOLE["profile"]), set(WHOLE["preRegistration"])) == (set(PROFILE_KEYS), set(FORM_KEYS))
    assert set(WHOLE["consents"][0]) == CONSENT_KEYS
    expected = asdict(parse_person(WHOLE, now))
    assert asdict(parse_person(wrapped(WHOLE, WRAPPED[kind]), now)) == expected
    named = {**WHOLE, "profile": {key: value for key, value in WHOLE["profile"].items() if key != "publicPages"}}
    assert asdict(parse_person(wrapped(named, WRAPPED[kind], keys=True), now)) == asdict(parse_person(named, now))


def test_a_key_that_is_there_in_two_spellings_is_refused() -> None:
    with pytest.raises(InvalidValue, match="email: is there twice"):
        parse_person({"email": "a@example.org", "email\u200b": "b@example.org"}, datetime.now(UTC))


@pytest.mark.parametrize("kind", WRAPPED)
def test_every_text_field_of_the_api_is_read_without_invisible_edges(kind: str) -> None:
    for clean, keys, values in ((clean_profile, PROFILE_KEYS, PROFILE), (clean_pre_registration, FORM_KEYS, FORM)):
        given = {keys[key]: value for key, value in values.items()}
        assert clean(wrapped(given, WRAPPED[kind])) == clean(given)


def test_a_short_text_has_ordinary_blanks_and_nothing_that_is_never_seen() -> None:
    cleaned = clean_profile(
        {"city": "New\u00a0York\u00ad City\u200b", "first_name": "مي\u200cخواهم", "about": "Prix\u00a0: 5"}
    )
    assert (cleaned["city"], cleaned["first_name"]) == ("New York City", "مي\u200cخواهم"), "a joiner is part of a word"
    assert cleaned["about"] == "Prix\u00a0: 5", "a long text keeps its typography"
    assert cleaned["city_folded"] == "new york city"


def test_a_search_finds_what_looks_the_same() -> None:
    folded = free_text.fold_for_search
    assert folded("Tal\u200blinn") == folded("\u202aTALLINN\u202c") == folded("tall\u00adinn")


@given(st.text())
def test_reading_a_text_twice_changes_nothing_more(text: str) -> None:
    for read in (trimmed, one_line, plain):
        assert read(read(text)) == read(text)
    assert not set(one_line(text)) & set(UNSEEN)


def test_an_emoji_keeps_the_parts_that_make_it() -> None:
    for emoji in ("👩‍👩‍👧", "❤️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👍🏽", "क्‍ष"):
        assert trimmed(f" {emoji}\u200b") == one_line(emoji) == emoji


async def test_codes_links_names_and_references_are_read_as_pasted(world: World) -> None:
    Clock(world)
    await register(world, "new@example.org")
    (link,) = await mailed_tokens(world, LinkUse.VERIFY)
    assert await verify_email(world, f"\u202a {link}\u200b\n") == {"email": "new@example.org"}
    answer = await sign_in(world, "new@example.org", client="\u2068my\u00a0phone\u2069")
    async with world.services.database.reading() as connection:
        assert "my phone" in (await connection.execute(select(ACCESS_TOKENS.c.name))).scalars().all()
    app, recovery = await enrol_authenticator(world, answer["accessToken"])
    for written in (
        f"\u200e{app.code()[:3]}\u00a0{app.code()[3:]}",
        "".join(chr(ord("０") + int(digit)) for digit in app.code(1)),
        f"\u202a{recovery[0].replace('-', '‑')}\u202c",
    ):
        challenge = await new_challenge(world, "new@example.org")
        assert (await complete_login(world, challenge, written))["__typename"] == "SignedIn"


MARKS = "".join(sorted(filter(unicodedata.combining, map(chr, range(0x300, 0x345))), key=unicodedata.combining)[::-1])


@pytest.mark.parametrize("name", [*PROFILE_KEYS, *FORM_KEYS])
def test_a_long_run_of_combining_marks_is_refused_before_it_is_normalized(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    normalized: list[str] = []

    def normalize(form: str, text: str) -> str:
        normalized.append(text)
        return unicodedata.normalize(form, text)

    counting = type("Counting", (), {"normalize": staticmethod(normalize), "category": unicodedata.category})
    monkeypatch.setattr(free_text, "unicodedata", counting)
    clean, keys = (clean_profile, PROFILE_KEYS) if name in PROFILE_KEYS else (clean_pre_registration, FORM_KEYS)
    for length in (MOST_MARKS + 1, 100):
        text = "a" + (MARKS * 3)[:length]
        value = [{"title": text, "url": "https://example.org", "body": None}] if name == "publicPages" else text
        with pytest.raises(InvalidValue):
            clean({keys[name]: value})
    assert normalized == []
    if name == "about":
        text = "a" + MARKS[:MOST_MARKS]
        assert clean_profile({"about": text * 100})["about"] == unicodedata.normalize("NFC", text * 100)


async def test_a_search_with_a_long_run_of_combining_marks_is_refused(world: World) -> None:
    _, mine = await world.member("p@example.org")
    document = "query ($s: String) { users(search: $s) { edges { cursor } } }"
    answer = await world.ask(document, mine, {"s": "a" + MARKS[: MOST_MARKS + 1]})
    assert (codes(answer), answer["errors"][0]["extensions"]["argument"]) == (["BAD_USER_INPUT"], "search")
    assert codes(await world.ask(document, mine, {"s": "ab" + MARKS[:MOST_MARKS]})) == []
