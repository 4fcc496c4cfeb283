"""Creates files and folders that only their owner can open, with any umask. Nothing else creates one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700


def make_folder(path: Path) -> None:
    """Creates the folder and its missing parents. Those that exist keep their mode."""
    if path.is_dir():
        return
    make_folder(path.parent)
    try:
        path.mkdir(FOLDER_MODE)
    except FileExistsError:  # another process was faster
        if not path.is_dir():
            raise
        return
    path.chmod(FOLDER_MODE)  # the umask may have taken rights from the owner


def create_file(path: Path) -> BinaryIO:
    """Creates the file in its folder, made if missing, and opens it. Raises FileExistsError if it exists."""
    make_folder(path.parent)
    return _opened(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE))


def open_to_append(path: Path) -> BinaryIO:
    """Opens the file to read it and append to it, without a buffer. Creates it if it is missing."""
    with suppress(FileExistsError):
        create_file(path).close()
    return os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND), "rb+", buffering=0)


@contextmanager
def replacement(path: Path) -> Iterator[BinaryIO]:
    """Opens a new file that replaces the one at `path` when the block ends. If the block raises, nothing changes."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with _opened(descriptor) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _opened(descriptor: int) -> BinaryIO:
    os.fchmod(descriptor, FILE_MODE)  # the umask may have taken rights from the owner
    return os.fdopen(descriptor, "wb+")
