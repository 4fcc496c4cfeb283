"""Loads and checks the settings. An error names every unknown, invalid or weak setting at once."""

import os
import secrets
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from app.browser.origins import canonical_origin, origin_of
from app.graphql.document_mode import DocumentMode
from app.settings_documents import DocumentSettings
from app.settings_fields import (
    DatabaseSettings,
    Environment,
    MailSettings,
    RetentionSettings,
    SecuritySettings,
    ServiceSettings,
    StatisticsSettings,
    Switch,
)
from app.settings_metrics import MetricsSettings
from app.settings_network import NetworkSettings, is_network_or_name, plain_text_faults
from app.settings_postgresql import PostgresqlSettings
from app.settings_section import PREFIX
from app.settings_stopping import StoppingSettings
from app.settings_validation import (
    fault_of_database_url,
    is_empty_in_environment,
    is_mail_url,
    is_narrow_network,
    is_sender_address,
    is_site_url,
    is_sorted_file,
    is_web_origin,
    reason_of,
    unknown_names,
)
from models.private_files import create_file
from permissions.retention_periods import RetentionTable, retention
from resolvers.hashing.argon2_parameters import is_below_minimum

MIN_KEY_LENGTH: Final = 32
MIN_KEY_CHARACTERS: Final = 12
"""A key with fewer different characters is not random."""

MIN_BOUND_TIMES_EPSILON: Final = 12
"""With a lower product, truncated noise reveals a subject for certain more than once in e^12 releases."""
MAX_EPSILON: Final = Decimal("0.5")
MAX_RELEASES: Final = 6

DEVELOPMENT_KEYS: Final = Path("var/secret-keys")
DEVELOPMENT_URL: Final = "http://127.0.0.1:8000"
DEVELOPMENT_MAIL: Final = "var/mail"


class InvalidSettings(Exception):
    """The settings are invalid or too weak. The message names each one."""


