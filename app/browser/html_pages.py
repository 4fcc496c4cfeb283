"""HTML pages: templates in `app/web` whose placeholders are filled with escaped text."""

from functools import cache
from html import escape
from pathlib import Path
from typing import Final

from starlette.requests import Request

WEB: Final = Path(__file__).parent.parent / "web"


def fill_template(name: str, **texts: str) -> str:
    """The template with each `{{placeholder}}` replaced by its text, escaped."""
    page = _template(name)
    for placeholder, text in texts.items():
        page = page.replace("{{" + placeholder + "}}", escape(text))
    return page


@cache
def _template(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")


def prefers_html(request: Request) -> bool:
    """Whether the client asks for HTML by name, and does not prefer JSON. A client without `Accept` gets JSON."""
    weights = dict(_weighted(part) for part in ",".join(request.headers.getlist("accept")).split(","))
    html = weights.get("text/html", 0.0)
    return html > 0 and html >= weights.get("application/json", 0.0)


def _weighted(part: str) -> tuple[str, float]:
    """A media range of an Accept header and its weight; an invalid weight counts as 0."""
    media_type, *parameters = (each.strip().lower() for each in part.split(";"))
    weight = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return media_type, float(weight)
    except ValueError:
        return media_type, 0.0
