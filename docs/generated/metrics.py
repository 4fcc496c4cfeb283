"""The metrics, read from their declarations."""

from app import main  # noqa: F401  # declares every metric
from docs.generated.markdown import code, codes, sections, table
from models.telemetry.catalogue import CATALOGUE
from permissions.graphql.root_field_rules import ROOT_FIELD_RULES

ROOT_FIELDS = "each root field of the schema, as `Query.me`"
STATUSES = "an HTTP status, or `other`"
MANY = 20


def parts() -> dict[str, str]:
    """The generated parts of `metrics.md`."""
    rows = [
        (code(each.name), each.kind.value, "; ".join(_label(*pair) for pair in each.labels.items()), each.meaning)
        for each in sorted(CATALOGUE, key=lambda each: each.name)
    ]
    return {"metrics": sections([table(("metric", "type", "labels", "meaning"), rows)])}


def _label(name: str, values: tuple[str, ...]) -> str:
    if values == tuple(ROOT_FIELD_RULES):
        shown = ROOT_FIELDS
    elif name == "status":
        shown = STATUSES
    elif name in ("version", "policy"):
        shown = "the present one"
    else:
        shown = codes(str(value) for value in values)
    return f"{code(name)}: {shown}"
