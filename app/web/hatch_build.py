"""Warns during a build if GraphiQL's files were not fetched. The result would serve no GraphiQL."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class GraphiqlHook(BuildHookInterface):  # type: ignore[type-arg]  # only generic in newer versions of hatchling
    """Looks for the files before the build. An editable installation serves them from the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Warns about a missing file; the build continues without it."""
        fetched = Path(self.root) / "app" / "web" / "graphiql" / "LICENSES.txt"
        if version != "editable" and not fetched.is_file():
            self.app.display_warning("This build contains no GraphiQL. Run `make graphiql` first to include it.")
