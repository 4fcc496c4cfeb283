"""The caller's own account, which nobody else can reach."""

from datetime import datetime

import strawberry

from models.mutation_outcomes import ConsentEntry, SessionState
from models.mutation_outcomes import ConsentState as StoredState
from models.vocabulary import ConsentStatus, ConsentWait, PersonalField, Processor, Purpose, Role
from permissions.graphql.classified_schema import impersonal
from resolvers.account import own_account
from resolvers.consent import objections
from resolvers.consent.state import consent_state_id
from resolvers.ledger import own_disclosures
from schema.disclosure import DisclosureConnection, ProcessorState
from schema.node import CURSOR, EDGES, PAGE_INFO, Node, PageInfo
from schema.type_resolution import is_type_of
from schema.user import User

OWN = "read only through `me` and `node`, by the caller"


@impersonal(OWN)
@strawberry.type(
    description="The state of one purpose for the caller. SERVICE is always granted, without version and date."
)
@is_type_of(StoredState)
class ConsentState:
    id = strawberry.field(
        resolver=consent_state_id,
        graphql_type=strawberry.ID,
        description="An opaque id, the same each time, for caches of clients, another for each caller and "
        "purpose. `node` does not find it.",
    )
    purpose: Purpose = strawberry.field(description="The purpose.")
    granted: bool = strawberry.field(
        description="Whether the purpose stands now. False while the caller's e-mail address is not verified, even if "
        "they granted it."
    )
    status: ConsentStatus = strawberry.field(description="What the last consent record of this purpose says.")
    withdrawable: bool = strawberry.field(
        description="Whether the caller can withdraw this purpose. False for SERVICE only."
    )
    policy_version: str | None = strawberry.field(
        description="The policy version of the last consent record. Null if there is no record."
    )
    since: datetime | None = strawberry.field(
        description="When the last consent record was made. Null if there is no record."
    )
    waits_for: ConsentWait | None = strawberry.field(
        description="The event that the grant waits for. Null if the purpose stands or was not granted."
    )
    erases_at: datetime | None = strawberry.field(
        description="When the data kept only for this purpose is erased, unless the purpose is granted again. Null if "
        "none is due for erasure."
    )


@impersonal(OWN)
@strawberry.type(description="One grant or one withdrawal. Records are never changed.")
@is_type_of(ConsentEntry)
class ConsentRecord(Node):
    purpose: Purpose = strawberry.field(description="The purpose that was granted or withdrawn.")
    granted: bool = strawberry.field(description="True for a grant, false for a withdrawal.")
    policy_version: str = strawberry.field(description="The policy version that was current when the record was made.")
    recorded_at: datetime = strawberry.field(description="When the record was made.")
    source: str = strawberry.field(
        description="Where the record comes from: `registration`, `settings`, `import`, `demonstration` or `erasure`."
    )
    receipt: str = strawberry.field(
        description="The record's sequence number and hash, as `number:hash`. Keep it to prove later that the record "
        "existed."
    )


@impersonal(OWN)
@strawberry.type(description="An item in a list of consent records, with its cursor.")
class ConsentRecordEdge:
    node: ConsentRecord = strawberry.field(description="The consent record.")
    cursor: str = strawberry.field(description=CURSOR)


@impersonal(OWN)
@strawberry.type(description="One page of consent records.")
class ConsentRecordConnection:
    edges: list[ConsentRecordEdge] = strawberry.field(description=EDGES)
    page_info: PageInfo = strawberry.field(description=PAGE_INFO)


@impersonal(OWN)
@strawberry.type(description="A client in which the caller is signed in.")
@is_type_of(SessionState)
class Session(Node):
    created_at: datetime = strawberry.field(description="When the session began.")
    last_used_at: datetime | None = strawberry.field(
        description="When the session was last used. Null if it was not used since it began."
    )
    expires_at: datetime = strawberry.field(description="When the session ends unless `refreshSession` extends it.")
    client: str | None = strawberry.field(
        description="The name that the client gave itself at sign-in. Null if it gave none."
    )
    current: bool = strawberry.field(description="Whether this is the session that sends this request.")


