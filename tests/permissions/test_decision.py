"""The decision agrees with the expectation for every audience and every state of a subject."""

import json
from collections.abc import Iterator
from functools import cache, reduce
from itertools import product
from operator import or_
from types import SimpleNamespace

import pytest
from graphql import FieldDefinitionNode, ObjectTypeDefinitionNode, parse
from hypothesis import given, settings
from hypothesis import strategies as st

from app.commands.policy.show import Format, render_policy
from models.columns import HOLDS
from models.tables import METADATA
from models.vocabulary import (
    EVERY_FIELD,
    Audience,
    Lock,
    PersonalField,
    Processor,
    Purpose,
    Standing,
    fields_of,
    mask_of,
)
from permissions import decision
from permissions.access_ground import Ground, Grounds
from permissions.caller import Caller
from permissions.decision import ABSENT, Decision, SubjectState, decide
from permissions.graphql.classified_schema import ClassifiedSchema
from permissions.masked_columns import FIELD_COLUMNS
from permissions.policy import POLICY, ROWS
from permissions.retention_periods import RETENTION
from resolvers.context import Context
from schema.build import build
from tests import expectation
from tests.expectation import ALL_FIELDS, FIELDS, NO_FIELDS, Circumstances
from tests.world import GRAPHQL_NAMES

STANDINGS = [Standing(bits) for bits in range(4)]
LOCKS = [Lock(bits) for bits in range(16)]
NONE_ALL_OR_ONE = [NO_FIELDS, ALL_FIELDS, *(frozenset({field}) for field in FIELDS)]
NONE_OR_ALL = [NO_FIELDS, ALL_FIELDS]
LIMITED = ("SUPPORT_CASE", "LEGAL_REQUEST")
LIMITED_BY_HIDING = ("MEMBERS", "PUBLIC")
SERVICE_TABLES = ("accounts", "credentials", "outbox", "mailed_tokens")
STORED_UNDER = {
    **dict.fromkeys(SERVICE_TABLES, "SERVICE"),
    **dict.fromkeys(("profiles", "held_profiles"), "SOCIAL"),
    **dict.fromkeys(("pre_registrations", "held_forms"), "EXPANSION"),
}

some_fields = st.frozensets(st.sampled_from(FIELDS))
some_standing = st.sampled_from(STANDINGS)
some_locks = st.sampled_from(LOCKS)
some_audience = st.sampled_from(list(Audience))
some_cell = st.tuples(some_standing, some_fields, some_locks, some_fields, some_fields)
some_cases = st.lists(st.tuples(some_fields, st.booleans()), min_size=1, max_size=4)

Cell = tuple[Standing, frozenset[str], Lock, frozenset[str], frozenset[str]]


def bits(fields: frozenset[str]) -> int:
    """Returns the bits of these fields, by the expectation's numbers."""
    return sum(expectation.BITS[field] for field in fields)


def state(
    standing: Standing, hidden: frozenset[str], locks: Lock, extent: frozenset[str], own: frozenset[str]
) -> SubjectState:
    """Returns a state for the program's decision."""
    return SubjectState(standing, bits(hidden), locks, bits(extent | own), bits(own))


def circumstances(
    standing: Standing, hidden: frozenset[str], locks: Lock, extent: frozenset[str], own: frozenset[str]
) -> Circumstances:
    """Returns the same state for the expectation."""
    return Circumstances(
        standing=frozenset(name for name in ("SOCIAL", "EXPANSION") if standing & Standing[name]),
        hidden=hidden,
        unverified=bool(locks & 1),
        leaving=bool(locks & 2),
        objected=bool(locks & 4),
        restricted=bool(locks & 8),
        own_cases=own,
        extent=extent,
    )


def grid(audience: str) -> Iterator[Cell]:
    """Yields every distinct state. Hidden fields and the two extents vary in full, one at a time."""
    extents = NONE_ALL_OR_ONE if audience in LIMITED else NONE_OR_ALL
    choices = (
        (NONE_ALL_OR_ONE, NONE_OR_ALL, NONE_OR_ALL),
        (NONE_OR_ALL, extents, NONE_OR_ALL),
        (NONE_OR_ALL, NONE_OR_ALL, extents),
    )
    triples = dict.fromkeys(triple for each in choices for triple in product(*each))
    for standing, (hidden, extent, own), locks in product(STANDINGS, triples, LOCKS):
        yield standing, hidden, locks, extent, own


