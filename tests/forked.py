"""Runs `consentql` in processes that are forked from one that has imported the program.

The imports take seconds, most commands far less. Each command has a process, its own folder, environment and
standard streams, as from a shell.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).resolve().parent.parent


def run_forked(
    arguments: Sequence[str], environment: Mapping[str, str], cwd: Path, seconds: float
) -> "subprocess.CompletedProcess[str]":
    """Runs a command and waits for its end. Raises TimeoutExpired, after killing it, if it takes longer."""
    with tempfile.TemporaryDirectory() as folder:
        output, errors = Path(folder) / "output", Path(folder) / "errors"
        process = _context().Process(target=_command, args=(arguments, dict(environment), cwd, output, errors))
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(list(arguments), seconds)
        return subprocess.CompletedProcess(arguments, process.exitcode, output.read_text(), errors.read_text())


@cache
def _context() -> ForkServerContext:
    """Starts the process that imports the program. It ends with this one."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.preloaded"])
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CONSENTQL_")}
    with patch.dict(os.environ, {**clean, "PYTHONPATH": str(ROOT)}, clear=True):
        context.Process(target=int).start()
    return context


def _command(arguments: Sequence[str], environment: Mapping[str, str], cwd: Path, output: Path, errors: Path) -> None:
    """Runs in the forked process. Its exit status is the command's."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for path, stream in ((output, 1), (errors, 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), stream)
    sys.argv = ["consentql", *arguments]
    from app.__main__ import main

    main()
