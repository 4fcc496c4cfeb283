"""Runs actions after the transaction of their task has committed. A transaction that rolls back drops its actions."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

Action = Callable[[], None]


class _Waiting:
    """The actions of one transaction, in order, until it ends."""

    def __init__(self) -> None:
        self.actions: list[Action] = []
        self.is_open = True


_WAITING: Final[ContextVar[_Waiting | None]] = ContextVar("actions that wait for a commit", default=None)


def after_commit(action: Action) -> None:
    """Runs the action once the open transaction of this task commits, or at once if there is none."""
    waiting = _WAITING.get()
    if waiting is not None and waiting.is_open:
        waiting.actions.append(action)
    else:
        action()


@contextmanager
def committing() -> Iterator[None]:
    """Encloses a transaction. Its actions run when the block ends, unless it raises."""
    waiting = _Waiting()
    before = _WAITING.set(waiting)
    try:
        yield
    finally:
        waiting.is_open = False
        _WAITING.reset(before)
    for action in waiting.actions:
        action()