def in_expected_form(found: Decision) -> expectation.ExpectedDecision | None:
    """Returns a decision in the form of the expectation."""
    if found == ABSENT:
        return None
    refused = {
        each.field.value: expectation.Withholding(each.reason.value, each.purpose and each.purpose.value)
        for each in found.withheld
    }
    return {field: refused.get(field) for field in FIELDS}


@cache
def served_schema() -> ClassifiedSchema:
    """Returns the served schema."""
    return build()


@pytest.mark.parametrize("audience", expectation.AUDIENCES)
def test_the_decision_agrees_in_every_state(audience: str) -> None:
    for cell in grid(audience):
        found, expected = (
            decide(Audience(audience), state(*cell)),
            expectation.decision(audience, circumstances(*cell)),
        )
        assert in_expected_form(found) == expected, cell
        readable = frozenset(field for field, refused in (expected or {}).items() if refused is None)
        assert found.mask == bits(readable), cell


@pytest.mark.parametrize("audience", expectation.AUDIENCES)
def test_a_lock_makes_a_subject_absent_as_expected(audience: str) -> None:
    """Everything except the locks allows the audience to read."""
    for cell in product(STANDINGS[-1:], [NO_FIELDS], LOCKS, [ALL_FIELDS], NONE_ALL_OR_ONE):
        if audience == "SUPPORT_CASE" and len(cell[4]) == 1 and not cell[4] & expectation.possible_fields(audience):
            continue  # the field cannot be in a case
        expected = expectation.is_locked_out(audience, circumstances(*cell))
        assert (decide(Audience(audience), state(*cell)) == ABSENT) is expected, cell


@pytest.mark.parametrize("audience", expectation.AUDIENCES)
def test_a_field_is_withheld_for_the_first_reason(audience: str) -> None:
    for cell, field in product(grid(audience), FIELDS):
        if cell[2]:
            continue
        found = decision.decide_field(Audience(audience), PersonalField(field), state(*cell))
        expected = expectation.withholding(audience, field, circumstances(*cell))
        withheld = found and expectation.Withholding(found.reason.value, found.purpose and found.purpose.value)
        assert withheld == expected, (cell, field)
        assert found is None or found.field == field


@pytest.mark.parametrize("audience", LIMITED_BY_HIDING)
@given(standing=some_standing, hidden=some_fields, locks=some_locks)
@settings(max_examples=300, deadline=None)
def test_any_choice_of_hidden_fields_is_respected(
    audience: str, standing: Standing, hidden: frozenset[str], locks: Lock
) -> None:
    cell = (standing, hidden, locks, NO_FIELDS, NO_FIELDS)
    assert in_expected_form(decide(Audience(audience), state(*cell))) == expectation.decision(
        audience, circumstances(*cell)
    )


@given(some_audience, some_cell)
@settings(max_examples=1000, deadline=None)
def test_the_decision_agrees_in_random_states(audience: Audience, cell: Cell) -> None:
    assert in_expected_form(decide(audience, state(*cell))) == expectation.decision(
        audience.value, circumstances(*cell)
    )


@pytest.mark.parametrize("audience", expectation.AUDIENCES)
def test_a_decision_without_fields_is_absent(audience: str) -> None:
    for cell in grid(audience):
        found = decide(Audience(audience), state(*cell))
        assert found.mask or found == ABSENT == Decision(0, ()), cell


@pytest.mark.parametrize("audience", expectation.AUDIENCES)
def test_withheld_lists_the_fields_outside_the_mask_in_order(audience: str) -> None:
    for cell in grid(audience):
        found = decide(Audience(audience), state(*cell))
        if found != ABSENT:
            named = tuple(each.field for each in found.withheld)
            assert named == fields_of(EVERY_FIELD & ~found.mask), cell
            assert [field.value for field in named] == [field for field in FIELDS if PersonalField(field) in named]


@pytest.mark.parametrize("audience", expectation.AUDIENCES)
def test_a_named_purpose_would_make_the_field_readable(audience: str) -> None:
    for cell in grid(audience):
        standing, *rest = cell
        for each in decide(Audience(audience), state(*cell)).withheld:
            assert (each.purpose is not None) == (each.reason == "CONSENT"), cell
            if each.purpose:
                granted = decide(Audience(audience), state(standing | Standing[each.purpose.value], *rest))
                still = {one.field: one.reason for one in granted.withheld}
                assert still.get(each.field) in (None, "HIDDEN"), cell


