"""Writes personal data to a file that only its owner can read, or to standard output."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from models.private_files import replacement


@contextmanager
def output(out: Path | None) -> Iterator[BinaryIO]:
    """Opens the target. The file is replaced only when it is complete; on an error it stays unchanged."""
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    if out.exists() and not out.is_file():  # a pipe or a device cannot be replaced
        with out.open("wb") as device:
            yield device
        return
    with replacement(out.resolve()) as file:
        yield file
