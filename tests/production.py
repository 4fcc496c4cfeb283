"""The settings with which a server starts in production."""

from collections.abc import Mapping
from typing import Final

from tests.world import KEY

PRODUCTION: Final[Mapping[str, str]] = {
    "environment": "production",
    "secret_keys": KEY,
    "public_url": "https://consentql.example.org",
    "trusted_proxies": "10.0.0.0/8",
    "database_url": "postgresql+asyncpg://u@h/d?sslmode=verify-full",
    "mail_url": "smtps://u:p@mail.example.org",
    "controller_name": "The club of examples",
    "controller_contact": "privacy@example.org",
}