@given(some_audience, some_cell, some_standing)
@settings(max_examples=500, deadline=None)
def test_consent_never_reduces_the_readable_fields(audience: Audience, cell: Cell, more: Standing) -> None:
    standing, *rest = cell
    assert decide(audience, state(*cell)).mask & ~decide(audience, state(standing | more, *rest)).mask == 0


@given(some_audience, some_cell, some_fields, some_locks)
@settings(max_examples=500, deadline=None)
def test_hiding_and_locks_never_add_readable_fields(
    audience: Audience, cell: Cell, more: frozenset[str], more_locks: Lock
) -> None:
    standing, hidden, locks, extent, own = cell
    narrowed = decide(audience, state(standing, hidden | more, locks | more_locks, extent, own))
    assert narrowed.mask & ~decide(audience, state(*cell)).mask == 0


@given(some_audience, some_cell, some_fields)
@settings(max_examples=500, deadline=None)
def test_narrowing_a_case_never_adds_readable_fields(audience: Audience, cell: Cell, remaining: frozenset[str]) -> None:
    standing, hidden, locks, extent, own = cell
    narrowed = decide(audience, state(standing, hidden, locks, extent & remaining, own & remaining))
    assert narrowed.mask & ~decide(audience, state(*cell)).mask == 0


@given(some_cases, some_standing, some_locks)
@settings(max_examples=500, deadline=None)
def test_several_cases_give_the_union_of_those_that_count(
    cases: list[tuple[frozenset[str], bool]], standing: Standing, locks: Lock
) -> None:
    each = tuple(Ground(str(place), bits(extent), "", opened) for place, (extent, opened) in enumerate(cases))
    grounds = Grounds(Audience.SUPPORT_CASE, each)
    found = decide(Audience.SUPPORT_CASE, SubjectState(standing, 0, locks, grounds.extent, grounds.own_extent))
    counting = [(extent, opened) for extent, opened in cases if opened or not locks & Lock.RESTRICTED]
    others = locks & ~Lock.RESTRICTED
    separate = [
        decide(Audience.SUPPORT_CASE, SubjectState(standing, 0, others, bits(extent))).mask for extent, _ in counting
    ]
    assert found.mask == reduce(or_, separate, 0)
    assert [(ground.extent, ground.opened_by_subject) for ground in grounds.counting_under(locks).all] == [
        (bits(extent), opened) for extent, opened in counting
    ], "a disclosure is recorded under these grounds only"


def test_subjects_without_social_are_absent_for_members_and_visitors() -> None:
    for audience, cell in ((each, cell) for each in LIMITED_BY_HIDING for cell in grid(each)):
        found = decide(Audience(audience), state(*cell))
        assert found == ABSENT or cell[0] & Standing.SOCIAL, cell
        assert all(each.reason != "CONSENT" for each in found.withheld), cell


def test_every_field_has_a_fixed_bit() -> None:
    assert {field.value: field.bit for field in PersonalField} == expectation.BITS
    assert mask_of(tuple(PersonalField)) == EVERY_FIELD == 65535
    assert [fields_of(1 << place) for place in range(16)] == [(field,) for field in PersonalField]
    assert mask_of((PersonalField.EMAIL, PersonalField.EMAIL)) == 1


def test_every_field_has_a_row_a_column_and_a_guard() -> None:
    assert [row.field for row in ROWS] == list(PersonalField) == list(POLICY)
    assert list(FIELD_COLUMNS) == list(PersonalField)
    assert all(FIELD_COLUMNS[field] for field in PersonalField)
    guarded = {coordinate: guard.field.value for coordinate, guard in served_schema().guards.items()}
    assert {place: field for place, field in guarded.items() if place.startswith("User.")} == {
        f"User.{name}": field for field, name in GRAPHQL_NAMES.items()
    }


def test_a_cell_names_a_purpose_that_the_field_was_collected_for() -> None:
    for row in ROWS:
        assert row.purposes
        for audience, cell in row.cells.items():
            assert cell.purpose is None or cell.purpose in row.purposes, (row.field, audience)
            assert cell.purpose is not None or audience in (Audience.SELF, Audience.LEGAL_REQUEST)


def test_every_personal_column_is_in_a_table_of_its_purpose() -> None:
    holding = [(table.name, column) for table in METADATA.tables.values() for column in table.columns]
    for table, column in holding:
        if field := column.info.get(HOLDS):
            assert STORED_UNDER[table] in expectation.COLLECTED_FOR[field.value], f"{table}.{column.name}"
    for field, columns in FIELD_COLUMNS.items():
        assert {STORED_UNDER[column.table.name] for column in columns} <= set(POLICY[field].purposes), field


