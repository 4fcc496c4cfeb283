"""In production an error names no argument and no type that the document did not name.

Run it from the project's root.
"""

import os
import sys
import tempfile
from pathlib import Path

import httpx

sys.path.insert(0, os.getcwd())

from tests.production import PRODUCTION
from tests.serving import consentql, serving

HIDDEN = {
    "{ statistics { subjects } }": ("groupBy", "Dimension"),
    "mutation { grantRole }": ("userId", "expiresAt", "DateTime"),
}


def main() -> None:
    """Sends documents without required arguments to a server in production."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite+aiosqlite:///{folder}/site.db"
        settings = {f"CONSENTQL_{name.upper()}": value for name, value in PRODUCTION.items()}
        settings |= {"CONSENTQL_RATE_LIMITS": "on", "CONSENTQL_DATABASE_URL": url}
        consentql(url, "migrate", cwd=Path(folder), **settings)
        with serving(url, Path(folder), **settings) as server:
            answers = {query: httpx.post(f"{server.url}/graphql", json={"query": query}).text for query in HIDDEN}
    told = [name for query, names in HIDDEN.items() for name in names if name in answers[query]]
    if told:
        sys.exit(f"FAULT: named without being in the document: {', '.join(told)}")


if __name__ == "__main__":
    main()
