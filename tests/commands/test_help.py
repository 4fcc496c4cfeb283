"""The help of the command line: commands stand in groups, and every command and parameter is explained."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from app.__main__ import app
from tests.serving import consentql

GROUPS = ["Server", "People", "Processors", "Access", "Policy", "Audit"]
WITH_STATUS_1 = {"import", "retention", "verify-log", "policy lint"}


def walked(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    yield name, command
    for each, inner in getattr(command, "commands", {}).items():
        yield from walked(inner, f"{name} {each}".strip())


ROOT: Any = typer.main.get_command(app)
COMMANDS = dict(walked(ROOT))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_and_its_parameters_have_help(name: str) -> None:
    command = COMMANDS[name]
    first = (command.help or "").split("\n\n")[0]
    assert first.endswith("."), "the first paragraph is a sentence"
    for parameter in command.params:
        assert (parameter.help or "").strip(), parameter.name
        assert parameter.metavar is not None, f"{parameter.name} has no metavar"
        assert parameter.metavar == parameter.metavar.upper()


def test_every_command_stands_in_a_group() -> None:
    panels = {name: command.rich_help_panel for name, command in ROOT.commands.items()}
    assert list(dict.fromkeys(panels.values())) == GROUPS


def test_a_command_that_can_end_with_status_1_says_when() -> None:
    saying = {name for name, command in COMMANDS.items() if "Exit status 1:" in (command.help or "")}
    assert saying == WITH_STATUS_1
    assert "Exit status 0:" in ROOT.epilog


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_help_shows_the_groups_in_order(backend: str, empty_url: str, tmp_path: Any) -> None:
    shown = consentql(empty_url, "--help", cwd=tmp_path).stdout
    places = [shown.index(f" {group} ─") for group in GROUPS]
    assert places == sorted(places)
    assert "<bool>" not in shown.replace("--help           <bool>", "")