def test_the_policy_table_agrees_with_the_expectation() -> None:
    assert {row.field.value: row.purposes for row in ROWS} == expectation.COLLECTED_FOR
    for row, audience in product(ROWS, Audience):
        cell = row.cells.get(audience)
        written = "-" if cell is None else cell.purpose or "always"
        assert written == expectation.CELLS[row.field][audience], (row.field, audience)


def test_a_processor_receives_only_its_own_fields() -> None:
    assert {processor.value: set(decision.processor_fields(processor)) for processor in Processor} == {
        "INTERCOM": {"EMAIL", "FIRST_NAME"},
        "MANDRILL": {"EMAIL", "FIRST_NAME", "LAST_NAME"},
        "MAILCHIMP": {"EMAIL"},
        "GOOGLE_ANALYTICS": {"IP_ADDRESS"},
    }


def test_the_printed_table_agrees_with_the_expectation() -> None:
    head, *lines = (line.split() for line in render_policy(Format.TABLE).replace(", ", ",").splitlines())
    assert head == ["field", "collected", "for", *expectation.AUDIENCES]
    assert lines == [
        [field, ",".join(expectation.COLLECTED_FOR[field]), *expectation.CELLS[field].values()] for field in FIELDS
    ]


def policy_fields() -> list[dict[str, object]]:
    """Returns the fields of the policy as the API returns them."""
    return [
        {
            "field": field,
            "purposes": list(expectation.COLLECTED_FOR[field]),
            "readers": [
                {"audience": audience, "purpose": None if cell == "always" else cell}
                for audience, cell in expectation.CELLS[field].items()
                if cell != "-"
            ],
        }
        for field in FIELDS
    ]


def policy_processors() -> dict[str, list[str]]:
    """Returns the fields of each processor, in the policy's order."""
    return {each: [field for field in FIELDS if each in expectation.readers(field)] for each in expectation.PROCESSORS}


def test_the_policy_as_json_agrees_with_the_expectation() -> None:
    policy = json.loads(render_policy(Format.JSON))
    assert policy["fields"] == policy_fields()
    assert {each["processor"]: each["fields"] for each in policy["processors"]} == policy_processors()


async def test_the_policy_query_agrees_with_the_expectation() -> None:
    document = """{ policy { purposes { purpose withdrawable } processors { processor fields }
      fields { field purposes readers { audience purpose } } } }"""
    result = await served_schema().execute(
        document, context_value=Context(Caller(), SimpleNamespace(retention=RETENTION))
    )
    assert result.errors is None
    policy = result.data["policy"]
    assert policy["fields"] == policy_fields()
    assert {each["processor"]: each["fields"] for each in policy["processors"]} == policy_processors()
    assert policy["purposes"] == [
        {"purpose": "SERVICE", "withdrawable": False},
        {"purpose": "SOCIAL", "withdrawable": True},
        {"purpose": "EXPANSION", "withdrawable": True},
    ]
    assert [each["purpose"] for each in policy["purposes"]] == list(Purpose)


def declared(field: FieldDefinitionNode) -> tuple[tuple[str, ...], ...] | None:
    """Returns purposes and readers from a field's directive."""
    for directive in field.directives or ():
        if directive.name.value == "personalData":
            arguments = {each.name.value: each.value.values for each in directive.arguments}
            return tuple(tuple(word.value for word in arguments[name]) for name in ("purposes", "readers"))
    return None


PROCESSOR_ROWS = {
    "IntercomContact": ("EMAIL", "FIRST_NAME"),
    "MandrillRecipient": ("EMAIL", "FIRST_NAME", "LAST_NAME"),
    "MailchimpSubscriber": ("EMAIL",),
    "GoogleAnalyticsVisitor": ("IP_ADDRESS",),
}


def test_the_directive_of_every_field_agrees_with_the_expectation() -> None:
    found = {
        (kind.name.value, field.name.value): declared(field)
        for kind in parse(served_schema().as_str()).definitions
        if isinstance(kind, ObjectTypeDefinitionNode)
        for field in kind.fields
    }
    places = {"User": FIELDS, **PROCESSOR_ROWS}
    assert {place: lists for place, lists in found.items() if lists is not None} == {
        (kind, GRAPHQL_NAMES[field]): (expectation.COLLECTED_FOR[field], expectation.readers(field))
        for kind, fields in places.items()
        for field in fields
    }
    assert {name for kind, name in found if kind == "User"} == {"id", "withheld", *GRAPHQL_NAMES.values()}
