"""Starts the command line, unless another package took one of ConsentQL's top-level names.

Imports only the standard library before it checks that.
"""

import hashlib
import sys
from base64 import urlsafe_b64encode
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Final

PACKAGES: Final = ("app", "schema", "resolvers", "permissions", "models")
HERE: Final = Path(__file__).resolve().parent


def main() -> None:
    """Runs the command line. If another package took one of the names, says so and exits with status 2."""
    if name := taken():
        sys.stderr.write(
            f"{_owner(name)} provides the top-level module `{name}`. Install ConsentQL in a separate environment.\n"
        )
        sys.exit(2)
    from app.__main__ import main as run

    run()


def taken() -> str | None:
    """The first of our top-level names under which Python would import something else."""
    return next((name for name in PACKAGES if not _is_ours(name)), None)


def _is_ours(name: str) -> bool:
    ours = HERE / name / "__init__.py"
    found = find_spec(name)
    if found is None or found.origin is None or Path(found.origin).resolve() != ours:
        return False
    installed = _installed_hash(name)
    return installed is None or installed == _hash(ours)


def _installed_hash(name: str) -> str | None:
    """The hash that our installation recorded; another package may have written over the file since."""
    try:
        files = distribution("consentql").files or []
    except PackageNotFoundError:
        return None
    recorded = next((each for each in files if each.as_posix() == f"{name}/__init__.py"), None)
    return recorded.hash.value if recorded is not None and recorded.hash is not None else None


def _hash(path: Path) -> str:
    return urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()


def _owner(name: str) -> str:
    others = [each for each in packages_distributions().get(name, []) if each != "consentql"]
    found = find_spec(name)
    if others:
        return f"Another package ({', '.join(sorted(set(others)))})"
    places = [*(found.submodule_search_locations or []), found.origin or ""] if found else [""]
    return f"Another package (in {Path(places[0]).parent})" if places[0] else "Another package"
