"""The reference pages and pictures show what the program does."""

from docs.build import texts


def test_generated_pages_and_pictures_are_up_to_date() -> None:
    outdated = [path.name for path, text in texts().items() if path.read_text(encoding="utf-8") != text]
    assert outdated == [], "run `make docs`"
