"""A person whose account does not exist yet, from registration or an import."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from models.vocabulary import Purpose, mask_of
from permissions import version_numbers
from permissions.policy import HIDDEN_BY_DEFAULT


@dataclass(frozen=True, slots=True)
class ConsentDecision:
    """A grant or withdrawal in a person's consent history."""

    purpose: Purpose
    granted: bool
    policy_version: str
    at: datetime


@dataclass(slots=True)
class NewPerson:
    """A person to store, with their values and consent history."""

    email: str
    email_canonical: str
    password: str | None = None
    password_hash: str | None = None
    ip_address: str | None = None
    verified: bool = False
    hidden: int = mask_of(HIDDEN_BY_DEFAULT)
    profile: dict[str, Any] = field(default_factory=dict)
    form: dict[str, Any] = field(default_factory=dict)
    consents: list[ConsentDecision] = field(default_factory=list)

    def granted(self, purpose: Purpose) -> int | None:
        """Returns the number of the granted policy version, or None if the last entry is a withdrawal."""
        last = [consent for consent in self.consents if consent.purpose is purpose][-1:]
        return version_numbers.version_number(last[0].policy_version) if last and last[0].granted else None

    def stands(self, purpose: Purpose) -> bool:
        """Whether the purpose stands once the person is stored."""
        return self.verified and (self.granted(purpose) or 0) >= version_numbers.version_floor(purpose)
