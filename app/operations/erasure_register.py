"""The list of erased subjects, as a file. After a restore the next retention run erases them again."""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from models.columns import rfc3339
from models.private_files import open_to_append


@dataclass(frozen=True, slots=True)
class ErasureRegister:
    """A file of JSON lines with an opaque id and a time. Lines are only appended."""

    path: Path

    def ids(self) -> Iterator[str]:
        """The ids in the file. An incomplete last line is skipped."""
        if not self.path.exists():
            return
        with self.path.open("rb") as lines:
            for line in lines:
                if (id := _parsed_id(line)) is not None:
                    yield id

    def add(self, ids: Sequence[str], at: datetime) -> None:
        """Appends ids. Returns when the lines and the name of the file are on the disk."""
        with open_to_append(self.path) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            lines = "".join(f"{json.dumps({'id': id, 'at': rfc3339(at)})}\n" for id in ids)
            _write(file, (b"\n" if _is_incomplete(file) else b"") + lines.encode())
            os.fsync(file.fileno())
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _write(file: BinaryIO, content: bytes) -> None:
    while content:
        content = content[file.write(content) :]


def _is_incomplete(file: BinaryIO) -> bool:
    """Whether the last line has no newline, so that one must be written first."""
    if file.seek(0, os.SEEK_END) == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def _parsed_id(line: bytes) -> str | None:
    try:
        id = json.loads(line)["id"]
    except (ValueError, KeyError, TypeError):
        return None
    return id if isinstance(id, str) else None
