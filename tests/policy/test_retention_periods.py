"""Retention periods: the table, the settings and their text."""

from datetime import timedelta

import pytest

from app.durations import parse_duration
from app.settings import InvalidSettings, Settings, from_environment
from permissions import retention_periods
from permissions.retention_periods import GRACE, RETENTION, RecordKind


def test_every_kind_of_record_has_a_period_a_reason_and_a_setting() -> None:
    assert list(RETENTION) == list(RecordKind)
    for kind in set(RecordKind) - set(GRACE):
        settings = Settings(retention=f"{kind}=3y")
        table = retention_periods.retention(settings.erasure_grace, settings.retention)
        assert table[kind].period == parse_duration("3y")
    for record in RETENTION.values():
        assert record.what.strip()
        assert record.why.strip()


def test_a_year_is_a_quarter_day_more_than_its_days() -> None:
    assert parse_duration("4y") == timedelta(days=4 * 365 + 1)
    assert retention_periods.period_text(parse_duration("6y")) == "6 years"
    assert retention_periods.period_text(parse_duration("1y")) == "1 year"
    with pytest.raises(ValueError, match="ten years"):
        parse_duration("11y")
    with pytest.raises(ValueError, match="ten years"):
        parse_duration("999999y")


@pytest.mark.parametrize(
    "text", ["sessions", "sessions=", "nobody=3d", "sessions=3d,sessions=4d", "accounts=3d", "=3d"]
)
def test_an_invalid_retention_setting_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSENTQL_RETENTION", text)
    with pytest.raises(InvalidSettings, match="CONSENTQL_RETENTION must be"):
        from_environment()
