"""New passwords are checked for length, strength, leaks and known words, and every fault is named."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.mutation_outcomes import Refused
from models.vocabulary import RefusalCode
from permissions.caller import Caller
from resolvers.context import Context
from resolvers.sign_in import password_rules
from resolvers.sign_in.new_password import check_and_hash
from resolvers.sign_in.password_rules import MIN_WORD_LENGTH, FaultKind, faults
from resolvers.subjects.password_owner import PasswordOwner
from tests.identity import STRONG
from tests.world import World

ADA = ("ada.lovelace@example.org", "Ada", "Lovelace")


REASONS: list[tuple[str, set[FaultKind]]] = [
    ("grey otter w", set()),
    ("grey otter ", {FaultKind.SHORT}),
    ("\U0001f9c0" * 11, {FaultKind.SHORT, FaultKind.GUESSABLE}),
    ("ж" * 129, {FaultKind.LONG}),
    ("correct horse battery staple", set()),
    ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", {FaultKind.GUESSABLE}),
    ("passwordpasswordpassword", {FaultKind.GUESSABLE, FaultKind.BREACHED}),
    ("correcthorsebatterystaple", {FaultKind.BREACHED}),
    ("correcthorsebatterystaple2026!!", {FaultKind.BREACHED}),
    ("CORRECTHORSEBATTERYSTAPLE", {FaultKind.BREACHED}),
    ("c0rr3ctH0rseB@ttery$tap|e", {FaultKind.BREACHED}),
    ("river of consentql rain", {FaultKind.CONTEXT}),
    ("river of 3DPR1NT3R0S rain", {FaultKind.CONTEXT}),
    ("river of lovelace rain", {FaultKind.CONTEXT}),
    ("river of L0VE1@CE rain", {FaultKind.CONTEXT}),
    ("river of ada.lovelace rain", {FaultKind.CONTEXT}),
    ("canada is a wide river", set()),
    ("river of ada rain 42", {FaultKind.CONTEXT}),
    ("river-7ADA7-rain 42", {FaultKind.CONTEXT}),
    ("river of madam rain 42", set()),
    ("Password12345!", {FaultKind.GUESSABLE, FaultKind.BREACHED}),
    ("P@ssw0rd12345!", {FaultKind.GUESSABLE, FaultKind.BREACHED}),
    ("P@$$w0rd12345!?!", {FaultKind.GUESSABLE, FaultKind.BREACHED}),
    ("Passw0rd!2026!", {FaultKind.GUESSABLE, FaultKind.BREACHED}),
    ("wagon 92 85 17 63 40 28", set()),
]


@pytest.mark.parametrize(("password", "kinds"), REASONS)
def test_a_password_has_exactly_the_expected_faults(password: str, kinds: set[FaultKind]) -> None:
    found = faults(password, words=ADA)
    assert {fault.kind for fault in found} == kinds
    assert len(found) == len(kinds)


OWN_ADDRESSES = ("jo@example.org", "li@mail.strato-sphere.example", "ab.cd+ef@example.org", "abcd@example.org")


@pytest.mark.parametrize("address", OWN_ADDRESSES)
def test_no_password_contains_a_part_of_its_owners_address(address: str) -> None:
    local, _, domain = address.partition("@")
    name = domain.rpartition(".")[0]
    for word in {address, local, domain, name, *re.split(r"[\W_]", f"{local}.{name}")}:
        for spelled in (word, word.upper()):
            kinds = {fault.kind for fault in faults(f"river 8 {spelled} 8 gantry", words=(address,))}
            assert kinds == {FaultKind.CONTEXT}, spelled
        assert FaultKind.CONTEXT in {fault.kind for fault in faults(word, words=(address,))}, "the whole password"
    assert FaultKind.CONTEXT in {fault.kind for fault in faults(address.replace("o", "0"), words=(address,))}
    assert faults("river of an org gantry", words=(address,)) == (), "the top-level domain is nobody's"


@given(
    word=st.text("abcdxyz", min_size=1, max_size=6),
    before=st.sampled_from(["", "n", "é", " ", "7", "_", "-"]),
    after=st.sampled_from(["", "n", "é", " ", "7", "_", "-"]),
)
def test_a_short_word_counts_only_on_its_own(word: str, before: str, after: str) -> None:
    """That is: as the whole password, or between two characters that are not letters."""
    apart = all(each and not each.isalpha() for each in (before, after))
    expected = len(word) >= MIN_WORD_LENGTH or apart
    found = faults(f"RIVER{before}{word}{after}GANTRY", words=(word,))
    assert (FaultKind.CONTEXT in {fault.kind for fault in found}) is expected
    assert FaultKind.CONTEXT in {fault.kind for fault in faults(word, words=(word,))}


@given(
    signs=st.lists(st.booleans(), min_size=8, max_size=8),
    ending=st.text("!?#-_. ", max_size=4),
    stolen=st.sampled_from(["password12345", "passwordpassword", "correcthorse"]),
)
def test_signs_for_letters_and_endings_hide_no_stolen_password(signs: list[bool], ending: str, stolen: str) -> None:
    letters = dict(zip("aeiost", "@31057", strict=True))
    spelled = [letters.get(each, each) if sign else each for each, sign in zip(stolen, signs, strict=False)]
    found = faults("".join(spelled) + stolen[len(signs) :] + ending)
    assert FaultKind.BREACHED in {fault.kind for fault in found}


@pytest.mark.parametrize(
    "password", ["lowercase letters only", "UPPERCASE LETTERS ONLY", "92 85 17 63 40 28", "śćół żaba łyżka"]
)
def test_no_kind_of_character_is_required(password: str) -> None:
    assert faults(password) == ()


def test_staff_need_a_longer_password() -> None:
    for length, kinds in ((14, [FaultKind.SHORT]), (15, [])):
        assert [fault.kind for fault in faults("plum tide wagon"[:length], staff=True)] == kinds
        assert faults("plum tide wagon"[:length]) == ()


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_length_is_counted_in_composed_characters(form: str) -> None:
    for length, kinds in ((11, [FaultKind.SHORT]), (12, [])):
        text = unicodedata.normalize(form, "éôà ñüß çåøîï"[:length])
        assert [fault.kind for fault in faults(text)] == kinds


def test_only_the_first_19_characters_are_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    scored: list[int] = []
    stock = password_rules.zxcvbn
    monkeypatch.setattr(password_rules, "zxcvbn", lambda text: scored.append(len(text)) or stock(text))
    for length in (12, 19, 20, 72, 128):
        faults(("4@8({[<369|1!i0$5+7%2" * 7)[:length])
    assert max(scored) == 19
    assert len(scored) <= 10, "at most twice for each password"


async def test_the_refusal_names_the_field_and_every_fault_but_not_the_password(world: World) -> None:
    weak, context = "Lovelace99", Context(Caller(), world.services)
    owner = PasswordOwner(ADA[0], ADA[1:])
    refusal = await check_and_hash(context, weak, "input.password", owner)
    assert isinstance(refusal, Refused)
    assert (refusal.code, refusal.field) == (RefusalCode.WEAK_PASSWORD, "input.password")
    assert all(fault.reason in refusal.message for fault in faults(weak, words=ADA))
    assert weak.lower() not in refusal.message.lower()
    assert isinstance(await check_and_hash(context, STRONG, "input.password", owner), str)
