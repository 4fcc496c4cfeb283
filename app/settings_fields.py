"""The settings by subject: name, type, default, limits and description of each."""

from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from app.connections.cap import CONNECTIONS_OF_PROXIES, CONNECTIONS_PER_CLIENT
from app.durations import parse_duration
from app.http.client_address import ProxyHeader
from app.settings_section import Section, split_list
from permissions.rate_limits import REQUESTS_PER_MINUTE
from permissions.retention_periods import GRACE, RecordKind
from resolvers.hashing.argon2_parameters import MAX_MEMORY_KIB, MAX_PASSES, MEMORY_KIB, PASSES


class Environment(StrEnum):
    """Whether people depend on the process."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class Switch(StrEnum):
    """Whether something is switched on."""

    ON = "on"
    OFF = "off"


class ServiceSettings(Section):
    """How the service is reached, who may use it from a browser, and who answers for it."""

    title: ClassVar = "Service"

    environment: Environment = Field(
        default=Environment.DEVELOPMENT,
        description="Set `production` where people depend on the service. The server then does not start with weak "
        "settings, and offers no GraphiQL, no introspection and no suggestions.",
    )
    public_url: str | None = Field(
        default=None,
        description="Where people reach the service, for example `https://api.example.org`. Links in e-mails begin "
        "with it. Required in production, with https.",
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Origins of web apps that may use the API, for example `https://app.example.org`. "
        "Separate them with commas. In production each must use https. Apps of another site must use bearer tokens.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Addresses or networks of the proxies in front, separated by commas. The service believes the "
        "client address that they name. Required in production unless the service itself ends TLS.",
    )
    proxy_header: ProxyHeader = Field(
        default=ProxyHeader.X_FORWARDED_FOR,
        description="The header in which these proxies name the client: `x-forwarded-for`, or `forwarded` (RFC 7239). "
        "The other one is ignored.",
    )
    connections_per_client: int = Field(
        default=CONNECTIONS_PER_CLIENT,
        ge=1,
        description="The most connections of one client network to one server process. A further one replaces "
        "the oldest idle one.",
    )
    connections_of_proxies: int = Field(
        default=CONNECTIONS_OF_PROXIES,
        ge=1,
        description="The most connections of all trusted proxies together to one server process.",
    )
    tls_certificate: Path | None = Field(
        default=None,
        description="A PEM file with the certificate, if the service itself ends TLS. Needs `CONSENTQL_TLS_KEY`.",
    )
    tls_key: Path | None = Field(default=None, description="A PEM file with the private key of the certificate.")
    rate_limits: Switch = Field(
        default=Switch.ON, description="Set `off` to measure the service without limits. Production refuses `off`."
    )
    requests_per_minute: int = Field(
        default=REQUESTS_PER_MINUTE,
        ge=1,
        le=1_000_000,
        description="The most HTTP requests a minute of one network without a token, and of one token. The holder of "
        "tokens may send twice as many over all of them, and an IPv6 /48 ten times as many as a /64.",
    )
    redis_url: str | None = Field(
        default=None,
        description="A Redis for the counters of rate limits, `redis://…` or `rediss://…`. Required by `consentql "
        "serve --workers 2` and more, unless rate limits are off.",
    )
    geoip_database: Path | None = Field(
        default=None,
        description="A MaxMind `.mmdb` file with cities. Without it the service knows only countries, from a package.",
    )
    controller_name: str | None = Field(
        default=None,
        description="The name of the controller, for the service's pages, exports and the record of processing. "
        "Required in production.",
    )
    controller_contact: str | None = Field(
        default=None,
        description="The contact of the controller, for exports and the record of processing. Required in production.",
    )

    @field_validator("allowed_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split_list(cls, value: Any) -> Any:
        return split_list(value)


class DatabaseSettings(Section):
    """Where the data is."""

    title: ClassVar = "Database"

    database_url: str = Field(
        default="sqlite+aiosqlite:///./var/consentql.db",
        description="Where the data is: `sqlite+aiosqlite:///PATH` or `postgresql+asyncpg://USER:PASSWORD@HOST/NAME`. "
        "The latter takes parameters as `?sslmode=verify-full&sslrootcert=PATH`: those of libpq for TLS, "
        "`application_name`, `connect_timeout`, `command_timeout`, `target_session_attrs`, `statement_cache_size`.",
    )
    database_pool: int = Field(
        default=10, ge=1, le=100, description="The most connections that each server process keeps open."
    )


class SecuritySettings(Section):
    """The keys of secrets, and the cost of passwords."""

    title: ClassVar = "Security"

    secret_keys: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Random keys of at least 32 characters each, separated by commas, the newest first. Required in "
        "production. In development the first start creates one in `var/secret-keys`.",
    )
    password_memory_kib: int = Field(
        default=MEMORY_KIB,
        le=MAX_MEMORY_KIB,
        description="The memory of argon2id in KiB. The least that OWASP recommends for the number of passes is "
        "required.",
    )
    password_passes: int = Field(default=PASSES, ge=1, le=MAX_PASSES, description="The passes of argon2id.")
    breached_passwords: Path | None = Field(
        default=None,
        description="A file of more passwords to refuse, sorted by bytes (`LC_ALL=C sort`): plain, or SHA-1 in hex as "
        "Have I Been Pwned orders them. A packaged list of 4.2 million is always used.",
    )

    @field_validator("secret_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: Any) -> Any:
        return split_list(value)


class MailSettings(Section):
    """How e-mails are sent."""

    title: ClassVar = "Mail"

    mail_url: str | None = Field(
        default=None,
        repr=False,
        description="Where e-mails go: `smtp://USER:PASSWORD@HOST`, `smtps://USER:PASSWORD@HOST`, or a folder for "
        "`.eml` files. The default is the folder `var/mail`. Required in production.",
    )
    mail_from: str | None = Field(
        default=None,
        description="The sender of e-mails. The default is `no-reply@` and the host of `CONSENTQL_PUBLIC_URL`.",
    )


class StatisticsSettings(Section):
    """How much noise statistics have, and how often they are released."""

    title: ClassVar = "Statistics"

    statistics_epsilon: Decimal = Field(
        default=Decimal("0.25"),
        gt=0,
        le=1,
        decimal_places=6,
        description="ε of the noise on each count: smaller protects more. Production takes at most 0.5.",
    )
    statistics_bound: int = Field(
        default=48,
        ge=1,
        le=100_000,
        description="The largest noise on a count, at least 12 / ε. Groups below 10 + this bound are left out.",
    )
    statistics_releases_per_year: int = Field(
        default=6, ge=1, le=366, description="The most releases in any 365 days. Production takes at most 6."
    )


class RetentionSettings(Section):
    """How long data is kept."""

    title: ClassVar = "Retention"

    erasure_grace: Annotated[timedelta, NoDecode] = Field(
        default=timedelta(days=30),
        description="How long data is kept after its purpose ended or erasure was requested, for example `30d`. "
        "At most ten years.",
    )
    retention: Annotated[dict[RecordKind, timedelta], NoDecode] = Field(
        default_factory=dict,
        description="Other periods for kinds of records, for example `sessions=90d,legal_requests=6y`. Kinds that "
        "are not named keep the periods of `{ policy { retention { what why } } }`.",
    )
    erasure_register: Path | None = Field(
        default=None,
        description="The file that lists who was erased, to erase them again after a restore. The default is next to "
        "the SQLite file, with the ending `.erasures`, or else `var/erasures`.",
    )

    erasure_share: Decimal = Field(
        default=Decimal(5),
        ge=0,
        le=100,
        description="From 50 accounts on, `consentql retention` asks for `--accept` before it erases data of more than "
        "this percentage of the accounts.",
    )

    @field_validator("erasure_grace", mode="before")
    @classmethod
    def _read_duration(cls, value: Any) -> Any:
        return parse_duration(value) if isinstance(value, str) else value

    @field_validator("retention", mode="before")
    @classmethod
    def _read_periods(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        kinds = [kind.strip() for kind, _, _ in pairs]
        allowed = [kind.value for kind in RecordKind if kind not in GRACE]
        if len(set(kinds)) < len(kinds) or not set(kinds) <= set(allowed):
            raise ValueError(f"must be pairs such as KIND=30d, each KIND once and one of {' '.join(allowed)}")
        return {RecordKind(kind.strip()): parse_duration(period) for kind, _, period in pairs}
