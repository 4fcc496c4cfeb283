"""Runs the blocks of one page against a served copy of the demonstration."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from app.commands.access.token import token
from app.commands.people.demo_people import DOMAIN, PASSWORD
from models.vocabulary import Processor, Role
from tests.docs.blocks import Block, Step
from tests.docs.matching import expected_json, matches, matches_lines
from tests.serving import Server, environment

PRINTED_ADDRESS: Final = re.compile(r"(?:127\.0\.0\.1|localhost):8000")
SIGNED_IN: Final = "SIGNED_IN"
LOGIN: Final = """mutation ($email: String!, $password: String!) {
  login(input: {email: $email, password: $password}) { ... on SignedIn { accessToken } } }"""
SECONDS: Final = 300


def with_programs(folder: Path) -> None:
    """Puts `consentql` into a folder, also where `make setup` would install it."""
    place = folder / ".venv" / "bin"
    place.mkdir(parents=True)
    program = place / "consentql"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m app "$@"\n')
    program.chmod(0o755)


class Page:
    """The state of a page while its blocks run: the work folder, the server, the variables that blocks set."""

    def __init__(self, folder: Path, database_url: str, server: Callable[[], Server]) -> None:
        with_programs(folder)
        path = f"{folder / '.venv' / 'bin'}:{os.environ['PATH']}"
        self.folder = folder
        self.variables = environment(database_url, PATH=path, COLUMNS="120")
        self._settings = {name: value for name, value in self.variables.items() if name.startswith("CONSENTQL_")}
        self._server = server

    @cached_property
    def server(self) -> Server:
        """Started by the first block that needs it."""
        return self._server()

    @property
    def address(self) -> str:
        """Where the server of this test listens."""
        return self.server.url.partition("//")[2]

    def run(self, step: Step) -> None:
        """Runs one step and compares its answer."""
        block = step.block
        if block.has("file"):
            name = block.option("file")
            (self.folder / name).write_text(_one_per_line(block.text) if name.endswith(".jsonl") else block.text)
        elif block.language == "graphql":
            self._query(step)
        elif block.language == "console":
            self._console(block)
        else:
            self._shell(step)

    def _shell(self, step: Step) -> None:
        block = step.block
        done = self._bash(block.text)
        said = f"{block.place}: status {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.returncode == int(block.option("status", "0")), said
        if step.answer is None:
            return
        if step.answer.language == "json":
            _compare_json(step.answer, json.loads(self._as_printed(done.stdout)))
        else:
            _compare_lines(step.answer, step.answer.text, self._as_printed(done.stdout + done.stderr))

    def _console(self, block: Block) -> None:
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, printed = _command(part)
            done = self._bash(command, together=True)
            _compare_lines(block, printed, self._as_printed(done.stdout), command)

    def _bash(self, script: str, *, together: bool = False) -> "subprocess.CompletedProcess[str]":
        """Runs a script; the variables that it sets stay for the next one."""
        state = self.folder / ".variables"
        state.unlink(missing_ok=True)
        if PRINTED_ADDRESS.search(script):
            script = PRINTED_ADDRESS.sub(self.address, script)
        done = subprocess.run(
            ["bash", "-c", f"set -ea\ntrap 'env -0 > \"{state}\"' EXIT\n{script}"],
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if together else subprocess.PIPE,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        pairs = (pair.partition("=") for pair in state.read_text().split("\0") if pair)
        self.variables = {name: value for name, _, value in pairs if name not in ("_", "SHLVL")}
        return done

    def _query(self, step: Step) -> None:
        block = step.block
        token = self._token(block.option("as", Role.ANONYMOUS))
        body: dict[str, Any] = {"query": block.text}
        if step.variables:
            body["variables"] = self._filled(json.loads(step.variables.text))
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = httpx.post(f"{self.server.url}/graphql", json=body, headers=headers, timeout=60).json()
        expected = expected_json(step.answer.text) if step.answer else {}
        assert "errors" in expected or "errors" not in answer, f"{block.place}: {json.dumps(answer, indent=2)}"
        if step.answer:
            _compare_json(step.answer, answer)
        for name, value in block.options:
            if name == "save":
                self._save(value, answer)

    def _save(self, option: str, answer: Any) -> None:
        name, _, path = option.partition("=")
        for key in path.split("."):
            answer = answer[int(key)] if isinstance(answer, list) else answer[key]
        self.variables[name] = str(answer)

    def _filled(self, value: Any) -> Any:
        """Variables with `$NAME` replaced by what an earlier block saved."""
        if isinstance(value, dict):
            return {key: self._filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        is_name = isinstance(value, str) and value.startswith("$")
        return self.variables[value[1:]] if is_name else value

    def _token(self, caller: str) -> str | None:
        """A token of the caller that `as=` names."""
        if caller == Role.ANONYMOUS:
            return None
        if caller == SIGNED_IN:
            given = {"email": f"member@{DOMAIN}", "password": PASSWORD}
            body = {"query": LOGIN, "variables": given}
            return str(httpx.post(f"{self.server.url}/graphql", json=body).json()["data"]["login"]["accessToken"])
        processor = Processor(caller) if caller in list(Processor) else None
        role = Role.PROCESSOR if processor else Role.MEMBER if "@" in caller else Role(caller)
        holder = None if processor else caller if "@" in caller else f"{caller.lower()}@{DOMAIN}"
        with pytest.MonkeyPatch.context() as patched:
            for name, value in self._settings.items():
                patched.setenv(name, value)
            return token(role, holder, processor, "8h")

    def _as_printed(self, text: str) -> str:
        return text.replace(self.address, "127.0.0.1:8000") if "server" in vars(self) else text


def _one_per_line(text: str) -> str:
    """JSON values that a page wraps for its readers, one per line."""
    lines, decoder = "", json.JSONDecoder()
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        lines, text = lines + json.dumps(value) + "\n", text[end:]
    return lines


def _command(part: str) -> tuple[str, str]:
    """A command, which may go over several lines that end with a backslash, and what it prints."""
    lines = part.splitlines(keepends=True)
    length = next((number for number, line in enumerate(lines, 1) if not line.rstrip().endswith("\\")), len(lines))
    return "".join(lines[:length]), "".join(lines[length:])


def _compare_json(answer: Block, found: Any) -> None:
    printed = json.dumps(found, indent=2, ensure_ascii=False)
    assert matches(expected_json(answer.text), found), f"{answer.place}: the answer is not as printed\n{printed}"


def _compare_lines(block: Block, expected: str, found: str, command: str = "") -> None:
    lines = [[line.rstrip() for line in text.strip().splitlines()] for text in (expected, found)]
    assert matches_lines(*lines), f"{block.place}: {command}the output is not as printed\n{found}"
