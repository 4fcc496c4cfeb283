"""Processor views, each with its processor's own columns, and the data that processors must erase."""

from datetime import datetime
from typing import Annotated

import strawberry

from models.vocabulary import PersonalField, Processor
from permissions.graphql.classified_schema import impersonal, open_field
from permissions.graphql.field_permission import personal_field
from resolvers.processors.views import View, rows
from resolvers.processors.withdrawals import WithdrawalState
from schema.node import CURSOR, EDGES, PAGE_INFO, Node, PageInfo, Refusal
from schema.type_resolution import is_type_of, is_view_of

HOLDS = "holds rows whose own fields are guarded"
NAMED = "an opaque name that the processor sent"


@strawberry.type(description="The columns of one subject that Intercom may read.")
class IntercomContact:
    user_id: strawberry.ID = open_field(NAMED, description="The subject's id, as the processor sent it.")
    email: str = personal_field(PersonalField.EMAIL, nullable=False)
    first_name: str | None = personal_field(PersonalField.FIRST_NAME)


@strawberry.type(description="The columns of one subject that Mandrill may read.")
class MandrillRecipient:
    user_id: strawberry.ID = open_field(NAMED, description="The subject's id, as the processor sent it.")
    email: str = personal_field(PersonalField.EMAIL, nullable=False)
    first_name: str | None = personal_field(PersonalField.FIRST_NAME)
    last_name: str | None = personal_field(PersonalField.LAST_NAME)


@strawberry.type(description="The columns of one subject that Mailchimp may read.")
class MailchimpSubscriber:
    user_id: strawberry.ID = open_field(NAMED, description="The subject's id, as the processor sent it.")
    email: str = personal_field(PersonalField.EMAIL, nullable=False)


@strawberry.type(description="The columns of one subject that Google Analytics may read.")
class GoogleAnalyticsVisitor:
    user_id: strawberry.ID = open_field(NAMED, description="The subject's id, as the processor sent it.")
    ip_address: str = personal_field(PersonalField.IP_ADDRESS, nullable=False)


@impersonal(HOLDS)
@strawberry.interface(
    description="A view of a processor's own columns. It is recorded as a disclosure of each subject in it."
)
class ProcessorView:
    id: strawberry.ID = strawberry.field(description="An opaque id of the view.")
    processor: Processor = strawberry.field(description="The processor that opened the view.")
    opened_at: datetime = strawberry.field(description="When the view was opened.")
    reason: str = strawberry.field(description="The reason that the processor gave.")
    withheld: int = strawberry.field(description="How many of the distinct ids sent are not shown, for any reason.")


@impersonal(HOLDS)
@strawberry.type(description="A view of Intercom's own columns.")
@is_view_of(View, Processor.INTERCOM)
class IntercomView(ProcessorView):
    contacts = strawberry.field(
        resolver=rows,
        graphql_type=list[IntercomContact],
        description="The subjects that may be read, in the order of the ids sent.",
    )


@impersonal(HOLDS)
@strawberry.type(description="A view of Mandrill's own columns.")
@is_view_of(View, Processor.MANDRILL)
class MandrillView(ProcessorView):
    recipients = strawberry.field(
        resolver=rows,
        graphql_type=list[MandrillRecipient],
        description="The subjects that may be read, in the order of the ids sent.",
    )


@impersonal(HOLDS)
@strawberry.type(description="A view of Mailchimp's own columns.")
@is_view_of(View, Processor.MAILCHIMP)
class MailchimpView(ProcessorView):
    subscribers = strawberry.field(
        resolver=rows,
        graphql_type=list[MailchimpSubscriber],
        description="The subjects that may be read, in the order of the ids sent.",
    )


@impersonal(HOLDS)
@strawberry.type(description="A view of Google Analytics' own columns.")
@is_view_of(View, Processor.GOOGLE_ANALYTICS)
class GoogleAnalyticsView(ProcessorView):
    visitors = strawberry.field(
        resolver=rows,
        graphql_type=list[GoogleAnalyticsVisitor],
        description="The subjects that may be read, in the order of the ids sent.",
    )


VIEWS = (IntercomView, MandrillView, MailchimpView, GoogleAnalyticsView)


@impersonal("contains an opaque id and names of fields, not values")
@strawberry.type(description="What a processor must erase of one subject.")
@is_type_of(WithdrawalState)
class Withdrawal(Node):
    user_id: strawberry.ID = strawberry.field(
        description="The subject's id. It stays the same after the subject is erased."
    )
    fields: list[PersonalField] = strawberry.field(description="The fields to erase.")
    withdrawn_at: datetime = strawberry.field(description="When the subject withdrew, objected or left.")
    due_at: datetime = strawberry.field(
        description="When the processor must have erased the data, 72 hours after `withdrawnAt`."
    )
    acknowledged_at: datetime | None = strawberry.field(
        description="When the processor confirmed the erasure. Null until it does."
    )


@impersonal("holds withdrawals")
@strawberry.type(description="An item in a list of withdrawals, with its cursor.")
class WithdrawalEdge:
    node: Withdrawal = strawberry.field(description="The withdrawal.")
    cursor: str = strawberry.field(description=CURSOR)


@impersonal("holds withdrawals")
@strawberry.type(description="One page of withdrawals.")
class WithdrawalConnection:
    edges: list[WithdrawalEdge] = strawberry.field(description=EDGES)
    page_info: PageInfo = strawberry.field(description=PAGE_INFO)


ProcessorViewResult = Annotated[
    IntercomView | MandrillView | MailchimpView | GoogleAnalyticsView | Refusal,
    strawberry.union("ProcessorViewResult", description="The view of the processor that asks, or a refusal."),
]
