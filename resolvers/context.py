"""What one request carries through the graph: who asks, what of, and where the data is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from strawberry.types.info import Info

from models.database import Database
from models.key_ring import KeyRing
from models.statistics.discrete_laplace import Noise
from permissions.caller import Caller
from permissions.graphql.document_selection import DocumentSelection, RootFieldSelection
from permissions.rate_limits import RateLimiter
from permissions.retention_periods import RETENTION, RetentionTable
from permissions.subject import Subject
from resolvers.geolocation.lookup import Geolocation
from resolvers.hashing.breached_passwords import SortedListFile
from resolvers.hashing.password_hash import Hashing


def utc_now() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Controller:
    """Who answers for the processing (GDPR Art. 4(7)), and how to reach them."""

    name: str = "The operator of this service (CONSENTQL_CONTROLLER_NAME names it)."
    contact: str = "Contact: as the operator publishes it (CONSENTQL_CONTROLLER_CONTACT names it)."

    @classmethod
    def of(cls, name: str | None, contact: str | None) -> "Controller":
        """As the operator says, or else how the operator can say it."""
        return cls(name or cls().name, contact or cls().contact)


@dataclass(slots=True)
class Services:
    """What a process has once, for all requests."""

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


@dataclass(frozen=True, slots=True)
class IssuedSecrets:
    """The secrets of a session, for a browser to keep as cookies until they end."""

    access: str
    access_until: datetime
    refresh: str
    refresh_until: datetime
    device: str | None = None


@dataclass(slots=True)
class BrowserCookies:
    """What a browser's cookies bring with the request, and what the answer changes about them."""

    from_browser: bool = False
    refresh: str | None = None
    device: str | None = None
    issued: IssuedSecrets | None = None
    ended: bool = False


@dataclass(slots=True)
class Context:
    """One request; `met` are the subjects whose reading the ledger will hold."""

    caller: Caller
    services: Services
    cookies: BrowserCookies = field(default_factory=BrowserCookies)
    selection: DocumentSelection = field(default_factory=DocumentSelection)
    subjects_read: list[Subject] = field(default_factory=list)
    reader: Caller = field(init=False)

    def __post_init__(self) -> None:
        self.reader = self.caller

    @property
    def database(self) -> Database:
        """Where the data is."""
        return self.services.database

    @property
    def limits(self) -> RateLimiter:
        """What counts attempts."""
        return self.services.limits

    def now(self) -> datetime:
        """The present instant, by the process's clock."""
        return self.services.now()

    def requested_fields(self, info: "Info[Context, None]") -> RootFieldSelection:
        """What the document asks below the root field that this resolver serves."""
        path = info.path
        while path.prev is not None:
            path = path.prev
        return self.selection.asked.get(str(path.key), RootFieldSelection())
