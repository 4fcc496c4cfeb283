"""The context of a request: the caller, the services of the process and the requested fields."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from strawberry.types.info import Info

from models.database import Database
from models.key_ring import KeyRing
from models.statistics.discrete_laplace import Noise
from models.tokens.last_uses import LastUses
from permissions.caller import Caller
from permissions.graphql.answered_field import AnsweredField
from permissions.graphql.document_selection import DocumentSelection, RootFieldSelection
from permissions.rate_limits import RateLimiter
from permissions.retention_periods import RETENTION, RetentionTable
from resolvers.caller_database import IS_CHECKED, CallerDatabase
from resolvers.clock.steady_clock import SteadyClock, utc_now
from resolvers.geolocation.lookup import Geolocation
from resolvers.hashing.breached_passwords import SortedListFile
from resolvers.hashing.password_hash import Hashing


@dataclass(frozen=True, slots=True)
class Controller:
    """The controller (GDPR Art. 4(7)) and how to contact it."""

    name: str = "The operator of this service (set CONSENTQL_CONTROLLER_NAME)."
    contact: str = "The contact that the operator publishes (set CONSENTQL_CONTROLLER_CONTACT)."

    @classmethod
    def of(cls, name: str | None, contact: str | None) -> "Controller":
        """The controller from the settings; a missing setting is replaced by a hint."""
        return cls(name or cls().name, contact or cls().contact)


@dataclass(slots=True)
class Services:
    """The services of a process, shared by all requests."""

    database: Database
    keys: KeyRing
    limits: RateLimiter
    hashing: Hashing
    geolocation: Geolocation
    retention: RetentionTable = field(default_factory=lambda: RETENTION)
    controller: Controller = field(default_factory=Controller)
    noise: Noise = field(default_factory=Noise)
    releases_per_year: int = 6
    now: Callable[[], datetime] = utc_now
    breached_list: SortedListFile | None = None
    last_uses: LastUses = field(default_factory=LastUses)

    def host_time(self) -> datetime:
        """The time of the host's clock, which can go back. Codes of authenticator apps and clock checks need it."""
        return self.now.host() if isinstance(self.now, SteadyClock) else self.now()


@dataclass(frozen=True, slots=True)
class IssuedSecrets:
    """The secrets of a session that a browser stores as cookies until they expire."""

    access: str
    access_until: datetime
    refresh: str
    refresh_until: datetime
    device: str | None = None


@dataclass(slots=True)
class BrowserCookies:
    """The cookies of a request, and the changes that the response makes to them.

    `lapsed`: the browser sent only the refresh cookie, because its access cookie has expired. `cross_site`: the page
    is of another site, so the browser keeps no cookie of the answer.
    `challenged` is a secret that proves which browser began a sign-in with two factors.
    """

    from_browser: bool = False
    lapsed: bool = False
    cross_site: bool = False
    refresh: str | None = None
    device: str | None = None
    challenged: str | None = None
    issued: IssuedSecrets | None = None
    issued_challenge: str | None = None
    ended: bool = False


@dataclass(slots=True)
class Context:
    """The context of a request."""

    caller: Caller
    services: Services
    cookies: BrowserCookies = field(default_factory=BrowserCookies)
    selection: DocumentSelection = field(default_factory=DocumentSelection)
    turns: asyncio.Lock = field(default_factory=asyncio.Lock)
    has_ended: bool = False
    has_committed: bool = False
    answered: list[AnsweredField] = field(default_factory=list)

    @property
    def database(self) -> CallerDatabase:
        """The database under the caller's authority."""
        return CallerDatabase(self.services.database, self.caller, self.services.now, self.turns)

    def begin_root_field(self) -> bool:
        """Notes that a root field begins. Returns False if an earlier one ended the caller's token."""
        IS_CHECKED.set(False)
        return not self.has_ended

    @property
    def limits(self) -> RateLimiter:
        """The counters of attempts."""
        return self.services.limits

    def now(self) -> datetime:
        """The current time by the clock of the process."""
        return self.services.now()

    def requested_fields(self, info: "Info[Context, None]") -> RootFieldSelection:
        """The fields that the document requests below the root field of this resolver."""
        path = info.path
        while path.prev is not None:
            path = path.prev
        return self.selection.root_fields.get(str(path.key), RootFieldSelection())
