"""In production `serve` stops with exit status 2 if SQLite's file is missing, and does not make it.

Run it from the project's root.
"""

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, os.getcwd())

from tests.production import PRODUCTION
from tests.serving import consentql


def main() -> None:
    """Starts a server whose database is on a mount that is lost."""
    with tempfile.TemporaryDirectory() as folder:
        lost = Path(folder) / "mount" / "lost.db"
        settings = {f"CONSENTQL_{name.upper()}": value for name, value in PRODUCTION.items()}
        settings |= {"CONSENTQL_RATE_LIMITS": "on", "CONSENTQL_DATABASE_URL": f"sqlite+aiosqlite:///{lost}"}
        done = consentql("", "serve", cwd=Path(folder), **settings)
        if done.returncode != 2 or lost.exists() or str(lost) not in done.stderr:
            sys.exit(f"FAULT: exit status {done.returncode}; made: {lost.exists()}; {done.stderr[-200:]}")


if __name__ == "__main__":
    main()
