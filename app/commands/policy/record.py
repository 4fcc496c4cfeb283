"""Prints the record of processing activities (GDPR Art. 30) from the policy."""

from collections.abc import Iterable

from app.settings import Settings
from models.vocabulary import Audience, PersonalField, Purpose
from permissions.policy_text import Policy
from permissions.processing_record import DATA_SUBJECTS, SECURITY, TRANSFERS
from resolvers.context import Controller

PERSONS = {
    Audience.SELF: "the data subject",
    Audience.PUBLIC: "visitors",
    Audience.MEMBERS: "members with a verified address, except for fields that the subject hides",
    Audience.SUPPORT_CASE: "the agent of an assigned support case, within its extent",
    Audience.LEGAL_REQUEST: "compliance, under a legal request approved by a second person, within its extent",
}


def record(policy: Policy, settings: Settings) -> str:
    """The record as text."""
    sections = [
        ("Controller", _controller(settings)),
        ("Purposes and their lawful basis", _purposes(policy)),
        ("Categories of data subjects", DATA_SUBJECTS),
        ("Categories of personal data", _data(policy)),
        ("Recipients", _recipients(policy)),
        ("Transfers to third countries", TRANSFERS),
        ("Retention", (f"{each.what}. {each.why}" for each in policy.retention)),
        ("Security measures", SECURITY),
        ("How the text of the policy is read", _readings(policy)),
    ]
    head = f"Record of processing activities (GDPR Art. 30), policy version {policy.version}"
    return "\n\n".join([head, *("\n".join([title, *_bullets(lines)]) for title, lines in sections)])


def _bullets(lines: Iterable[str]) -> list[str]:
    return [f"- {line}" for line in lines]


def _controller(settings: Settings) -> list[str]:
    controller = Controller.of(settings.controller_name, settings.controller_contact)
    return [controller.name, controller.contact]


def _readings(policy: Policy) -> list[str]:
    return [f"{each.sentence} {each.question} {each.reading}" for each in policy.readings]


def _purposes(policy: Policy) -> list[str]:
    return [
        f"{each.purpose}: {each.text} {each.lawful_basis}; {'can' if each.withdrawable else 'cannot'} be withdrawn."
        for each in policy.purposes
    ]


def _data(policy: Policy) -> list[str]:
    return [
        f"{purpose}: {', '.join(row.field for row in policy.fields if purpose in row.purposes)}." for purpose in Purpose
    ]


def _recipients(policy: Policy) -> list[str]:
    texts = {each.processor.value: each.text for each in policy.processors}
    persons = {audience.value: f"{who}." for audience, who in PERSONS.items()}
    return [
        f"{audience}, {(persons | texts)[audience.value]} Reads {_fields_read(policy, audience)}."
        for audience in Audience
    ]


def _fields_read(policy: Policy, audience: Audience) -> str:
    """The fields that this audience reads, grouped by purpose."""
    by_ground: dict[str, list[PersonalField]] = {}
    for row in policy.fields:
        for reader in row.readers:
            if reader.audience is audience:
                ground = f"under {reader.purpose}" if reader.purpose else "regardless of consent"
                by_ground.setdefault(ground, []).append(row.field)
    return "; ".join(f"{', '.join(fields)} {ground}" for ground, fields in by_ground.items()) or "nothing"
