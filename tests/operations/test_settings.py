"""Unknown, invalid and weak settings are refused by name."""

import pytest

from app.settings import InvalidSettings, Settings, from_environment, load

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


NAMES = sorted(f"CONSENTQL_{name.upper()}" for name in Settings.model_fields)


@pytest.mark.parametrize("name", NAMES)
def test_a_misspelt_setting_stops_the_start_and_the_right_name_is_told(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in range(len("CONSENTQL_"), len(name)):
        wrong = name[:place] + name[place + 1 :]
        monkeypatch.setenv(wrong, "secret value")
        with pytest.raises(InvalidSettings) as refused:
            from_environment()
        monkeypatch.delenv(wrong)
        assert str(refused.value) == f"{wrong} is not a setting. Did you mean {name}?"


def test_an_unknown_setting_is_named_beside_invalid_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSENTQL_FAVOURITE_COLOUR", "secret")
    monkeypatch.setenv("consentql_allowed_origin", "secret")
    monkeypatch.setenv("CONSENTQL_DATABASE_POOL", "secret")
    monkeypatch.setenv("OTHER_FAVOURITE_COLOUR", "not ours")
    with pytest.raises(InvalidSettings) as refused:
        load()
    first, second, third = str(refused.value).splitlines()
    assert first == "CONSENTQL_FAVOURITE_COLOUR is not a setting. Remove it."
    assert second == "consentql_allowed_origin is not a setting. Did you mean CONSENTQL_ALLOWED_ORIGINS?"
    assert third.startswith("CONSENTQL_DATABASE_POOL must")
    assert "secret" not in str(refused.value)
