"""Each alert fires when it should, and is silent while all is well."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.serving import ROOT

RULES: Final = ROOT / "deploy" / "prometheus" / "alerts.yml"
ANSWERS: Final = 'consentql_answers_total{path="/graphql",status="%s"}'
FIELDS: Final = 'consentql_root_field_seconds_count{field="Query.me",code="%s"}'
SUCCESS: Final = 'consentql_last_success_timestamp_seconds{task="%s"}'
HEALTHY: Final = {
    'up{job="consentql"}': "1x60",
    ANSWERS % "200": "0+60x60",
    FIELDS % "OK": "0+60x60",
    # the clock of the test begins at zero
    SUCCESS % "retention": "0x60",
    SUCCESS % "verify-log": "0x60",
    SUCCESS % "release-statistics": "0x60",
}
BEGINS_LATE: Final = "_x20 1x39"
"""A series that begins with its first event, as those of Prometheus do."""

FAULTS: Final[dict[str, tuple[str, dict[str, str | None]]]] = {
    "a server is down": ("ConsentqlDown", {'up{job="consentql"}': "0x60"}),
    "nothing is scraped": ("ConsentqlDown", {'up{job="consentql"}': None}),
    "every request is refused before a field": ("ConsentqlUnavailable", {ANSWERS % "503": "0+60x60"}),
    "the few requests at night are refused": (
        "ConsentqlUnavailable",
        {ANSWERS % "503": "0 0 1 1 2 2 3 3 4 4 5 5 6 6 7 7 8 8 9 9 10x40", ANSWERS % "200": None},
    ),
    "fields fail after a commit": ("ConsentqlUnavailable", {FIELDS % "UNAVAILABLE": "0+60x60"}),
    "the first internal error of a field": ("ConsentqlInternalErrors", {FIELDS % "INTERNAL": BEGINS_LATE}),
    "the first internal error outside of fields": ("ConsentqlInternalErrors", {ANSWERS % "500": BEGINS_LATE}),
    "attempts are counted locally": ("ConsentqlLimitsLocal", {'consentql_limits_processes{store="local"}': "1x60"}),
    "nobody measures retention": ("ConsentqlRetentionMissing", {SUCCESS % "retention": None}),
    "retention succeeded long ago": ("ConsentqlRetentionMissing", {SUCCESS % "retention": "-108000x60"}),
    "the check of the logs failed last night": ("ConsentqlVerifyLogMissing", {SUCCESS % "verify-log": "-108000x60"}),
}


def firing(series: dict[str, str | None], expected: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Runs the rules for half an hour, and checks which alert fires then."""
    promtool = shutil.which("promtool") or pytest.skip("promtool is not installed")
    given = {name: values for name, values in (HEALTHY | series).items() if values is not None}
    unit = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in given.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": "22m",
                "exp_samples": [{"labels": f'{{alertname="{expected}"}}', "value": 1}] if expected else [],
            }
        ],
    }
    file = tmp_path / "alerts.json"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [unit]}))
    words = [promtool, "test", "rules", str(file)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fires_its_alert_and_no_other(fault: str, tmp_path: Path) -> None:
    alert, series = FAULTS[fault]
    done = firing(series, alert, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_alert_fires_while_all_is_well(tmp_path: Path) -> None:
    done = firing({}, "", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
