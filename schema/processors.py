"""What processors see: their own columns through their own views, and what they must forget."""

from datetime import datetime
from typing import Annotated

import strawberry

from models.vocabulary import PersonalField, Processor
from permissions.classification import impersonal, open_field
from permissions.guard import personal
from resolvers.processor_views import View, rows
from resolvers.withdrawals import WithdrawalState
from schema.node import Node, PageInfo, Refusal
from schema.type_resolution import showing, shows

HOLDS = "holds rows whose own fields are guarded"
NAMED = "an opaque name that the processor sent"


@strawberry.type
class IntercomContact:
    user_id: strawberry.ID = open_field(NAMED)
    email: str = personal(PersonalField.EMAIL)
    first_name: str | None = personal(PersonalField.FIRST_NAME)


@strawberry.type
class MandrillRecipient:
    user_id: strawberry.ID = open_field(NAMED)
    email: str = personal(PersonalField.EMAIL)
    first_name: str | None = personal(PersonalField.FIRST_NAME)
    last_name: str | None = personal(PersonalField.LAST_NAME)


@strawberry.type
class MailchimpSubscriber:
    user_id: strawberry.ID = open_field(NAMED)
    email: str = personal(PersonalField.EMAIL)


@strawberry.type
class GoogleAnalyticsVisitor:
    user_id: strawberry.ID = open_field(NAMED)
    ip_address: str = personal(PersonalField.IP_ADDRESS)


@impersonal(HOLDS)
@strawberry.interface(
    description="`withheld` is the number of distinct ids asked for less those shown, whatever the cause."
)
class ProcessorView:
    id: strawberry.ID
    processor: Processor
    opened_at: datetime
    reason: str
    withheld: int


@impersonal(HOLDS)
@strawberry.type
@showing(View, Processor.INTERCOM)
class IntercomView(ProcessorView):
    contacts = strawberry.field(resolver=rows, graphql_type=list[IntercomContact])


@impersonal(HOLDS)
@strawberry.type
@showing(View, Processor.MANDRILL)
class MandrillView(ProcessorView):
    recipients = strawberry.field(resolver=rows, graphql_type=list[MandrillRecipient])


@impersonal(HOLDS)
@strawberry.type
@showing(View, Processor.MAILCHIMP)
class MailchimpView(ProcessorView):
    subscribers = strawberry.field(resolver=rows, graphql_type=list[MailchimpSubscriber])


@impersonal(HOLDS)
@strawberry.type
@showing(View, Processor.GOOGLE_ANALYTICS)
class GoogleAnalyticsView(ProcessorView):
    visitors = strawberry.field(resolver=rows, graphql_type=list[GoogleAnalyticsVisitor])


VIEWS = (IntercomView, MandrillView, MailchimpView, GoogleAnalyticsView)


@impersonal("names an opaque id and fields, never values")
@strawberry.type(description="What this processor must forget of one subject.")
@shows(WithdrawalState)
class Withdrawal(Node):
    user_id: strawberry.ID
    fields: list[PersonalField]
    withdrawn_at: datetime
    due_at: datetime
    acknowledged_at: datetime | None


@impersonal("holds withdrawals")
@strawberry.type
class WithdrawalEdge:
    node: Withdrawal
    cursor: str


@impersonal("holds withdrawals")
@strawberry.type
class WithdrawalConnection:
    edges: list[WithdrawalEdge]
    page_info: PageInfo


ProcessorViewResult = Annotated[
    IntercomView | MandrillView | MailchimpView | GoogleAnalyticsView | Refusal, strawberry.union("ProcessorViewResult")
]
