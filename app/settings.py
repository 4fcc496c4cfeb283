"""Settings from the environment; weak ones are named, all at once, and production does not start with any."""

import os
import re
import secrets
from decimal import Decimal
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from app.settings_fields import (
    PREFIX,
    DatabaseSettings,
    Environment,
    MailSettings,
    RetentionSettings,
    SecuritySettings,
    ServiceSettings,
    StatisticsSettings,
    Switch,
)
from app.settings_validation import is_mail_url, is_narrow_network, is_sender_address, is_site_url, is_sorted_file
from permissions.retention_periods import RetentionTable, retention
from resolvers.hashing.argon2_parameters import is_below_minimum

MIN_KEY_LENGTH: Final = 32
MIN_KEY_CHARACTERS: Final = 12
"""A key of fewer different characters was not drawn at random."""

MIN_BOUND_TIMES_EPSILON: Final = 12
"""Noise cut earlier tells of somebody for certain more often than once in e^12 times."""
MAX_EPSILON: Final = Decimal("0.5")
MAX_RELEASES: Final = 6

ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
DEVELOPMENT_KEYS: Final = Path("var/secret-keys")
DEVELOPMENT_URL: Final = "http://127.0.0.1:8000"
DEVELOPMENT_MAIL: Final = "var/mail"


class InvalidSettings(Exception):
    """Settings with which nothing starts."""