class Settings(
    ServiceSettings,
    DatabaseSettings,
    PostgresqlSettings,
    NetworkSettings,
    SecuritySettings,
    DocumentSettings,
    MailSettings,
    StatisticsSettings,
    RetentionSettings,
    MetricsSettings,
    StoppingSettings,
):
    """All settings of the process."""

    @property
    def in_production(self) -> bool:
        """Whether people depend on this process."""
        return self.environment is Environment.PRODUCTION

    @property
    def counts_attempts(self) -> bool:
        """Whether rate limits are on."""
        return self.rate_limits is Switch.ON

    @property
    def retention_periods(self) -> RetentionTable:
        """How long each kind of record is kept."""
        return retention(self.erasure_grace, self.retention)

    @property
    def own_origins(self) -> tuple[str, ...]:
        """The origins of this service, as browsers name them."""
        own = origin_of(self.public_url or "")
        return (own,) if own else ()

    @property
    def app_origins(self) -> tuple[str, ...]:
        """The allowed origins of web apps, as browsers name them."""
        return tuple(origin for each in self.allowed_origins if (origin := canonical_origin(each)))

    @property
    def base_url(self) -> str:
        """The URL of this service."""
        return self.public_url or DEVELOPMENT_URL

    @property
    def service_name(self) -> str:
        """The name of this service on its pages."""
        return self.controller_name or "ConsentQL"

    @property
    def sender(self) -> str:
        """The sender of e-mails."""
        return self.mail_from or f"no-reply@{urlsplit(self.base_url).hostname}"

    def validated(self) -> "Settings":
        """Returns these settings. Raises InvalidSettings if any is invalid or weak."""
        faults = [f"{PREFIX}{name} {reason}." for name, reason in self._faults()]
        if faults:
            raise InvalidSettings("\n".join(faults))
        return self

    def _faults(self) -> list[tuple[str, str]]:
        faults = []
        if any(len(key) < MIN_KEY_LENGTH for key in self.secret_keys):
            faults.append(("SECRET_KEYS", f"must contain keys of at least {MIN_KEY_LENGTH} characters"))
        if (self.tls_certificate is None) != (self.tls_key is None):
            faults.append(("TLS_CERTIFICATE", f"and {PREFIX}TLS_KEY must be set together"))
        if phrase := fault_of_database_url(self.database_url):
            faults.append(("DATABASE_URL", phrase))
        faults += self._file_faults()
        if self.redis_url and not self.redis_url.startswith(("redis://", "rediss://")):
            faults.append(("REDIS_URL", "must begin with redis:// or rediss://"))
        if not all(is_web_origin(origin) for origin in self.allowed_origins):
            faults.append(("ALLOWED_ORIGINS", "must contain origins such as https://app.example.org, no wildcards"))
        if not all(is_narrow_network(network) for network in self.trusted_proxies):
            faults.append(("TRUSTED_PROXIES", "must contain addresses or networks of your proxies, not every network"))
        if not all(is_network_or_name(each) for each in self.private_networks):
            faults.append(("PRIVATE_NETWORKS", "must contain networks, addresses or host names"))
        if any(len(set(key)) < MIN_KEY_CHARACTERS for key in self.secret_keys):
            faults.append(("SECRET_KEYS", "must contain random keys"))
        if is_below_minimum(self.password_memory_kib, self.password_passes):
            faults.append(("PASSWORD_MEMORY_KIB", f"is too low for argon2id with {self.password_passes} passes"))
        faults += self._address_faults()
        faults += self._number_faults()
        return faults + (self._production_faults() if self.in_production else [])

    def _number_faults(self) -> list[tuple[str, str]]:
        faults = []
        if self.shutdown_delay >= self.shutdown_grace:
            faults.append(("SHUTDOWN_DELAY", f"must be less than {PREFIX}SHUTDOWN_GRACE"))
        if self.statistics_bound * self.statistics_epsilon < MIN_BOUND_TIMES_EPSILON:
            least = f"{MIN_BOUND_TIMES_EPSILON} / {PREFIX}STATISTICS_EPSILON"
            faults.append(("STATISTICS_BOUND", f"must be at least {least}"))
        return faults

    def _address_faults(self) -> list[tuple[str, str]]:
        faults = []
        if self.public_url and not is_site_url(self.public_url):
            faults.append(("PUBLIC_URL", "must be an http or https URL"))
        if self.mail_url and not is_mail_url(self.mail_url):
            faults.append(("MAIL_URL", "must be a folder, or begin with smtp:// or smtps:// and name a host"))
        if self.mail_from and not is_sender_address(self.mail_from):
            faults.append(("MAIL_FROM", "must be an e-mail address"))
        return faults

    def _file_faults(self) -> list[tuple[str, str]]:
        files = {
            "TLS_CERTIFICATE": self.tls_certificate,
            "TLS_KEY": self.tls_key,
            "GEOIP_DATABASE": self.geoip_database,
            "BREACHED_PASSWORDS": self.breached_passwords,
            "TRUSTED_DOCUMENTS_FILE": self.trusted_documents_file,
        }
        faults = [
            (name, "must name a file that can be read")
            for name, path in files.items()
            if path is not None and not (path.is_file() and os.access(path, os.R_OK))
        ]
        listed = self.breached_passwords
        if listed and not faults and not is_sorted_file(listed):
            faults.append(("BREACHED_PASSWORDS", "must name a file that is sorted by bytes: use LC_ALL=C sort"))
        if self.trusted_documents is not DocumentMode.OFF and not self.trusted_documents_file:
            faults.append(("TRUSTED_DOCUMENTS_FILE", f"is required by {PREFIX}TRUSTED_DOCUMENTS"))
        return faults

    def _production_faults(self) -> list[tuple[str, str]]:
        required = ("secret_keys", "mail_url", "controller_name", "controller_contact")
        weak = [(name.upper(), "is required in production") for name in required if _is_blank(getattr(self, name))]
        weak += plain_text_faults(self.database_url, self.redis_url, self.private_networks)
        if not self.counts_attempts:
            weak.append(("RATE_LIMITS", "must be `on` in production"))
        if self.statistics_epsilon > MAX_EPSILON:
            weak.append(("STATISTICS_EPSILON", f"must be at most {MAX_EPSILON} in production"))
        if self.statistics_releases_per_year > MAX_RELEASES:
            weak.append(("STATISTICS_RELEASES_PER_YEAR", f"must be at most {MAX_RELEASES} in production"))
        if not is_site_url(self.public_url or "", ("https",)):
            weak.append(("PUBLIC_URL", "must be an https URL in production"))
        if not self.mail_from and not is_sender_address(self.sender):
            weak.append(("MAIL_FROM", f"is required, because {PREFIX}PUBLIC_URL has no domain to send from"))
        if not all(is_web_origin(origin, ("https",)) for origin in self.allowed_origins):
            weak.append(("ALLOWED_ORIGINS", "must contain only https origins in production"))
        if not self.tls_certificate and not self.trusted_proxies:
            weak.append(
                (
                    "TLS_CERTIFICATE",
                    f"is required in production, unless {PREFIX}TRUSTED_PROXIES names a proxy that terminates TLS",
                )
            )
        return weak


def _is_blank(value: Any) -> bool:
    return not (value.strip() if isinstance(value, str) else value)


def from_environment() -> Settings:
    """Reads the settings from the environment. Raises InvalidSettings if a name is unknown or a value is invalid."""
    faults = unknown_names(Settings.model_fields)
    if is_empty_in_environment("environment"):  # it may have been meant to be production
        faults.append(f"{PREFIX}ENVIRONMENT must be `development` or `production`, or not be set.")
    try:
        settings = Settings()
    except ValidationError as problem:
        faults += sorted({f"{PREFIX}{str(error['loc'][0]).upper()} {reason_of(error)}." for error in problem.errors()})
    if faults:
        raise InvalidSettings("\n".join(faults))
    return settings


def load() -> Settings:
    """Reads and checks the settings. In development the first start creates the secret key."""
    settings = from_environment().validated()
    if not settings.secret_keys:
        settings = settings.model_copy(update={"secret_keys": (_development_key(DEVELOPMENT_KEYS),)})
    return settings


def _development_key(path: Path) -> str:
    try:
        with create_file(path) as file:
            file.write(secrets.token_urlsafe(48).encode())
    except FileExistsError:
        pass
    return path.read_text().strip()
