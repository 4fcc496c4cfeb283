"""Writes personal data to a file that only its owner can read, or to standard output."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from app.commands.console.command_error import CommandError
from models.private_files import replacement

REASONS: Final = {
    errno.EACCES: "you may not write there",
    errno.EPERM: "you may not write there",
    errno.EROFS: "its file system is read-only",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your quota of the disk is used up",
    errno.EFBIG: "the file system takes no file as large",
    errno.EIO: "the disk fails",
    errno.ENAMETOOLONG: "its name is too long",
    errno.EISDIR: "it is a folder",
}
WHILE_WRITING: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""Failures of writing that no other act of a command has, such as a lost connection."""


@contextmanager
def output(out: Path | None) -> Iterator[BinaryIO]:
    """Opens the target. The file is replaced only when it is complete; on an error it stays unchanged."""
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    opened = False
    try:
        target = out.resolve()
        # a pipe or a device cannot be replaced
        with out.open("wb") if out.exists() and not out.is_file() else replacement(target) as file:
            opened = True
            yield file
    except OSError as problem:
        if opened and not (problem.errno in WHILE_WRITING and problem.filename is None):
            raise
        raise CommandError(f"Cannot write {out}: {_reason(out, problem)}.") from None


def _reason(out: Path, problem: OSError) -> str:
    folder = out.resolve().parent
    if not folder.exists():
        return "the folder does not exist"
    if not folder.is_dir():
        return f"{folder} is not a folder"
    return REASONS.get(problem.errno or 0, "the folder takes no new files")
