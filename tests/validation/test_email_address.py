"""Two spellings of one mailbox have the same canonical form, and those of two mailboxes differ."""

import unicodedata

import idna
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.email_address import (
    InvalidAddress,
    canonical_address,
    deliverable_address,
    given_address,
    lookup_address,
)
from models.pasted_text import INVISIBLE

ALIKE = (
    (
        "ada@example.org",
        "ADA@EXAMPLE.ORG",
        " Ada@Example.Org\u00a0",
        "\u202aada@example.org\u202c",
        "ada\uff20example.org",
    ),
    ("käthe@example.org", "KÄTHE@example.org", "ka\u0308the@example.org"),
    ("a@bücher.example.org", "A@BÜCHER.example.org", "a@xn--bcher-kva.example.org", "a@bu\u0308cher。example．org"),
    ("a@straße.example.org", "a@xn--strae-oqa.example.org"),
)
"""Spellings of one mailbox, line by line."""

APART = (
    ("strasse@example.org", "straße@example.org"),
    ("a@strasse.example.org", "a@straße.example.org"),
    ("jose@example.org", "joſe@example.org"),
    ("fiona@example.org", "ﬁona@example.org"),
    ("a@example.org", "ａ@example.org"),
    ("a@βόλος.example.org", "a@βόλοσ.example.org"),
    ("a.b@example.org", "ab@example.org"),
    ("a+b@example.org", "a@example.org"),
    ("Σισ@example.org", "Σις@example.org"),
)
"""Mailboxes that look or sound similar."""


@pytest.mark.parametrize("spellings", ALIKE)
def test_spellings_of_one_mailbox_are_equal(spellings: tuple[str, ...]) -> None:
    assert len({canonical_address(each) for each in spellings}) == 1


@pytest.mark.parametrize("mailboxes", APART)
def test_mailboxes_that_look_alike_stay_apart(mailboxes: tuple[str, ...]) -> None:
    assert len({canonical_address(each) for each in mailboxes}) == len(mailboxes)


LOCAL = st.text(st.characters(codec="utf-8", categories=["L", "N", "M"]), min_size=1, max_size=20)


@given(LOCAL)
@example("İ")
@example("ΑΣ")
@example("ǅ")
def test_the_canonical_form_is_nfc_in_lower_case_and_its_own_canonical_form(local: str) -> None:
    key = lookup_address(f"{local}@Bücher.example.org")
    if key:
        composed = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())
        assert key == f"{composed}@{idna.encode('bücher.example.org').decode()}"
        assert canonical_address(key) == key
        for form in ("NFC", "NFD"):
            assert canonical_address(unicodedata.normalize(form, f"{local}@bücher.example.org")) == key


@given(LOCAL, st.text(" \t\n\u00a0\u3000" + INVISIBLE, max_size=5))
def test_a_letter_goes_to_the_address_as_it_was_given(local: str, edge: str) -> None:
    written = f"{local}@Straße.Example.org"
    if lookup_address(written):
        assert given_address(edge + written + edge) == written
        assert deliverable_address(written) == f"{local}@xn--strae-oqa.example.org"


@pytest.mark.parametrize(
    "text", ["", "@", "a", "a@", "@example.org", "a b@example.org", "a\u200b@example.org", "a@-.org", "a@xn--a.org"]
)
def test_a_text_that_is_no_address_has_no_form(text: str) -> None:
    for form in (canonical_address, given_address, deliverable_address):
        with pytest.raises(InvalidAddress):
            form(text)
    assert lookup_address(text) == ""
