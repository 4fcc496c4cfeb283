"""Installs the GraphiQL files from npm, as locked, with the licenses of all packages in them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

WEB: Final = Path(__file__).resolve().parent
FETCHED: Final = WEB / "graphiql"
LOCKED: Final = ("package.json", "package-lock.json", ".npmrc")
FILES: Final = {
    "react.production.min.js": "react/umd/react.production.min.js",
    "react-dom.production.min.js": "react-dom/umd/react-dom.production.min.js",
    "graphiql.min.js": "graphiql/graphiql.min.js",
    "graphiql.min.css": "graphiql/graphiql.min.css",
    "explorer.umd.js": "@graphiql/plugin-explorer/dist/index.umd.js",
    "explorer.css": "@graphiql/plugin-explorer/dist/style.css",
}
SOURCE_MAP: Final = "//# sourceMappingURL="


def licences(modules: Path) -> str:
    """Name, version, license and license text of every installed package."""
    told = []
    for manifest in sorted(modules.rglob("package.json")):
        about = json.loads(manifest.read_text())
        if "name" not in about or "version" not in about:
            continue
        texts = sorted(path for path in manifest.parent.glob("[Ll][Ii][Cc][Ee][Nn][CcSs][Ee]*") if path.is_file())
        head = f"{about['name']} {about['version']}: {about.get('license', 'see below')}"
        told.append("\n\n".join([head, *(path.read_text().strip() for path in texts)]))
    return ("\n\n" + "-" * 80 + "\n\n").join(told) + "\n"


def fetch(npm: str) -> None:
    """Installs the locked packages in a temporary folder and copies the files that the page loads."""
    with TemporaryDirectory() as folder:
        for name in LOCKED:
            shutil.copy(WEB / name, folder)
        subprocess.run([npm, "ci", "--loglevel=error"], cwd=folder, check=True, stdout=sys.stderr)  # noqa: S603  # npm as found, fixed words
        modules = Path(folder) / "node_modules"
        shutil.rmtree(FETCHED, ignore_errors=True)
        FETCHED.mkdir()
        for name, source in FILES.items():
            # developer tools would request a source map, which is not served
            (FETCHED / name).write_text((modules / source).read_text().partition(SOURCE_MAP)[0])
        (FETCHED / "LICENSES.txt").write_text(licences(modules))


def main() -> int:
    """Installs the files, or prints what is missing."""
    npm = shutil.which("npm")
    if npm is None:
        sys.stderr.write("GraphiQL's files were not fetched: there is no npm.\n")
        return 1
    try:
        fetch(npm)
    except (OSError, subprocess.CalledProcessError) as problem:
        shutil.rmtree(FETCHED, ignore_errors=True)
        sys.stderr.write(f"GraphiQL's files were not fetched: {problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
