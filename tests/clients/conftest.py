"""A server for the example clients, and what their programs need."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from schema.build import build
from tests.clients.journeys import EXAMPLES, Service, run
from tests.serving import ROOT, consentql, free_port, serving

GENERATED = EXAMPLES / "generated"


@pytest.fixture(scope="session")
def documents() -> Path | None:
    """The trusted documents that Relay's compiler writes, or None if Node.js or the packages cannot be had."""
    subprocess.run(["make", "clients"], cwd=ROOT, capture_output=True, check=True)
    if not (EXAMPLES / "node_modules" / ".package-lock.json").exists():
        return None
    GENERATED.mkdir(exist_ok=True)
    (GENERATED / "schema.graphql").write_text(build().as_str())
    built = run("npm", "run", "build")
    assert built.returncode == 0, built.stdout + built.stderr
    return GENERATED / "documents.json"


@pytest.fixture
def node(documents: Path | None) -> None:
    """Skips a test that needs Node.js if there is none."""
    if documents is None:
        pytest.skip("Node.js or the packages of the example clients cannot be had: `make clients` says why")


@pytest.fixture(scope="module")
def service(documents: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A demonstration of 30 people, served with rate limits and with the trusted documents."""
    folder = tmp_path_factory.mktemp("clients")
    database = folder / "demo.db"
    url = f"sqlite+aiosqlite:///{database}"
    app_port = free_port()
    origins = f"http://localhost:{app_port},http://127.0.0.1:{app_port}"
    settings = {"CONSENTQL_RATE_LIMITS": "on", "CONSENTQL_ALLOWED_ORIGINS": origins}
    if documents:
        settings |= {"CONSENTQL_TRUSTED_DOCUMENTS": "prefer", "CONSENTQL_TRUSTED_DOCUMENTS_FILE": str(documents)}
    filled = consentql(url, "demo", "--users", "30", cwd=folder)
    assert filled.returncode == 0, filled.stderr
    with serving(url, folder, **settings) as server:
        yield Service(f"{server.url}/graphql", database, app_port)
