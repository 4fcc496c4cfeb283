"""The command line, read from the Typer application."""

from collections.abc import Iterator
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import typer

from app.__main__ import app
from docs.generated.markdown import code, codes, sections, table

OTHERS: Final = "Commands"
"""The heading of commands that are in no group."""


def parts() -> dict[str, str]:
    """The generated parts of `cli.md`."""
    listed = list(_commands(typer.main.get_command(app), str(app.info.name)))
    return {"overview": _overview(listed), "commands": _details(listed)}


def _commands(command: Any, prefix: str, group: str = OTHERS) -> Iterator[tuple[str, str, Any]]:
    """Group, full name and command, in the order of the program; subcommands follow their parent."""
    for name, each in command.commands.items():
        panel = getattr(each, "rich_help_panel", None)
        heading = panel if isinstance(panel, str) else group
        yield heading, f"{prefix} {name}", each
        if hasattr(each, "commands"):
            yield from _commands(each, f"{prefix} {name}", heading)


def _by_group(listed: list[tuple[str, str, Any]]) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    order = list(dict.fromkeys(group for group, _, _ in listed))
    ranked = sorted(listed, key=lambda row: order.index(row[0]))
    for group, rows in groupby(ranked, key=lambda row: row[0]):
        yield group, [(name, command) for _, name, command in rows]


def _overview(listed: list[tuple[str, str, Any]]) -> str:
    return sections(
        part
        for group, rows in _by_group(listed)
        for part in (
            f"**{group}**",
            table(("command", "does"), [(f"[{code(name)}](#{_anchor(name)})", _first(each)) for name, each in rows]),
        )
    )


def _anchor(name: str) -> str:
    return name.replace(" ", "-")


def _first(command: Any) -> str:
    """The first paragraph of a command's help."""
    return str(command.help or "").partition("\n\n")[0]


def _details(listed: list[tuple[str, str, Any]]) -> str:
    return sections(part for _, rows in _by_group(listed) for name, command in rows for part in _command(name, command))


def _command(name: str, command: Any) -> Iterator[str]:
    shown = [each for each in command.params if not each.hidden]
    yield f"## {name}"
    yield from (" ".join(paragraph.split()) for paragraph in str(command.help or "").split("\n\n"))
    yield f"```text\n{_usage(name, shown)}\n```"
    if shown:
        yield table(("argument or option", "takes", "default", "meaning"), [_parameter(each) for each in shown])


def _usage(name: str, shown: list[Any]) -> str:
    arguments = [_metavar(each) for each in shown if _is_argument(each)]
    needed = [f"{each.opts[0]} {_metavar(each)}" for each in shown if not _is_argument(each) and each.required]
    has_options = any(not _is_argument(each) and not each.required for each in shown)
    return " ".join([name, *arguments, *needed, *(["[OPTIONS]"] if has_options else [])])


def _is_argument(parameter: Any) -> bool:
    return isinstance(parameter, typer.core.TyperArgument)


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _parameter(parameter: Any) -> tuple[str, str, str, str]:
    named = code(_metavar(parameter)) if _is_argument(parameter) else codes(parameter.opts)
    default = parameter.default
    shown = "required" if parameter.required else "" if default in (None, False) else code(default)
    return named, _takes(parameter), shown, parameter.help or ""


def _takes(parameter: Any) -> str:
    kind = parameter.type_descriptor.annotation
    if getattr(parameter, "is_flag", False):
        return "flag"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return codes(kind)
    if parameter.min is not None and parameter.max is not None:
        return f"{parameter.min:,} to {parameter.max:,}"
    return {int: "a whole number", Path: "a path"}.get(kind, "text")
