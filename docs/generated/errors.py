"""Error codes, HTTP statuses and refusals, read from their tables and from the schema."""

from graphql import GraphQLEnumType

from app.http.statuses import STATUSES
from docs.generated.markdown import code, table
from models.vocabulary import RefusalCode
from permissions.error_codes import ERRORS, FORBIDDEN_REASONS
from permissions.graphql.root_field_rules import REPEATABLE_MUTATIONS
from schema.build import build


def parts() -> dict[str, str]:
    """The generated parts of `errors.md`."""
    errors = [
        (code(name), ", ".join(map(str, text.statuses)), text.occurs, text.remedy) for name, text in ERRORS.items()
    ]
    reasons = [(code(name), text.occurs, text.remedy) for name, text in FORBIDDEN_REASONS.items()]
    statuses = [(str(number), text.occurs, text.remedy) for number, text in STATUSES.items()]
    return {
        "errors": table(("code", "HTTP status", "occurs", "remedy"), errors),
        "reasons": table(("reason", "occurs", "remedy"), reasons),
        "statuses": table(("status", "occurs", "remedy"), statuses),
        "repeatable": ", ".join(code(name) for name in sorted(REPEATABLE_MUTATIONS)),
        "refusals": table(("code", "when it occurs, and what to do"), _refusals()),
    }


def _refusals() -> list[tuple[str, str]]:
    kind = build().graphql.type_map[RefusalCode.__name__]
    if not isinstance(kind, GraphQLEnumType):
        raise TypeError(f"{RefusalCode.__name__} is not an enum of the schema")
    return [(code(name), value.description or "") for name, value in kind.values.items()]
