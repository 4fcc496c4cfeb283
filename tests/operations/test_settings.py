"""Invalid and weak settings are refused by name."""

import pytest

WEAK = [
    ("TRUSTED_PROXIES", "*"),
    ("TRUSTED_PROXIES", "0.0.0.0/0"),
    ("TRUSTED_PROXIES", "0.0.0.0/1,128.0.0.0/1"),
    ("TRUSTED_PROXIES", "nonsense"),
    ("PROXY_HEADER", "x-real-ip"),
    ("PUBLIC_URL", "https://"),
    ("SECRET_KEYS", "a" * 38),
    ("ALLOWED_ORIGINS", "null"),
    ("ALLOWED_ORIGINS", "http://app.example.org"),
    ("ALLOWED_ORIGINS", "https://*.example.org"),
    ("DATABASE_URL", "sqlite+aiosqlite://"),
    ("DATABASE_URL", "sqlite+aiosqlite:///:memory:"),
    ("ERASURE_GRACE", "999999w"),
    ("ERASURE_GRACE", "soon"),
    ("DATABASE_POOL", "abc"),
    ("ENVIRONMENT", "staging"),
    ("GEOIP_DATABASE", "/nowhere"),
    ("REDIS_URL", "http://secret@nowhere"),
    ("MAIL_URL", "https://secret@nowhere"),
    ("MAIL_URL", "smtp://:25"),
    ("MAIL_URL", "smtp://secret@mail.example.org:66666"),
    ("MAIL_FROM", "nobody"),
    ("MAIL_FROM", "a@example.org, b@example.org"),
    ("PUBLIC_URL", "https://consentql.example.org/?at="),
]


@pytest.mark.parametrize(("name", "value"), WEAK)
def test_an_invalid_or_weak_setting_is_named_without_its_value(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.settings import InvalidSettings, load
    from tests.world import KEY

    sound = {
        "ENVIRONMENT": "production",
        "SECRET_KEYS": KEY,
        "PUBLIC_URL": "https://consentql.example.org",
        "TRUSTED_PROXIES": "10.0.0.0/8",
        "DATABASE_URL": "postgresql+asyncpg://u@h/d",
        "MAIL_URL": "smtps://u:p@mail.example.org",
    }
    for key, each in {**sound, name: value}.items():
        monkeypatch.setenv(f"CONSENTQL_{key}", each)
    with pytest.raises(InvalidSettings) as refused:
        load()
    assert f"CONSENTQL_{name}" in str(refused.value)
    assert value not in str(refused.value)
    monkeypatch.setenv(f"CONSENTQL_{name}", sound.get(name, ""))
    if name in sound:
        load()