@impersonal(OWN)
@strawberry.type(description="The caller's own account. Nobody else can read it.")
@is_type_of(own_account.OwnAccount)
class Account(Node):
    user = strawberry.field(
        resolver=own_account.read_once(own_account.user),
        graphql_type=User,
        description="The caller as a data subject, with every personal-data field.",
    )
    email_verified: bool = strawberry.field(
        description="Whether the caller has verified their e-mail address. Until then only they and a legal request "
        "read their data."
    )
    email_unreachable_since = strawberry.field(
        resolver=own_account.read_once(own_account.email_unreachable_since),
        graphql_type=datetime | None,
        description="Since when the mail server refuses e-mails to the caller's address for good. Null if it does "
        "not. The next e-mail that it accepts, or a new address, sets it to null.",
    )
    totp_enabled = strawberry.field(
        resolver=own_account.read_once(own_account.totp_enabled),
        graphql_type=bool,
        description="Whether two-factor sign-in with an authenticator is on.",
    )
    roles = strawberry.field(
        resolver=own_account.read_once(own_account.roles),
        graphql_type=list[Role],
        description="The staff roles that the caller holds now. Empty for most members.",
    )
    consents = strawberry.field(
        resolver=own_account.read_once(own_account.consents),
        graphql_type=list[ConsentState],
        description="The state of each purpose, in the policy's order.",
    )
    hidden_from_members = strawberry.field(
        resolver=own_account.read_once(own_account.hidden_from_members),
        graphql_type=list[PersonalField],
        description="The fields hidden from members and visitors even if SOCIAL stands. A new account hides EMAIL, "
        "MOBILE_PHONE and STREET_ADDRESS.",
    )
    restricted: bool = strawberry.field(
        description="Whether processing is restricted (GDPR Art. 18). If true, only the caller, support cases that "
        "they opened and legal requests read their data."
    )
    erasure_scheduled_for = strawberry.field(
        resolver=own_account.erasure_scheduled_for,
        graphql_type=datetime | None,
        description="When the account is erased. Null if the caller has not requested erasure.",
    )
    processors = strawberry.field(
        resolver=own_account.read_once(objections.processors),
        graphql_type=list[ProcessorState],
        description="What each processor received of the caller's data, and the state of objections and erasure there.",
    )
    disclosures = strawberry.field(
        resolver=own_disclosures.disclosures,
        graphql_type=DisclosureConnection | None,
        description="Each reading of the caller's data by staff or a processor, newest first. Null only with an error.",
    )
    consent_history = strawberry.field(
        resolver=own_account.consent_history,
        graphql_type=ConsentRecordConnection | None,
        description="Every grant and withdrawal by the caller, newest first. Null only with an error.",
    )
    sessions = strawberry.field(
        resolver=own_account.read_once(own_account.sessions),
        graphql_type=list[Session],
        description="The caller's sessions that still work, newest first. There are at most 20.",
    )


@impersonal("describes the caller's own token")
@strawberry.type(description="The caller, as their token describes them.")
class Viewer:
    id: strawberry.ID = strawberry.field(
        description="An opaque id for caches of clients. It differs for each session or token and stays the same "
        "after a refresh. All visitors share one."
    )
    role: Role = strawberry.field(description="The role of the token. ANONYMOUS without a token.")
    user: User | None = strawberry.field(
        description="The holder of the token. Null for visitors and processors. A staff token reads only the `id` here."
    )
    session: Session | None = strawberry.field(
        description="The session that sends the request. Null if the token is not a session."
    )
    processor: Processor | None = strawberry.field(
        description="The processor that the token belongs to. Null for every other role."
    )
    expires_at: datetime | None = strawberry.field(description="When the access token expires. Null without a token.")
