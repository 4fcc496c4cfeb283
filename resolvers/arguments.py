"""Arguments that resolvers take, each with its description in the schema."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry import argument

from models.vocabulary import Dimension, PersonalField, Processor, Purpose, Role

First = Annotated[
    int | None,
    argument(description="How many items to return from the start, or after `after`: 1 to 100. 20 if left out."),
]
After = Annotated[
    str | None, argument(description="A cursor of this list. Returns the items after it. The start if left out.")
]
Last = Annotated[
    int | None,
    argument(
        description="How many items to return from the end, or before `before`: 1 to 100. Not allowed with `first`."
    ),
]
Before = Annotated[
    str | None,
    argument(
        description="A cursor of this list. Returns the items before it. The end if left out. "
        "Without `first` and `last` it means the last 20."
    ),
]
Search = Annotated[
    str | None,
    argument(
        description="Words that must all occur in fields that the caller may read: at most 6 words, 2 to 64 "
        "characters, in any case. Everyone if left out or blank."
    ),
]
GroupBy = Annotated[list[Dimension], argument(description="One dimension, or COUNTRY and one other, in either order.")]
PolicyVersion = Annotated[str | None, argument(description="The name of a version. The current one if left out.")]

NodeId = Annotated[strawberry.ID, argument(description="The `id` of the object, at most 48 characters.")]
NodeIds = Annotated[
    list[strawberry.ID],
    argument(description="The ids of the objects, at most 100. An id may occur more than once."),
]
UserId = Annotated[strawberry.ID, argument(description="The `id` of a `User`.")]
OtherUserId = Annotated[strawberry.ID, argument(description="The `User` id of the person. It must not be your own.")]
AgentId = Annotated[
    strawberry.ID,
    argument(description="The `User` id of a person with the role SUPPORT: not your own and not the subject's."),
]
SessionId = Annotated[strawberry.ID, argument(description="The `id` of one of the caller's sessions.")]
TokenId = Annotated[strawberry.ID, argument(description="The `id` of the token, never the token itself.")]
CaseId = Annotated[strawberry.ID, argument(description="The `id` of the support case.")]
RequestId = Annotated[strawberry.ID, argument(description="The `id` of the legal request.")]
WithdrawalIds = Annotated[
    list[strawberry.ID],
    argument(description="The ids of withdrawals, at most 100. Duplicates count once. Ids of others do not count."),
]

Email = Annotated[str, argument(description="The e-mail address of the account.")]
NewEmail = Annotated[str, argument(description="The new e-mail address, at most 254 characters.")]
Password = Annotated[str, argument(description="The caller's present password.")]
NewPassword = Annotated[str, argument(description="The new password: 12 to 128 characters. It must be hard to guess.")]
LinkToken = Annotated[str, argument(description="The token of a mailed link. It works once, for a limited time.")]
RefreshToken = Annotated[
    str | None,
    argument(description="The newest `refreshToken` of the session. Leave it out if the session uses cookies."),
]
EnrolmentCode = Annotated[str, argument(description="The six digits that the authenticator app shows now.")]
Code = Annotated[str, argument(description="The six digits of the authenticator, or an unused recovery code.")]
CodeIfOn = Annotated[
    str | None,
    argument(description="An authenticator or recovery code. Required if two-factor sign-in is on, else left out."),
]

ConsentPurpose = Annotated[Purpose, argument(description="SOCIAL or EXPANSION. SERVICE needs no consent.")]
SeenVersion = Annotated[
    str, argument(description="The policy version that the subject has seen. It must be the current one.")
]
HiddenFields = Annotated[
    list[PersonalField],
    argument(description="Every field to hide, at most 100 names. Fields that are not named are shown."),
]
RemainingExtent = Annotated[
    list[PersonalField],
    argument(description="The fields that remain, at most 100 names. Each must be in the extent of the case."),
]
OfProcessor = Annotated[Processor, argument(description="The processor.")]
StaffRole = Annotated[Role, argument(description="A staff role: SUPPORT, ANALYTICS, COMPLIANCE or OPERATIONS.")]
RoleEnd = Annotated[datetime, argument(description="When the role ends, within the next 366 days.")]
ProcessorTokenEnd = Annotated[datetime, argument(description="When the token expires, within the next 90 days.")]