class Settings(
    ServiceSettings, DatabaseSettings, SecuritySettings, MailSettings, StatisticsSettings, RetentionSettings
):
    """All settings of the process."""

    @property
    def in_production(self) -> bool:
        """Whether people depend on this process."""
        return self.environment is Environment.PRODUCTION

    @property
    def counts_attempts(self) -> bool:
        """Whether attempts are counted."""
        return self.rate_limits is Switch.ON

    @property
    def retention_periods(self) -> RetentionTable:
        """How long each kind of record is kept."""
        return retention(self.erasure_grace, self.retention)

    @property
    def own_origins(self) -> tuple[str, ...]:
        """Where browsers know this service, as they name an origin."""
        parts = urlsplit(self.public_url or "")
        return (f"{parts.scheme}://{parts.netloc}",) if parts.netloc else ()

    @property
    def base_url(self) -> str:
        """Where people reach this service."""
        return self.public_url or DEVELOPMENT_URL

    @property
    def sender(self) -> str:
        """Whom letters are from."""
        return self.mail_from or f"no-reply@{urlsplit(self.base_url).hostname}"

    def validated(self) -> "Settings":
        """These settings, or WeakSettings that names each one at fault."""
        faults = [f"{PREFIX}{name}: {reason}" for name, reason in self._faults()]
        if faults:
            raise InvalidSettings("\n".join(faults))
        return self

    def _faults(self) -> list[tuple[str, str]]:
        faults = []
        if any(len(key) < MIN_KEY_LENGTH for key in self.secret_keys):
            faults.append(("SECRET_KEYS", f"each key has at least {MIN_KEY_LENGTH} characters"))
        if (self.tls_certificate is None) != (self.tls_key is None):
            faults.append(("TLS_CERTIFICATE", "goes with TLS_KEY, one is not there"))
        if not self.database_url.startswith(("sqlite+aiosqlite:", "postgresql+asyncpg:")):
            faults.append(("DATABASE_URL", "begins with sqlite+aiosqlite: or postgresql+asyncpg:"))
        if self.database_url.split("///")[-1] in (":memory:", "") or self.database_url.endswith("//"):
            faults.append(("DATABASE_URL", "is a database that forgets"))
        faults += self._unreadable()
        if self.redis_url and not self.redis_url.startswith(("redis://", "rediss://")):
            faults.append(("REDIS_URL", "begins with redis:// or rediss://"))
        if not all(ORIGIN.fullmatch(origin) for origin in self.allowed_origins):
            faults.append(("ALLOWED_ORIGINS", "names origins such as https://app.example.org, never all of them"))
        if not all(is_narrow_network(network) for network in self.trusted_proxies):
            faults.append(("TRUSTED_PROXIES", "names addresses or networks, never all of them"))
        if any(len(set(key)) < MIN_KEY_CHARACTERS for key in self.secret_keys):
            faults.append(("SECRET_KEYS", "each key is random"))
        if is_below_minimum(self.password_memory_kib, self.password_passes):
            faults.append(("PASSWORD_MEMORY_KIB", f"is too little for argon2id with {self.password_passes} passes"))
        faults += self._unreachable()
        faults += self._noise_cut_short()
        return faults + (self._weak_in_production() if self.in_production else [])

    def _noise_cut_short(self) -> list[tuple[str, str]]:
        if self.statistics_bound * self.statistics_epsilon >= MIN_BOUND_TIMES_EPSILON:
            return []
        return [("STATISTICS_BOUND", f"is at least {MIN_BOUND_TIMES_EPSILON} / STATISTICS_EPSILON")]

    def _unreachable(self) -> list[tuple[str, str]]:
        faults = []
        if self.public_url and not is_site_url(self.public_url):
            faults.append(("PUBLIC_URL", "is not an https address, nor an http one"))
        if self.mail_url and not is_mail_url(self.mail_url):
            faults.append(("MAIL_URL", "is a folder, or smtp://, or smtps:// with a host"))
        if self.mail_from and not is_sender_address(self.mail_from):
            faults.append(("MAIL_FROM", "is not an e-mail address"))
        return faults

    def _unreadable(self) -> list[tuple[str, str]]:
        files = {
            "TLS_CERTIFICATE": self.tls_certificate,
            "TLS_KEY": self.tls_key,
            "GEOIP_DATABASE": self.geoip_database,
            "BREACHED_PASSWORDS": self.breached_passwords,
        }
        faults = [
            (name, "is not a file that can be read")
            for name, path in files.items()
            if path is not None and not (path.is_file() and os.access(path, os.R_OK))
        ]
        listed = self.breached_passwords
        if listed and not faults and not is_sorted_file(listed):
            faults.append(("BREACHED_PASSWORDS", "is not sorted by its bytes, as by LC_ALL=C sort"))
        return faults

    def _weak_in_production(self) -> list[tuple[str, str]]:
        weak = []
        if not self.secret_keys:
            weak.append(("SECRET_KEYS", "is not set"))
        if not self.counts_attempts:
            weak.append(("RATE_LIMITS", "is off"))
        if self.statistics_epsilon > MAX_EPSILON:
            weak.append(("STATISTICS_EPSILON", f"is more than {MAX_EPSILON}"))
        if self.statistics_releases_per_year > MAX_RELEASES:
            weak.append(("STATISTICS_RELEASES_PER_YEAR", f"is more than {MAX_RELEASES}"))
        if not is_site_url(self.public_url or "", ("https",)):
            weak.append(("PUBLIC_URL", "is not an https address"))
        if not self.mail_from and not is_sender_address(self.sender):
            weak.append(("MAIL_FROM", "is not set, and PUBLIC_URL has no name to write from"))
        if not all(origin.startswith("https://") for origin in self.allowed_origins):
            weak.append(("ALLOWED_ORIGINS", "names an origin that is not https"))
        if not self.tls_certificate and not self.trusted_proxies:
            weak.append(("TLS_CERTIFICATE", "is not set, and no TRUSTED_PROXIES say that TLS ends in front"))
        return weak


def from_environment() -> Settings:
    """The environment's settings as they are written, weak or not."""
    try:
        return Settings()
    except ValidationError as problem:
        names = sorted({str(error["loc"][0]).upper() for error in problem.errors()})
        raise InvalidSettings("\n".join(f"{PREFIX}{name}: is not a value that it takes" for name in names)) from None


def load() -> Settings:
    """The environment's settings, checked; in development the secret key is made at the first start and kept."""
    settings = from_environment().validated()
    if not settings.secret_keys:
        settings = settings.model_copy(update={"secret_keys": (_development_key(DEVELOPMENT_KEYS),)})
    return settings


def _development_key(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    return path.read_text().strip()
