"""The files of `deploy/` are valid, and agree with the program and with the runbook."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from app.settings import PREFIX, Settings
from models.telemetry.catalogue import CATALOGUE
from tests.serving import ROOT

DEPLOY: Final = ROOT / "deploy"
RUNBOOK: Final = ROOT / "docs" / "runbook"
ALERTS: Final = (DEPLOY / "prometheus" / "alerts.yml").read_text()
DASHBOARD: Final = (DEPLOY / "grafana" / "dashboard.json").read_text()
METRIC: Final = re.compile(r"consentql_[a-z_]+")
SERIES: Final = re.compile(r"_(?:bucket|count|sum)$")
"""What Prometheus appends to the name of a histogram."""


def program(name: str) -> str:
    """The path of a program, or the test is skipped."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    return found or pytest.skip(f"{name} is not installed")


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    for unit in (DEPLOY / "systemd").iterdir():
        # the program is not installed here
        text = re.sub(r"/opt/consentql/current/\S+", "/bin/true", unit.read_text())
        (tmp_path / unit.name).write_text(text)
    done = run(analyze, "verify", "--man=no", *sorted(tmp_path.iterdir()))
    assert (done.returncode, done.stderr) == (0, "")


def test_each_timer_starts_a_unit_that_exists() -> None:
    units = {path.name for path in (DEPLOY / "systemd").iterdir()}
    for timer in (DEPLOY / "systemd").glob("*.timer"):
        named = re.search(r"^Unit=(.+)$", timer.read_text(), re.MULTILINE)
        started = named[1] if named else timer.name.replace(".timer", ".service")
        assert re.sub(r"@[^.]+", "@", started) in units, timer.name


def test_nginx_accepts_the_configuration(tmp_path: Path) -> None:
    nginx = program("nginx")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = run(
        *(program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-subj", "/CN=api.example.org", "-days", "1", "-keyout", key, "-out", certificate),
    )
    assert made.returncode == 0, made.stderr
    site = (DEPLOY / "nginx" / "consentql.conf").read_text()
    site = site.replace("/etc/consentql/tls", str(tmp_path)).replace("/var/log/nginx", str(tmp_path))
    (tmp_path / "site.conf").write_text(site)
    main = f"pid {tmp_path}/pid; error_log {tmp_path}/errors; events {{}} http {{ include {tmp_path}/site.conf; }}"
    (tmp_path / "nginx.conf").write_text(main)
    done = run(nginx, "-t", "-q", "-e", tmp_path / "errors", "-p", tmp_path, "-c", tmp_path / "nginx.conf")
    assert done.returncode == 0, done.stderr


def test_prometheus_accepts_the_alerts() -> None:
    done = run(program("promtool"), "check", "rules", DEPLOY / "prometheus" / "alerts.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("text", [ALERTS, DASHBOARD], ids=["alerts", "dashboard"])
def test_alerts_and_dashboard_use_metrics_that_exist(text: str) -> None:
    used = {SERIES.sub("", name) for name in METRIC.findall(text)}
    assert used
    assert used <= {each.name for each in CATALOGUE}


def test_the_dashboard_has_an_expression_in_every_panel() -> None:
    panels: list[dict[str, Any]] = json.loads(DASHBOARD)["panels"]
    shown = [panel for panel in panels if panel["type"] != "row"]
    assert shown
    assert all(panel["title"] and all(target["expr"] for target in panel["targets"]) for panel in shown)


def test_every_alert_names_its_page_and_every_page_stands_in_the_list() -> None:
    alerts = dict(re.findall(r"- alert: (\w+).*?runbook: docs/runbook/([\w-]+\.md)", ALERTS, re.DOTALL))
    assert len(alerts) == ALERTS.count("- alert:")
    index = (RUNBOOK / "README.md").read_text()
    listed = dict(re.findall(r"\| `(\w+)` \| \[([\w-]+\.md)\]", index))
    assert listed == alerts
    assert {path.name for path in RUNBOOK.glob("*.md")} - {"README.md"} == set(re.findall(r"\]\(([\w-]+\.md)\)", index))


def test_the_example_settings_are_settings() -> None:
    names = re.findall(rf"^{PREFIX}(\w+)=", (DEPLOY / "consentql.env").read_text(), re.MULTILINE)
    assert names
    assert {name.lower() for name in names} <= set(Settings.model_fields)


@pytest.mark.parametrize("script", sorted(DEPLOY.glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_valid_and_can_be_run(script: Path) -> None:
    assert run("/bin/sh", "-n", script).returncode == 0
    assert script.stat().st_mode & 0o111


def test_the_image_gets_everything_that_the_wheel_contains() -> None:
    copied = (DEPLOY / "container" / "Containerfile").read_text()
    (included,) = re.findall(r"only-include = \[(.+)\]", (ROOT / "pyproject.toml").read_text())
    assert all(
        re.search(rf"^COPY .*\b{re.escape(name)}\b", copied, re.MULTILINE) for name in re.findall(r'"(.+?)"', included)
    )
