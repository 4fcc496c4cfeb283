"""The permission class that every personal-data field carries: one bit test, printed as a directive."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import strawberry
from strawberry.permission import BasePermission
from strawberry.schema_directive import Location
from strawberry.types.field import StrawberryField
from strawberry.types.info import Info

from models.vocabulary import Audience, PersonalField, Purpose
from permissions.decision import possible_readers
from permissions.graphql.enum_descriptions import PERSONAL_FIELDS
from permissions.policy import POLICY
from permissions.subject import Subject

GUARD: Final = "guard"
EMPTY_OR_WITHHELD: Final = " Null if empty or withheld."


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="personalData",
    description="Marks a personal-data field with the policy's rule for it.",
)
class PersonalData:
    """The policy's row for a field, in the schema."""

    purposes: list[Purpose] = strawberry.field(description="The purposes that the field was collected for.")
    readers: list[Audience] = strawberry.field(
        description="Every audience that can ever read the field. Consent, hiding and the extent of a case narrow this."
    )


class CanRead(BasePermission):
    """May this caller read this field of this subject, by the subject's own standing?"""

    message = "This field is withheld."

    def __init__(self, field: PersonalField) -> None:
        self.field = field
        self.bit = field.bit

    def allows(self, subject: Subject) -> bool:
        """One bit of the mask that was decided when the subject was read."""
        return bool(subject.mask & self.bit)

    def resolver(self, name: str) -> Callable[[Subject, Any], Any]:
        """The field's resolver: the value where this permits, and a note of it for the ledger; null elsewhere."""
        bit = self.bit

        def read(subject: Subject, _info: Any) -> Any:
            if not subject.mask & bit:
                return None
            subject.disclosed |= bit
            return subject.values.get(name)

        return read

    def has_permission(self, source: Any, info: Info[Any, Any] | None, **kwargs: Any) -> bool:
        """Strawberry's form of the same question; what is not a Subject is refused."""
        return isinstance(source, Subject) and self.allows(source)


class GuardedField(StrawberryField):
    """A field without resolver that answers null unless its guard permits; it costs what an open field costs."""

    def get_result(
        self, source: Any, info: Info[Any, Any] | None, args: list[Any], kwargs: Any
    ) -> Awaitable[Any] | Any:
        """The value that was read, or null."""
        guard: CanRead = self.metadata[GUARD]
        return guard.resolver(self.python_name)(source, info)


def personal_field(field: PersonalField, *, nullable: bool = True) -> Any:
    """Declares a personal-data field of a type, guarded by the policy's row for it."""
    directive = PersonalData(purposes=list(POLICY[field].purposes), readers=list(possible_readers(field)))
    return GuardedField(
        python_name=None,
        graphql_name=None,
        type_annotation=None,
        description=f"{PERSONAL_FIELDS[field]}{EMPTY_OR_WITHHELD if nullable else ''}",
        directives=[directive],
        metadata={GUARD: CanRead(field)},
    )
