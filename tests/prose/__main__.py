"""`python -m tests.prose [--warnings] [PATH...]`: exit status 1 if a file has banned wording."""

import argparse
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tests.prose.check import Finding, banned, long_sentences
from tests.prose.passages import reader_of
from tests.prose.rules import LONGEST_SENTENCE

LEFT_OUT: Final = ("app/web/graphiql/", "node_modules/")


def files(paths: Iterable[str]) -> Iterator[Path]:
    """The files with prose below these paths that belong to the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *paths],
        capture_output=True,
        text=True,
        check=True,
    )
    for name in sorted(set(listed.stdout.splitlines())):
        path = Path(name)
        if (path.suffix == ".py" or reader_of(path)) and path.is_file() and not name.startswith(LEFT_OUT):
            yield path


def main() -> int:
    """Prints what is banned, then counts or lists long sentences."""
    parser = argparse.ArgumentParser(prog="python -m tests.prose", description=__doc__)
    parser.add_argument("paths", nargs="*", help="Files or folders; the whole repository if left out.")
    parser.add_argument("--warnings", action="store_true", help="List sentences that are too long.")
    given = parser.parse_args()
    faults = warnings = 0
    for path in files(given.paths):
        source = path.read_text(encoding="utf-8")
        faults += _printed(path, banned(path, source))
        warnings += _printed(path, long_sentences(path, source), quiet=not given.warnings)
    long = f"{warnings} sentences of more than {LONGEST_SENTENCE} words"
    sys.stderr.write(f"prose: {faults} banned wordings, {long}\n")
    return 1 if faults else 0


def _printed(path: Path, findings: Iterable[Finding], *, quiet: bool = False) -> int:
    count = 0
    for each in sorted(findings, key=lambda finding: finding.line):
        count += 1
        if not quiet:
            sys.stdout.write(f"{path}:{each.line}: {each.message}\n")
    return count


if __name__ == "__main__":
    sys.exit(main())
