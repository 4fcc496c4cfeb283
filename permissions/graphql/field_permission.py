"""The permission class of personal-data fields: one bit test, shown in the schema as a directive."""

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
    """The policy's rule for a field, as a schema directive."""

    purposes: list[Purpose] = strawberry.field(description="The purposes that the field was collected for.")
    readers: list[Audience] = strawberry.field(
        description="Every audience that can ever read the field. Consent, hiding and the extent of a case narrow this."
    )


class CanRead(BasePermission):
    """Lets a caller read a field of a subject if the policy and the subject's consent allow it."""

    message = "This field is withheld."

    def __init__(self, field: PersonalField) -> None:
        self.field = field
        self.bit = field.bit

    def allows(self, subject: Subject) -> bool:
        """Returns the field's bit of the mask, which was decided when the subject was read."""
        return bool(subject.mask & self.bit)

    def resolver(self, name: str) -> Callable[[Subject, Any], Any]:
        """Returns the field's resolver. It returns the value if allowed, else null."""
        bit = self.bit

        def read(subject: Subject, _info: Any) -> Any:
            if not subject.mask & bit:
                return None
            return subject.values.get(name)

        return read

    def has_permission(self, source: Any, info: Info[Any, Any] | None, **kwargs: Any) -> bool:
        """Returns the same decision to Strawberry. Any source except a Subject is refused."""
        return isinstance(source, Subject) and self.allows(source)


class GuardedField(StrawberryField):
    """A field that returns null unless its guard allows it, at the cost of an open field."""

    def get_result(
        self, source: Any, info: Info[Any, Any] | None, args: list[Any], kwargs: Any
    ) -> Awaitable[Any] | Any:
        """Returns the value, or null."""
        guard: CanRead = self.metadata[GUARD]
        return guard.resolver(self.python_name)(source, info)


def personal_field(field: PersonalField, *, nullable: bool = True) -> Any:
    """Declares a personal-data field of a type, guarded by the policy's rule."""
    directive = PersonalData(purposes=list(POLICY[field].purposes), readers=list(possible_readers(field)))
    return GuardedField(
        python_name=None,
        graphql_name=None,
        type_annotation=None,
        description=f"{PERSONAL_FIELDS[field]}{EMPTY_OR_WITHHELD if nullable else ''}",
        directives=[directive],
        metadata={GUARD: CanRead(field)},
    )
