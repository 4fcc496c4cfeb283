"""The mapped files in which a worker process counts. Their room is taken before the first count."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

log = logging.getLogger("consentql.metrics")

FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
ROOM: Final = {"histogram": 2 * 1024 * 1024, "counter": 512 * 1024, "gauge": 64 * 1024}
"""The bytes of a file by what it counts. It grows beyond them only after many kinds of errors."""


def has_room(kinds: Iterable[str]) -> bool:
    """Takes the room of the files of this process. False if it is a worker and the folder is full.

    Writing to a mapped file without room would kill the process.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        return True
    files = {Path(folder) / f"{kind}_{os.getpid()}.db": ROOM[kind.partition("_")[0]] for kind in kinds}
    try:
        for file, size in files.items():
            reserve(file, size)
    except OSError as problem:
        for file in files:
            file.unlink(missing_ok=True)
        log.error(
            "this process counts nothing: its files of metrics have no room", extra={"kind": type(problem).__name__}
        )
        return False
    return True


def reserve(file: Path, size: int) -> None:
    """Takes room for a mapped file. Raises OSError if there is none, and leaves no empty file."""
    with file.open("ab") as content:
        try:
            os.posix_fallocate(content.fileno(), 0, size)
        except OSError:
            if not content.tell():
                file.unlink()
            raise
