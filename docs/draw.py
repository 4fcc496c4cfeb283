"""Draws the pictures of the documentation as SVG; the table of callers comes from the decision itself."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from models.vocabulary import Audience, PersonalField, Standing, mask_of
from permissions.decision import SubjectState, decide

F = PersonalField

CALLERS: Final = (
    ("Ada herself", Audience.SELF),
    ("a member", Audience.MEMBERS),
    ("a visitor", Audience.PUBLIC),
    ("an agent, open case", Audience.SUPPORT_CASE),
    ("Mailchimp", Audience.MAILCHIMP),
)
VALUES: Final = {
    F.FIRST_NAME: ("firstName", "Ada"),
    F.EMAIL: ("email", "ada@example.org"),
    F.MOBILE_PHONE: ("mobilePhone", "+43 664 555"),
    F.CITY: ("city", "Graz"),
    F.AVATAR_URL: ("avatarUrl", "https://…/ada.png"),
    F.IP_ADDRESS: ("ipAddress", "198.51.100.7"),
}
HIDDEN: Final = mask_of((F.EMAIL, F.MOBILE_PHONE))
CASE: Final = mask_of((F.EMAIL, F.FIRST_NAME))
"""What the agent's case lists as its scope."""

STYLE: Final = """
    text { fill: #1f2328 } .small { font-size: 12px; fill: #57606a } .head { font-weight: 600 }
    .box { fill: #f6f8fa; stroke: #8c959f } .read { fill: #dafbe1; stroke: #1a7f37 }
    .withheld { fill: #fff8c5; stroke: #9a6700 } .absent { fill: #ffebe9; stroke: #cf222e }
    .arrow { stroke: #57606a; fill: none } .tip { fill: #57606a }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } .small { fill: #9198a1 }
      .box { fill: #151b23; stroke: #656c76 } .read { fill: #12361f; stroke: #3fb950 }
      .withheld { fill: #3a2d0b; stroke: #d29922 } .absent { fill: #4a1a1c; stroke: #f85149 }
      .arrow { stroke: #9198a1 } .tip { fill: #9198a1 }
    }"""

LEFT: Final = 124
CELL: Final = (160, 38)
GAP: Final = 6
STEP: Final = (190, 96)


def svg(title: str, width: int, height: int, parts: Iterable[str]) -> str:
    """A whole picture. Its colors follow the reader's light or dark setting."""
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
            ' font-family="system-ui, sans-serif" font-size="14">',
            f"  <title>{escape(title)}</title>",
            f"  <style>{STYLE}\n  </style>",
            *(f"  {part}" for part in parts),
            "</svg>\n",
        )
    )


def words(x: int, y: int, text: str, kind: str = "", *, width: int = 0) -> str:
    """A line of text. If `width` is given, a wider font is squeezed into it (pixels)."""
    fit = f' textLength="{width}" lengthAdjust="spacingAndGlyphs"' if width else ""
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{named}{fit}>{escape(text)}</text>'


def box(x: int, y: int, size: tuple[int, int], kind: str) -> str:
    """A rounded rectangle of a kind that the style sheet colors."""
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{size[0]}" height="{size[1]}" rx="6"/>'


def _cell(x: int, y: int, audience: Audience, state: SubjectState, field: PersonalField) -> Iterable[str]:
    decided = decide(audience, state)
    if not decided.mask:
        kind, text = "absent", "absent"
    elif decided.mask & field.bit:
        kind, text = "read", VALUES[field][1]
    else:
        reason = next(each.reason for each in decided.withheld if each.field is field)
        kind, text = "withheld", f"null · {reason.value}"
    yield box(x, y, CELL, kind)
    yield words(x + 10, y + 24, text, "small" if kind == "withheld" else "")


def _table(y: int, sentence: str, state: SubjectState) -> Iterable[str]:
    yield words(10, y, sentence, "head")
    for place, (name, _) in enumerate(CALLERS):
        yield words(LEFT + place * (CELL[0] + GAP) + 10, y + 30, name, "small")
    for line, field in enumerate(VALUES):
        top = y + 40 + line * (CELL[1] + GAP)
        yield words(10, top + 24, VALUES[field][0])
        for place, (_, audience) in enumerate(CALLERS):
            yield from _cell(LEFT + place * (CELL[0] + GAP), top, audience, state, field)


def five_callers() -> str:
    """One subject as five callers read her, before and after she withdraws SOCIAL."""
    consenting = SubjectState(standing=Standing.SOCIAL, hidden=HIDDEN, extent=CASE)
    withdrawn = SubjectState(standing=Standing.NONE, hidden=HIDDEN, extent=CASE)
    height = 40 + len(VALUES) * (CELL[1] + GAP) + 40
    parts = [
        *_table(30, "Ada consents to SOCIAL and hides her e-mail address and phone from members.", consenting),
        *_table(30 + height, "Ada withdraws SOCIAL. This is what the next read returns.", withdrawn),
    ]
    width = LEFT + len(CALLERS) * (CELL[0] + GAP) + 4
    return svg("One subject as five callers read her", width, 2 * height + 10, parts)


Steps = Sequence[tuple[str, str, Sequence[str]]]
"""Boxes from left to right: the kind of box, its heading, and its lines."""


def steps(title: str, boxes: Steps) -> str:
    """Boxes from left to right, joined by arrows."""
    parts = []
    for place, (kind, heading, lines) in enumerate(boxes):
        x = 10 + place * (STEP[0] + 30)
        parts += [box(x, 10, STEP, kind), words(x + 12, 34, heading, "head")]
        parts += [words(x + 12, 56 + 18 * row, line, "small") for row, line in enumerate(lines)]
        if place:
            parts.append(f'<path class="arrow" d="M{x - 30} 58 H{x - 8}"/>')
            parts.append(f'<path class="tip" d="M{x - 9} 53 l9 5 -9 5z"/>')
    return svg(title, len(boxes) * (STEP[0] + 30) - 10, STEP[1] + 20, parts)


def pictures() -> dict[str, str]:
    """Every picture of the documentation by the name of its file."""
    return {
        "five-callers.svg": five_callers(),
        "consent.svg": steps(
            "What happens when consent is withdrawn",
            (
                ("box", "withdrawConsent", ("one row is appended", "to the history")),
                ("absent", "next read", ("the value leaves no", "database row")),
                ("withheld", "processors", ("get a list to erase,", "until they acknowledge")),
                ("box", "30 days later", ("values stored only for", "this purpose are erased")),
            ),
        ),
        "ledger.svg": steps(
            "How a reading by staff or a processor is recorded",
            (
                ("box", "query", ("by staff or a", "processor")),
                ("box", "values are read", ("only fields that the", "policy allows")),
                ("read", "one ledger entry", ("person and root field:", "who, what, why, when")),
                ("box", "answer is sent", ("never before the", "entry is written")),
            ),
        ),
        "statistics.svg": steps(
            "How a count becomes public",
            (
                ("box", "consenting people", ("verified, not staff,", "with standing consent")),
                ("box", "true count", ("never stored,", "one release at a time")),
                ("withheld", "noise and rounding", ("small groups are", "left out")),
                ("read", "sealed release", ("the same answer", "for every caller")),
            ),
        ),
        "erasure.svg": steps(
            "From the request to erasure",
            (
                ("box", "requestErasure", ("password, and a code", "if 2FA is on")),
                ("absent", "grace period", ("absent for all others,", "sessions have ended")),
                ("withheld", "cancelErasure", ("possible until the", "grace period ends")),
                ("box", "consentql retention", ("erases the account;", "legal records stay")),
            ),
        ),
    }
