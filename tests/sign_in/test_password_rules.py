"""New passwords are checked for length, strength, leaks and known words, and every fault is named."""

import unicodedata

import pytest

from models.mutation_outcomes import Refused
from models.vocabulary import RefusalCode
from permissions.caller import Caller
from resolvers.context import Context
from resolvers.sign_in import password_rules
from resolvers.sign_in.new_password import check_and_hash
from resolvers.sign_in.password_rules import FaultKind, faults
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
]


@pytest.mark.parametrize(("password", "kinds"), REASONS)
def test_a_password_has_exactly_the_expected_faults(password: str, kinds: set[FaultKind]) -> None:
    found = faults(password, words=ADA)
    assert {fault.kind for fault in found} == kinds
    assert len(found) == len(kinds)


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
    assert len(scored) == 5


async def test_the_refusal_names_the_field_and_every_fault_but_not_the_password(world: World) -> None:
    weak, context = "Lovelace99", Context(Caller(), world.services)
    refusal = await check_and_hash(context, weak, "input.password", ADA)
    assert isinstance(refusal, Refused)
    assert (refusal.code, refusal.field) == (RefusalCode.WEAK_PASSWORD, "input.password")
    assert all(fault.reason in refusal.message for fault in faults(weak, words=ADA))
    assert weak.lower() not in refusal.message.lower()
    assert isinstance(await check_and_hash(context, STRONG, "input.password", ADA), str)
