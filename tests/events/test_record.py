"""The record of one security event: when it is written, and what it can hold."""

import json
import logging
from contextlib import suppress

import pytest
from sqlalchemy import text

from app.operations.log import JsonFormatter
from app.telemetry.request_ids import RequestIds, identified, new_trace
from models.database import Database
from models.key_ring import KeyRing
from models.vocabulary import Role
from permissions.events.fields import FIELD_MEANINGS, FIELD_VALUES, EventField
from permissions.events.kinds import EVENT_RULES, EventKind
from permissions.events.origin import Origin, acting
from permissions.events.record import SecurityEvent, observe, record, record_once
from permissions.events.values import Outcome, Source
from tests.world import KEY

REQUEST = Origin(Source.REQUEST, KeyRing((KEY,)), "person-1", Role.MEMBER, "203.0.113.7")


class Stopped(Exception):
    """Ends a transaction without a commit."""


def kinds(events: list[SecurityEvent]) -> list[EventKind]:
    """The kinds of these events, in order."""
    return [event.kind for event in events]


def test_every_kind_and_field_is_explained() -> None:
    assert set(EVENT_RULES) == set(EventKind)
    assert set(FIELD_VALUES) == set(FIELD_MEANINGS) == set(EventField)


def test_an_event_outside_of_a_transaction_is_recorded_at_once(security_events: list[SecurityEvent]) -> None:
    record(EventKind.LIMITS_LOCAL)
    assert kinds(security_events) == [EventKind.LIMITS_LOCAL]


async def test_an_event_waits_for_the_commit(database: Database, security_events: list[SecurityEvent]) -> None:
    async with database.writing() as connection:
        record(EventKind.CASE_OPENED, record="case-1")
        await connection.execute(text("SELECT 1"))
        assert not security_events
    assert kinds(security_events) == [EventKind.CASE_OPENED]
    record(EventKind.LIMITS_SHARED)
    assert kinds(security_events) == [EventKind.CASE_OPENED, EventKind.LIMITS_SHARED]


async def test_a_rolled_back_transaction_records_nothing(
    database: Database, security_events: list[SecurityEvent]
) -> None:
    with suppress(Stopped):
        async with database.writing():
            record(EventKind.CASE_OPENED, record="case-1")
            raise Stopped
    assert not security_events


async def test_a_transaction_within_another_records_its_own_events(
    database: Database, security_events: list[SecurityEvent]
) -> None:
    with suppress(Stopped):
        async with database.acting():
            record(EventKind.CASE_CLOSED, record="case-1")
            async with database.acting():
                record(EventKind.CASE_OPENED, record="case-2")
            assert kinds(security_events) == [EventKind.CASE_OPENED]
            raise Stopped
    assert kinds(security_events) == [EventKind.CASE_OPENED]


def test_people_and_networks_are_pseudonyms_and_the_same_person_is_recognized(
    security_events: list[SecurityEvent],
) -> None:
    with acting(REQUEST):
        record(EventKind.PASSWORD_CHANGED, subject="person-1")
        record(EventKind.SIGN_IN_FAILED, address="ada@example.org")
    changed, failed = (event.fields for event in security_events)
    assert changed[EventField.SUBJECT] == changed[EventField.ACTOR] == failed[EventField.ACTOR]
    assert changed[EventField.NETWORK] == failed[EventField.NETWORK]
    assert not any(part in str(security_events) for part in ("person-1", "203.0.113.7", "ada", "example"))


def test_pseudonyms_depend_on_the_key(security_events: list[SecurityEvent]) -> None:
    for key in (KEY, KEY[::-1]):
        with acting(Origin(Source.REQUEST, KeyRing((key,)), "person-1")):
            record(EventKind.EMAIL_CHANGED)
    assert len({event.fields[EventField.ACTOR] for event in security_events}) == 2


@pytest.mark.parametrize(
    "fields",
    [{"address": "ada@example.org"}, {"role": "typed text"}, {"nonsense": 1}, {"record": "x", "count": "many"}],
)
def test_a_field_or_value_that_is_not_on_the_list_is_never_logged(
    fields: dict[str, object], security_events: list[SecurityEvent], caplog: pytest.LogCaptureFixture
) -> None:
    record(EventKind.ROLE_GRANTED, **fields)
    assert not security_events
    (line,) = caplog.records
    assert line.levelno == logging.ERROR
    assert str(next(iter(fields.values()))) not in line.getMessage()


def test_a_name_has_no_spaces_or_signs(security_events: list[SecurityEvent]) -> None:
    record(EventKind.SERVICE_STARTED, version="1.0 secret@example.org")
    assert not security_events


def test_an_observer_that_fails_disturbs_nobody(
    security_events: list[SecurityEvent], caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_event: SecurityEvent) -> None:
        raise RuntimeError("secret")

    observe(fail)
    record(EventKind.LIMITS_LOCAL)
    assert kinds(security_events) == [EventKind.LIMITS_LOCAL]
    assert "secret" not in caplog.text


def test_a_refusal_is_told_once_in_a_request(security_events: list[SecurityEvent]) -> None:
    for _ in range(2):
        with acting(Origin(Source.REQUEST)):
            for _ in range(3):
                record_once(EventKind.FIELD_REFUSED, "Query.staff", root_field="Query.staff")
    assert len(security_events) == 2


def test_a_line_is_one_json_object_with_the_id_of_its_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with identified(RequestIds("request-1", new_trace())), acting(REQUEST):
        record(EventKind.ROLE_REVOKED, subject="person-2", role=Role.SUPPORT)
        line = json.loads(JsonFormatter().format(caplog.records[-1]))
    assert line["logger"] == "consentql.security"
    assert line["event"] == line["message"] == EventKind.ROLE_REVOKED
    assert (line["outcome"], line["role"], line["request_id"]) == (Outcome.DONE, Role.SUPPORT, "request-1")
