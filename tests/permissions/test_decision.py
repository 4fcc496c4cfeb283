"""The decision is the policy's reading, for every audience and every state that a subject can be in."""

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
from tests.expectation import EVERYTHING, FIELDS, NOTHING, Circumstances
from tests.world import GRAPHQL_NAMES

STANDINGS = [Standing(bits) for bits in range(4)]
LOCKS = [Lock(bits) for bits in range(16)]
ONE_OR_NONE_OR_ALL = [NOTHING, EVERYTHING, *(frozenset({field}) for field in FIELDS)]
TWO = [NOTHING, EVERYTHING]
LIMITED = ("SUPPORT_CASE", "LEGAL_REQUEST")
NARROWED = ("MEMBERS", "PUBLIC")
IN_SERVICE = ("accounts", "credentials", "outbox", "mailed_tokens")
HELD_UNDER = {
    **dict.fromkeys(IN_SERVICE, "SERVICE"),
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
    """These fields as the hand-written table numbers them."""
    return sum(expectation.BITS[field] for field in fields)


def state(
    standing: Standing, hidden: frozenset[str], locks: Lock, extent: frozenset[str], own: frozenset[str]
) -> SubjectState:
    """A state as the decision knows it: the extent of all cases, and that of those which the subject opened."""
    return SubjectState(standing, bits(hidden), locks, bits(extent | own), bits(own))


def circumstances(
    standing: Standing, hidden: frozenset[str], locks: Lock, extent: frozenset[str], own: frozenset[str]
) -> Circumstances:
    """The same state as the expectation knows it."""
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
    """Every state worth telling apart: what is hidden and what cases list vary in full, one beside the others."""
    extents = ONE_OR_NONE_OR_ALL if audience in LIMITED else TWO
    places = (ONE_OR_NONE_OR_ALL, TWO, TWO), (TWO, extents, TWO), (TWO, TWO, extents)
    triples = dict.fromkeys(triple for each in places for triple in product(*each))
    for standing, (hidden, extent, own), locks in product(STANDINGS, triples, LOCKS):
        yield standing, hidden, locks, extent, own


def as_seen(found: Decision) -> expectation.Seen | None:
    """A sight in the expectation's words."""
    if found == ABSENT:
        return None
    refused = {
        each.field.value: expectation.Refusal(each.reason.value, each.purpose and each.purpose.value)
        for each in found.withheld
    }
    return {field: refused.get(field) for field in FIELDS}


@cache
def built() -> ClassifiedSchema:
    """The schema as it is served."""
    return build()


@pytest.mark.parametrize("audience", expectation.AUDIENCES)
def test_the_decision_is_the_reading_in_every_state(audience: str) -> None:
    for cell in grid(audience):
        found, expected = decide(Audience(audience), state(*cell)), expectation.seen(audience, circumstances(*cell))
        assert as_seen(found) == expected, cell
        readable = frozenset(field for field, refused in (expected or {}).items() if refused is None)
        assert found.mask == bits(readable), cell


@pytest.mark.parametrize("audience", expectation.AUDIENCES)
def test_a_lock_keeps_away_whom_the_reading_says(audience: str) -> None:
    """Where all else would let it in."""
    for cell in product(STANDINGS[-1:], [NOTHING], LOCKS, [EVERYTHING], ONE_OR_NONE_OR_ALL):
        if audience == "SUPPORT_CASE" and len(cell[4]) == 1 and not cell[4] & expectation.ever(audience):
            continue  # a case cannot list it
        expected = expectation.kept_away(audience, circumstances(*cell))
        assert (decide(Audience(audience), state(*cell)) == ABSENT) is expected, cell


@pytest.mark.parametrize("audience", expectation.AUDIENCES)
def test_one_field_is_withheld_for_the_first_reason_alone(audience: str) -> None:
    for cell, field in product(grid(audience), FIELDS):
        if cell[2]:
            continue
        found = decision.decide_field(Audience(audience), PersonalField(field), state(*cell))
        expected = expectation.refusal(audience, field, circumstances(*cell))
        told = found and expectation.Refusal(found.reason.value, found.purpose and found.purpose.value)
        assert told == expected, (cell, field)
        assert found is None or found.field == field


@pytest.mark.parametrize("audience", NARROWED)
@given(standing=some_standing, hidden=some_fields, locks=some_locks)
@settings(max_examples=300, deadline=None)
def test_any_choice_of_hidden_fields_is_kept(
    audience: str, standing: Standing, hidden: frozenset[str], locks: Lock
) -> None:
    cell = (standing, hidden, locks, NOTHING, NOTHING)
    assert as_seen(decide(Audience(audience), state(*cell))) == expectation.seen(audience, circumstances(*cell))


@given(some_audience, some_cell)
@settings(max_examples=1000, deadline=None)
def test_the_decision_is_the_reading_in_any_state(audience: Audience, cell: Cell) -> None:
    assert as_seen(decide(audience, state(*cell))) == expectation.seen(audience.value, circumstances(*cell))


@pytest.mark.parametrize("audience", expectation.AUDIENCES)
def test_absent_is_nothing_at_all(audience: str) -> None:
    for cell in grid(audience):
        found = decide(Audience(audience), state(*cell))
        assert found.mask or found == ABSENT == Decision(0, ()), cell


@pytest.mark.parametrize("audience", expectation.AUDIENCES)
def test_withheld_is_what_the_mask_lacks_in_the_policys_order(audience: str) -> None:
    for cell in grid(audience):
        found = decide(Audience(audience), state(*cell))
        if found != ABSENT:
            named = tuple(each.field for each in found.withheld)
            assert named == fields_of(EVERY_FIELD & ~found.mask), cell
            assert [field.value for field in named] == [field for field in FIELDS if PersonalField(field) in named]


@pytest.mark.parametrize("audience", expectation.AUDIENCES)
def test_a_purpose_is_named_for_consent_alone_and_would_help(audience: str) -> None:
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
def test_consent_never_reduces_what_is_seen(audience: Audience, cell: Cell, more: Standing) -> None:
    standing, *rest = cell
    assert decide(audience, state(*cell)).mask & ~decide(audience, state(standing | more, *rest)).mask == 0


@given(some_audience, some_cell, some_fields, some_locks)
@settings(max_examples=500, deadline=None)
def test_hiding_and_locks_never_add_to_what_is_seen(
    audience: Audience, cell: Cell, more: frozenset[str], more_locks: Lock
) -> None:
    standing, hidden, locks, extent, own = cell
    narrowed = decide(audience, state(standing, hidden | more, locks | more_locks, extent, own))
    assert narrowed.mask & ~decide(audience, state(*cell)).mask == 0


@given(some_audience, some_cell, some_fields)
@settings(max_examples=500, deadline=None)
def test_narrowing_a_case_never_adds_to_what_is_seen(audience: Audience, cell: Cell, kept: frozenset[str]) -> None:
    standing, hidden, locks, extent, own = cell
    narrowed = decide(audience, state(standing, hidden, locks, extent & kept, own & kept))
    assert narrowed.mask & ~decide(audience, state(*cell)).mask == 0


@given(some_cases, some_standing, some_locks)
@settings(max_examples=500, deadline=None)
def test_cases_open_together_what_those_that_count_open_one_by_one(
    cases: list[tuple[frozenset[str], bool]], standing: Standing, locks: Lock
) -> None:
    each = tuple(Ground(str(place), bits(extent), "", opened) for place, (extent, opened) in enumerate(cases))
    grounds = Grounds(Audience.SUPPORT_CASE, each)
    found = decide(Audience.SUPPORT_CASE, SubjectState(standing, 0, locks, grounds.extent, grounds.own_extent))
    counting = [(extent, opened) for extent, opened in cases if opened or not locks & Lock.RESTRICTED]
    others = locks & ~Lock.RESTRICTED
    alone = [
        decide(Audience.SUPPORT_CASE, SubjectState(standing, 0, others, bits(extent))).mask for extent, _ in counting
    ]
    assert found.mask == reduce(or_, alone, 0)
    assert [(ground.extent, ground.opened_by_subject) for ground in grounds.under(locks).each] == [
        (bits(extent), opened) for extent, opened in counting
    ], "a reading rests on no other"


def test_members_and_visitors_never_meet_whom_social_fails() -> None:
    for audience, cell in ((each, cell) for each in NARROWED for cell in grid(each)):
        found = decide(Audience(audience), state(*cell))
        assert found == ABSENT or cell[0] & Standing.SOCIAL, cell
        assert all(each.reason != "CONSENT" for each in found.withheld), cell


def test_every_field_has_a_bit_of_its_own_that_never_moves() -> None:
    assert {field.value: field.bit for field in PersonalField} == expectation.BITS
    assert mask_of(tuple(PersonalField)) == EVERY_FIELD == 65535
    assert [fields_of(1 << place) for place in range(16)] == [(field,) for field in PersonalField]
    assert mask_of((PersonalField.EMAIL, PersonalField.EMAIL)) == 1


def test_every_field_has_a_row_a_column_and_a_guard() -> None:
    assert [row.field for row in ROWS] == list(PersonalField) == list(POLICY)
    assert list(FIELD_COLUMNS) == list(PersonalField)
    assert all(FIELD_COLUMNS[field] for field in PersonalField)
    guarded = {coordinate: guard.field.value for coordinate, guard in built().guards.items()}
    assert {place: field for place, field in guarded.items() if place.startswith("User.")} == {
        f"User.{name}": field for field, name in GRAPHQL_NAMES.items()
    }


def test_a_cell_names_a_purpose_that_the_field_was_collected_for() -> None:
    for row in ROWS:
        assert row.purposes
        for audience, cell in row.cells.items():
            assert cell.purpose is None or cell.purpose in row.purposes, (row.field, audience)
            assert cell.purpose is not None or audience in (Audience.SELF, Audience.LEGAL_REQUEST)


def test_every_column_lies_where_its_fields_purposes_keep_it() -> None:
    holding = [(table.name, column) for table in METADATA.tables.values() for column in table.columns]
    for table, column in holding:
        if field := column.info.get(HOLDS):
            assert HELD_UNDER[table] in expectation.COLLECTED_FOR[field.value], f"{table}.{column.name}"
    for field, columns in FIELD_COLUMNS.items():
        assert {HELD_UNDER[column.table.name] for column in columns} <= set(POLICY[field].purposes), field


def test_the_table_that_decides_is_the_reading() -> None:
    assert {row.field.value: row.purposes for row in ROWS} == expectation.COLLECTED_FOR
    for row, audience in product(ROWS, Audience):
        cell = row.cells.get(audience)
        written = "-" if cell is None else cell.purpose or "always"
        assert written == expectation.CELLS[row.field][audience], (row.field, audience)


def test_a_processor_is_given_its_own_columns_alone() -> None:
    assert {processor.value: set(decision.processor_fields(processor)) for processor in Processor} == {
        "INTERCOM": {"EMAIL", "FIRST_NAME"},
        "MANDRILL": {"EMAIL", "FIRST_NAME", "LAST_NAME"},
        "MAILCHIMP": {"EMAIL"},
        "GOOGLE_ANALYTICS": {"IP_ADDRESS"},
    }


def test_the_printed_table_is_the_reading() -> None:
    head, *lines = (line.split() for line in render_policy(Format.TABLE).replace(", ", ",").splitlines())
    assert head == ["field", "collected", "for", *expectation.AUDIENCES]
    assert lines == [
        [field, ",".join(expectation.COLLECTED_FOR[field]), *expectation.CELLS[field].values()] for field in FIELDS
    ]


def told_fields() -> list[dict[str, object]]:
    """The reading in the shape in which the API tells the policy."""
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


def told_processors() -> dict[str, list[str]]:
    """What the reading gives each processor, in the policy's order."""
    return {each: [field for field in FIELDS if each in expectation.readers(field)] for each in expectation.PROCESSORS}


def test_the_policy_printed_for_programs_is_the_reading() -> None:
    told = json.loads(render_policy(Format.JSON))
    assert told["fields"] == told_fields()
    assert {each["processor"]: each["fields"] for each in told["processors"]} == told_processors()


async def test_the_policy_query_tells_the_reading() -> None:
    document = """{ policy { purposes { purpose withdrawable } processors { processor fields }
      fields { field purposes readers { audience purpose } } } }"""
    result = await built().execute(document, context_value=Context(Caller(), SimpleNamespace(retention=RETENTION)))
    assert result.errors is None
    policy = result.data["policy"]
    assert policy["fields"] == told_fields()
    assert {each["processor"]: each["fields"] for each in policy["processors"]} == told_processors()
    assert policy["purposes"] == [
        {"purpose": "SERVICE", "withdrawable": False},
        {"purpose": "SOCIAL", "withdrawable": True},
        {"purpose": "EXPANSION", "withdrawable": True},
    ]
    assert [each["purpose"] for each in policy["purposes"]] == list(Purpose)


def declared(field: FieldDefinitionNode) -> tuple[tuple[str, ...], ...] | None:
    """Purposes and readers as a field's directive prints them."""
    for directive in field.directives or ():
        if directive.name.value == "personalData":
            printed_lists = {each.name.value: each.value.values for each in directive.arguments}
            return tuple(tuple(word.value for word in printed_lists[name]) for name in ("purposes", "readers"))
    return None


PROCESSOR_ROWS = {
    "IntercomContact": ("EMAIL", "FIRST_NAME"),
    "MandrillRecipient": ("EMAIL", "FIRST_NAME", "LAST_NAME"),
    "MailchimpSubscriber": ("EMAIL",),
    "GoogleAnalyticsVisitor": ("IP_ADDRESS",),
}


def test_the_directive_of_every_field_prints_the_reading() -> None:
    found = {
        (kind.name.value, field.name.value): declared(field)
        for kind in parse(built().as_str()).definitions
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
