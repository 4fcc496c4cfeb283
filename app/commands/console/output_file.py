"""Where a command writes what people are in: a file that is whole and its owner's alone, or standard output."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def output(out: Path | None) -> Iterator[BinaryIO]:
    """The file takes its name once all of it is written; what fails leaves the name as it was."""
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    if out.exists() and not out.is_file():  # a pipe or a device has no place to be moved to
        with out.open("wb") as device:
            yield device
        return
    place = out.resolve()
    descriptor, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)  # for its owner alone
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
