"""The regions of the example clients, and how long sessions last."""

import re
from datetime import timedelta
from pathlib import Path
from textwrap import dedent
from typing import Final

from app.browser.cross_origin import CLIENT_HEADERS, OWN_HEADERS, READABLE_HEADERS
from app.graphql import document_limits
from docs.generated.markdown import code, codes, table
from models.tokens.session_tokens import ACCESS_TOKEN_LIFETIME, SESSION_LIFETIMES
from permissions.graphql.document_demand import MOST_SUBJECTS
from permissions.graphql.root_field_rules import ROOT_FIELD_RULES
from resolvers.processors.views import MOST_IDS

EXAMPLES: Final = Path(__file__).resolve().parent.parent.parent / "examples" / "clients"
LANGUAGES: Final = {".js": "js", ".py": "python"}
REGION: Final = re.compile(r"^ *(?://#|# )region (\S+)\n(.*?)\n *(?://#|# )endregion$", re.MULTILINE | re.DOTALL)


def parts() -> dict[str, str]:
    """The generated parts of `clients.md`: each region is named after its file and itself."""
    return {"lifetimes": _lifetimes(), "headers": _headers(), "limits": _limits(), **_regions()}


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


def _limits() -> str:
    """What one document may contain, and how often a caller may use the fields that cost much."""
    rows = [
        ("tokens", f"{document_limits.MAX_TOKENS:,}"),
        ("operations", "1"),
        ("levels", str(document_limits.MAX_DEPTH)),
        ("fields", str(document_limits.MAX_FIELDS)),
        ("aliases", str(document_limits.MAX_ALIASES)),
        ("fields of the same name at one level", str(document_limits.MAX_REPEATS)),
        ("subjects and list items that all pages and ids of it ask for", f"{MOST_SUBJECTS:,}"),
        ("ids in `userIds` of `openProcessorView`", f"{MOST_IDS:,}"),
    ]
    dear = ((coordinate, rule) for coordinate, rule in ROOT_FIELD_RULES.items() if rule.most and rule.rate)
    for coordinate, rule in dear:
        name = code(coordinate.partition(".")[2])
        uses, _, period = str(rule.rate).partition("/")
        limited = f"{name} with {code(rule.dear_with)}" if rule.dear_with else name
        rows.append((limited, f"{rule.most}, and {uses} in a {period}"))
    return table(("in one document", "at most"), rows)


def _length(time: timedelta) -> str:
    return f"{time.days} days" if time.days else f"{time.seconds // 60} minutes"


def _regions() -> dict[str, str]:
    files = sorted(path for path in [*EXAMPLES.glob("*.*"), *EXAMPLES.glob("relay/*.js")] if path.suffix in LANGUAGES)
    return {
        f"{path.stem}_{name}".replace("-", "_"): f"```{LANGUAGES[path.suffix]}\n{dedent(text).strip()}\n```"
        for path in files
        for name, text in REGION.findall(path.read_text(encoding="utf-8"))
    }
