"""Waits for a result for a limited time, also if the database is silent."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """The result of the work. Raises TimeoutError in time, also if the work cannot be cancelled at once."""
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait([task], timeout=seconds)
    finally:
        # an abandoned task may wait for a silent connection to close, so nobody waits for it
        if not task.done():
            task.cancel()
            task.add_done_callback(_ignore)
    if not done:
        raise TimeoutError
    return task.result()


def _ignore(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled():
        task.exception()
