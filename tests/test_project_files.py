"""The files that describe the project: complete, linked, and of one version."""

import hashlib
import re
import subprocess
import sys
import tomllib
from importlib.metadata import metadata, version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
APACHE = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
"""SHA-256 of https://www.apache.org/licenses/LICENSE-2.0.txt."""

LINK = re.compile(r"\]\((?!https?://)([^)#]+)")


def test_the_license_is_the_unmodified_apache_license() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE
    assert (PROJECT["license"], PROJECT["license-files"]) == ("Apache-2.0", ["LICENSE"])


def test_there_is_one_version() -> None:
    assert version("consentql") == PROJECT["version"]
    assert metadata("consentql")["License-Expression"] == "Apache-2.0"
    asked = [sys.executable, "-m", "app", "--version"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"consentql {PROJECT['version']}\n", "")


@pytest.mark.parametrize("name", ["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_links_between_the_files_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text()
    assert [link for link in LINK.findall(text) if not (ROOT / link).exists()] == []


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert re.findall(r"^## \[(.+?)\]", text, re.MULTILINE)[0] == "Unreleased"
