"""Unknown, invalid and weak settings are refused by name."""

import pytest

from app.settings import InvalidSettings, Settings, from_environment, load
from tests.production import PRODUCTION

SOUND = {name.upper(): value for name, value in PRODUCTION.items()}
IN_MEMORY = [
    "",
    "/",
    "/:memory:",
    "/%3Amemory%3A",
    "/%20",
    "/file::memory:",
    "/file::memory:?uri=true",
    "/file:shared?mode=memory&cache=shared&uri=true",
    "/file:shared%3Fmode=memory?uri=true",
    "/file:?uri=true",
    "/file:/named?vfs=memdb&uri=true",
    "/file:/var/lib/consentql.db?cache=shared&uri=true",
]
PLAIN_TEXT = [
    ("DATABASE_URL", "postgresql+asyncpg://u:p@db.example.org/d"),
    ("DATABASE_URL", "postgresql+asyncpg://u:p@10.1.2.3/d?sslmode=prefer"),
    ("DATABASE_URL", "postgresql+asyncpg://u:p@10.1.2.3/d?ssl=disable"),
    ("DATABASE_URL", "postgresql+asyncpg:///d?host=localhost:5432&host=db.example.org:5432"),
    ("DATABASE_URL", "postgresql+asyncpg://u:p@[fd00::7]:5432/d"),
    ("REDIS_URL", "redis://:p@cache.example.org:6379/0"),
    ("REDIS_URL", "redis://10.1.2.3"),
]
PROTECTED = [
    *[
        ("DATABASE_URL", f"postgresql+asyncpg://u:p@db.example.org/d?sslmode={mode}")
        for mode in ("require", "verify-ca")
    ],
    ("DATABASE_URL", "postgresql+asyncpg://u:p@db.example.org/d?ssl=verify-full"),
    *[("DATABASE_URL", f"postgresql+asyncpg://u:p@{host}/d") for host in ("127.0.0.1", "127.3.2.1:5432", "[::1]:5432")],
    ("DATABASE_URL", "postgresql+asyncpg:///d?host=/run/postgresql"),
    ("DATABASE_URL", "sqlite+aiosqlite:////var/lib/consentql.db"),
    ("REDIS_URL", "rediss://:p@cache.example.org"),
    ("REDIS_URL", "redis://localhost:6379/0"),
]

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
    *[("DATABASE_URL", f"sqlite+aiosqlite://{path}") for path in IN_MEMORY],
    *PLAIN_TEXT,
    ("PRIVATE_NETWORKS", "10.0.0.0/99"),
    ("PRIVATE_NETWORKS", "db.example.org, 10.1.2"),
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
    for key, each in {**SOUND, name: value}.items():
        monkeypatch.setenv(f"CONSENTQL_{key}", each)
    with pytest.raises(InvalidSettings) as refused:
        load()
    assert f"CONSENTQL_{name}" in str(refused.value)
    assert value not in str(refused.value)
    monkeypatch.setenv(f"CONSENTQL_{name}", SOUND.get(name, ""))
    if name in SOUND:
        load()


def set_all(monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    """Sets the settings of production, and these."""
    for name, value in {**SOUND, **more}.items():
        monkeypatch.setenv(f"CONSENTQL_{name}", value)


@pytest.mark.parametrize("name", ["SECRET_KEYS", "PUBLIC_URL", "MAIL_URL", "CONTROLLER_NAME", "CONTROLLER_CONTACT"])
def test_production_requires_a_setting_and_an_empty_one_is_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for unset in (" " if name.startswith("CONTROLLER") else "", None):
        set_all(monkeypatch)
        if unset is None:
            monkeypatch.delenv(f"CONSENTQL_{name}")
        else:
            monkeypatch.setenv(f"CONSENTQL_{name}", unset)
        with pytest.raises(InvalidSettings, match=f"CONSENTQL_{name} "):
            load()


@pytest.mark.parametrize(("name", "url"), PROTECTED)
def test_production_starts_if_nobody_can_listen(name: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, **{name: url})
    load()


@pytest.mark.parametrize(("name", "url"), PLAIN_TEXT)
def test_a_setting_names_private_networks_in_which_tls_is_not_required(
    name: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, PRIVATE_NETWORKS="10.1.0.0/16, fd00::/8, DB.example.org, cache.example.org", **{name: url})
    load()
    set_all(monkeypatch, PRIVATE_NETWORKS="10.2.0.0/16, fe00::/8, example.org", **{name: url})
    with pytest.raises(InvalidSettings, match=f"CONSENTQL_{name} must use TLS"):
        load()


def test_an_empty_setting_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields.keys() - {"environment"}:
        monkeypatch.setenv(f"CONSENTQL_{name.upper()}", "")
    assert from_environment() == Settings()


@pytest.mark.parametrize("empty", ["", " "])
def test_an_empty_environment_is_refused(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, ENVIRONMENT=empty)
    with pytest.raises(InvalidSettings, match="CONSENTQL_ENVIRONMENT must be `development` or `production`"):
        load()


def test_ten_misspelt_settings_are_each_named(monkeypatch: pytest.MonkeyPatch) -> None:
    slips = {
        "ALLOWED_ORIGIN": "ALLOWED_ORIGINS",
        "DATABASEURL": "DATABASE_URL",
        "CONTROLLERNAME": "CONTROLLER_NAME",
        "ENVIRONMNT": "ENVIRONMENT",
        "MAIL_ULR": "MAIL_URL",
        "PUBLIC_URI": "PUBLIC_URL",
        "REDIS_URLS": "REDIS_URL",
        "SECRETS_KEYS": "SECRET_KEYS",
        "TRUSTED_PROXY": "TRUSTED_PROXIES",
        "RATE_LIMIT": "RATE_LIMITS",
    }
    set_all(monkeypatch, **dict.fromkeys(slips, "secret value"))
    with pytest.raises(InvalidSettings) as refused:
        load()
    told = {f"CONSENTQL_{slip} is not a setting. Did you mean CONSENTQL_{name}?" for slip, name in slips.items()}
    assert set(str(refused.value).splitlines()) == told


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
