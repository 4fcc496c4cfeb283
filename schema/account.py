"""The caller's own account, which nobody else can reach."""

from datetime import datetime

import strawberry

from models.outcome import ConsentState as StoredState
from models.outcome import Recorded, SessionState
from models.vocabulary import ConsentStatus, PersonalField, Processor, Purpose, Role
from permissions.classification import impersonal
from resolvers import account, disclosures, objections
from schema.disclosure import DisclosureConnection, ProcessorState
from schema.node import Node, PageInfo
from schema.type_resolution import shows
from schema.user import User

OWN = "the caller's own, met through `me` and `node` alone"


@impersonal(OWN)
@strawberry.type(
    description="SERVICE is GRANTED, granted, without version and date. `granted`: the purpose stands now (false while "
    "the address is unverified). `erasesAt`: when the data held only for it goes, unless granted again, never after "
    "the account."
)
@shows(StoredState)
class ConsentState:
    purpose: Purpose
    granted: bool
    status: ConsentStatus
    withdrawable: bool
    policy_version: str | None
    since: datetime | None
    erases_at: datetime | None


@impersonal(OWN)
@strawberry.type(description="One grant or withdrawal. `receipt`: place in the chain and hash, to keep as proof.")
@shows(Recorded)
class ConsentRecord(Node):
    purpose: Purpose
    granted: bool
    policy_version: str
    recorded_at: datetime
    source: str
    receipt: str


@impersonal(OWN)
@strawberry.type
class ConsentRecordEdge:
    node: ConsentRecord
    cursor: str


@impersonal(OWN)
@strawberry.type
class ConsentRecordConnection:
    edges: list[ConsentRecordEdge]
    page_info: PageInfo


@impersonal(OWN)
@strawberry.type(description="A signed-in client of the caller's.")
@shows(SessionState)
class Session(Node):
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime
    client: str | None
    current: bool


@impersonal(OWN)
@strawberry.type(description="The caller's own account: everything held on them.")
@shows(account.OwnAccount)
class Account(Node):
    user = strawberry.field(resolver=account.user, graphql_type=User)
    email_verified: bool
    totp_enabled = strawberry.field(resolver=account.totp_enabled, graphql_type=bool)
    roles = strawberry.field(resolver=account.roles, graphql_type=list[Role], description="Staff roles held now.")
    consents = strawberry.field(resolver=account.consents, graphql_type=list[ConsentState])
    hidden_from_members = strawberry.field(
        resolver=account.hidden_from_members,
        graphql_type=list[PersonalField],
        description="What fellow members don't see although SOCIAL stands. A new account hides EMAIL, MOBILE_PHONE and "
        "STREET_ADDRESS.",
    )
    restricted: bool = strawberry.field(
        description="While true, nobody but the subject, an open case that they opened and a legal request reads "
        "anything (GDPR Art. 18)."
    )
    erasure_scheduled_for = strawberry.field(
        resolver=account.erasure_scheduled_for,
        graphql_type=datetime | None,
        description="When everything that no law keeps is erased; null unless I asked for it. Until then nobody but me "
        "and a legal request reads anything, and I can cancel it.",
    )
    processors = strawberry.field(
        resolver=objections.processors,
        graphql_type=list[ProcessorState],
        description="What each processor was given of me, and where my objection or withdrawal stands there.",
    )
    disclosures = strawberry.field(
        resolver=disclosures.disclosures,
        graphql_type=DisclosureConnection | None,
        description="Who read my data, which fields, when and why, newest first.",
    )
    consent_history = strawberry.field(
        resolver=account.consent_history,
        graphql_type=ConsentRecordConnection | None,
        description="Every change of consent, newest first.",
    )
    sessions = strawberry.field(
        resolver=account.sessions, graphql_type=list[Session], description="Live sessions, newest first."
    )


@impersonal("what the caller's own token says")
@strawberry.type(
    description="`user` is the holder of the token, by name of its id alone where the role is not MEMBER: a staff "
    "token does not read its holder's own fields."
)
class Viewer:
    role: Role
    user: User | None
    session: Session | None
    processor: Processor | None
    expires_at: datetime | None
