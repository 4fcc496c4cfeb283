"""Records security events: one line each, once the transaction of the event has committed."""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, Final

from models.connections.after_commit import after_commit
from models.telemetry.failure import failure_fields
from permissions.events.fields import FIELD_VALUES, EventField, Name, Pseudonym
from permissions.events.kinds import EVENT_RULES, EventKind, fields_of
from permissions.events.origin import Origin, present_origin
from permissions.events.values import Outcome

log = logging.getLogger("consentql.security")

NAME: Final = re.compile(r"[0-9A-Za-z._+-]{1,64}")
SHARED: Final = {EventField.ACTOR: EventField.SUBJECT}
"""Fields whose pseudonyms are those of another field."""


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """An event with its fields, as they are logged."""

    kind: EventKind
    fields: Mapping[EventField, str | int]

    @property
    def outcome(self) -> Outcome:
        """How the act ended."""
        return EVENT_RULES[self.kind].outcome

    def line(self) -> dict[str, str | int]:
        """The fields of the log line."""
        named = {field.value: value for field, value in self.fields.items()}
        return {"event": self.kind.value, "outcome": self.outcome.value, **named}


Observer = Callable[[SecurityEvent], None]
_OBSERVERS: Final[list[Observer]] = []


def observe(observer: Observer) -> None:
    """Calls this function with each event from now on, right after its line. One that fails is logged."""
    if observer not in _OBSERVERS:
        _OBSERVERS.append(observer)


def record(kind: EventKind, **fields: Any) -> None:
    """Records an event once the open transaction commits, or at once if there is none. It never raises.

    People, addresses, networks and records are given in plain text and logged as pseudonyms.
    """
    try:
        after_commit(partial(_emit, _event(kind, fields, present_origin())))
    except Exception as problem:  # noqa: BLE001  # what happened stands, even if it cannot be told
        _log_failure(kind, problem)


def record_once(kind: EventKind, about: str, **fields: Any) -> None:
    """Records an event of this kind about the same thing once in a request."""
    told = present_origin().told
    if f"{kind} {about}" not in told:
        told.add(f"{kind} {about}")
        record(kind, **fields)


def _event(kind: EventKind, fields: Mapping[str, Any], origin: Origin) -> SecurityEvent:
    common = {"source": origin.source, "actor": origin.actor, "actor_role": origin.role, "network": origin.network}
    allowed = fields_of(kind)
    logged = {}
    for name, value in {**common, **fields}.items():
        field = EventField(name)
        if field not in allowed:
            raise ValueError(f"{kind} has no {name}")
        shown = None if value is None else _logged(field, value, origin)
        if shown is not None:
            logged[field] = shown
    return SecurityEvent(kind, logged)


def _logged(field: EventField, value: Any, origin: Origin) -> Any:
    kinds = FIELD_VALUES[field]
    if Pseudonym in kinds:
        return origin.pseudonym(SHARED.get(field, field).value, str(value))
    if Name in kinds and NAME.fullmatch(str(value)):
        return str(value)
    if not isinstance(value, kinds):
        raise ValueError(f"{field} has a value that is not on its list")
    return str(value.value) if isinstance(value, Enum) else value


def _emit(event: SecurityEvent) -> None:
    try:
        level = logging.WARNING if event.outcome is Outcome.REFUSED else logging.INFO
        log.log(level, "%s", event.kind.value, extra={"event": event})
        for observer in _OBSERVERS:
            observer(event)
    except Exception as problem:  # noqa: BLE001  # what happened stands, even if it cannot be told
        _log_failure(event.kind, problem)


def _log_failure(kind: EventKind, problem: Exception) -> None:
    log.error("an event was not recorded: %s", kind.value, extra=failure_fields(problem))
