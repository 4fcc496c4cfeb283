"""The regions of the example clients, and how long sessions last."""

import re
from datetime import timedelta
from pathlib import Path
from textwrap import dedent
from typing import Final

from app.browser.cross_origin import CLIENT_HEADERS, OWN_HEADERS, READABLE_HEADERS
from docs.generated.markdown import code, codes, table
from models.tokens.session_tokens import ACCESS_TOKEN_LIFETIME, SESSION_LIFETIMES

EXAMPLES: Final = Path(__file__).resolve().parent.parent.parent / "examples" / "clients"
LANGUAGES: Final = {".js": "js", ".py": "python"}
REGION: Final = re.compile(r"^ *(?://#|# )region (\S+)\n(.*?)\n *(?://#|# )endregion$", re.MULTILINE | re.DOTALL)


def parts() -> dict[str, str]:
    """The generated parts of `clients.md`: each region is named after its file and itself."""
    return {"lifetimes": _lifetimes(), "headers": _headers(), **_regions()}


def _lifetimes() -> str:
    rows = [
        (code(transport.value), _length(ACCESS_TOKEN_LIFETIME), _length(lifetime.idle), _length(lifetime.absolute))
        for transport, lifetime in SESSION_LIFETIMES.items()
    ]
    return table(("transport", "access token", "session without a refresh", "session in total"), rows)


def _headers() -> str:
    rows = [
        ("may send, for this API", codes(OWN_HEADERS)),
        ("may send, for other tools", codes(CLIENT_HEADERS)),
        ("may read", codes(READABLE_HEADERS)),
    ]
    return table(("scripts", "headers"), rows)


def _length(time: timedelta) -> str:
    return f"{time.days} days" if time.days else f"{time.seconds // 60} minutes"


def _regions() -> dict[str, str]:
    files = sorted(path for path in [*EXAMPLES.glob("*.*"), *EXAMPLES.glob("relay/*.js")] if path.suffix in LANGUAGES)
    return {
        f"{path.stem}_{name}".replace("-", "_"): f"```{LANGUAGES[path.suffix]}\n{dedent(text).strip()}\n```"
        for path in files
        for name, text in REGION.findall(path.read_text(encoding="utf-8"))
    }
