"""Metrics of operations: root fields by result, and refusals by reason."""

from collections.abc import Sequence
from typing import Final

from graphql import GraphQLError

from models.telemetry.catalogue import counters, histograms
from models.vocabulary import ForbiddenReason, RefusalCode
from permissions.error_codes import ErrorCode
from permissions.graphql.answered_field import AnsweredField
from permissions.graphql.root_field_rules import ROOT_FIELD_RULES

OK: Final = "OK"
ROOT_FIELDS: Final = histograms(
    "consentql_root_field_seconds",
    "Time to the answer of a root field. `code` is the code of its first error, or OK.",
    field=ROOT_FIELD_RULES,
    code=(OK, *ErrorCode),
)
REFUSALS: Final = counters(
    "consentql_refusals",
    "Refusals by mutations, and root fields that the caller may not use.",
    reason=(*RefusalCode, *ForbiddenReason),
)
REFUSALS.all()


def measure_answers(fields: Sequence[AnsweredField], errors: Sequence[GraphQLError]) -> None:
    """Counts the root fields of an answer. The errors are those that the client gets."""
    first = {str(error.path[0]): error for error in reversed(errors) if error.path}
    for field in fields:
        error = first.get(field.key)
        extensions = (error.extensions or {}) if error else {}
        ROOT_FIELDS.of(field.coordinate, str(extensions.get("code", ErrorCode.INTERNAL)) if error else OK).observe(
            field.seconds
        )
        if reason := field.refusal or extensions.get("reason"):
            REFUSALS.of(str(reason)).inc()
