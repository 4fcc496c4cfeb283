"""A progress bar on a terminal, nothing that gets in the way elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import Progress

PLAIN_STEPS = 10


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Gives a function that takes how far it is; plain lines, ten at most, where nobody watches a terminal."""
    if sys.stderr.isatty():
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done)
        return
    told = 0

    def tell(done: int) -> None:
        nonlocal told
        step = PLAIN_STEPS * done // max(total, 1)
        if step > told:
            told = step
            typer.echo(f"{what}: {100 * step // PLAIN_STEPS} %", err=True)

    yield tell
