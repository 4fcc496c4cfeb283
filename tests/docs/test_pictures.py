"""The texts of a picture fit their boxes in every font."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browsing import needs_chromium

ROOT = Path(__file__).resolve().parent.parent.parent
PICTURES = [ROOT / "app/web/decision.svg", *sorted((ROOT / "docs/pictures").glob("*.svg"))]
FONTS = ["sans-serif", "serif", "monospace", "DejaVu Sans, Verdana, sans-serif", "bold DejaVu Sans Mono, monospace"]
"""The last two are wide: they need about a quarter more room than the first."""

MEASURE = """() => {
  const boxes = [...document.querySelectorAll('rect')].map((each) => each.getBBox());
  const inside = (x, y, box) => x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
  const { width, height } = document.querySelector('svg').viewBox.baseVal;
  const texts = [...document.querySelectorAll('text')];
  return texts.map((each) => {
    const { x, y, width: long, height: high } = each.getBBox();
    const box = boxes.find((candidate) => inside(x, y + high / 2, candidate));
    const next = texts.map((other) => other.getBBox()).filter(
      (other) => other.x > x && Math.abs(other.y - y) < high / 2);
    const end = Math.min(box ? box.x + box.width - 6 : width, ...next.map((other) => other.x - 4));
    const fits = x + long <= end && y + high <= (box ? box.y + box.height : height);
    return fits && long >= each.getComputedTextLength() - 1 ? null : each.textContent;
  }).filter(Boolean);
}"""
"""The texts that are wider than their box, reach the text to their right, or leave the picture."""


def overflowing(browser: Browser, picture: Path, font: str) -> Any:
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    weight, family = ("bold", font[5:]) if font.startswith("bold ") else ("normal", font)
    style = f"<style>svg {{ width: 940px }} svg text {{ font-family: {family}; font-weight: {weight} }}</style>"
    page.set_content(style + picture.read_text(encoding="utf-8"))
    found = page.evaluate(MEASURE)
    page.close()
    return found


@needs_chromium
@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.stem)
def test_texts_fit_their_boxes_in_every_font(browser: Browser, picture: Path) -> None:
    assert {font: overflowing(browser, picture, font) for font in FONTS} == {font: [] for font in FONTS}


@needs_chromium
def test_a_text_that_is_too_long_is_found(browser: Browser, tmp_path: Path) -> None:
    picture = tmp_path / "picture.svg"
    text = PICTURES[0].read_text(encoding="utf-8")
    picture.write_text(text.replace("null, HIDDEN", "null, HIDDEN BY THE SUBJECT"), encoding="utf-8")
    assert overflowing(browser, picture, "sans-serif") == ["null, HIDDEN BY THE SUBJECT"]
