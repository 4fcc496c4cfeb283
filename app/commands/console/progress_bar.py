"""A progress bar on a terminal, and plain lines elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import Progress

PLAIN_STEPS = 10


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yields a function to report progress up to `total`. Without a terminal it prints at most ten lines."""
    if sys.stderr.isatty():
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done)
        return
    printed = 0

    def print_step(done: int) -> None:
        nonlocal printed
        step = PLAIN_STEPS * done // max(total, 1)
        if step > printed:
            printed = step
            typer.echo(f"{what}: {100 * step // PLAIN_STEPS} %", err=True)

    yield print_step
