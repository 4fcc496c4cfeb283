"""The list of stolen passwords of an operator is searched completely and checked at start."""

import hashlib
from pathlib import Path

import pytest

from app.settings import InvalidSettings, Settings
from resolvers.hashing.breached_passwords import SortedListFile
from resolvers.sign_in.password_rules import FaultKind, faults
from tests.world import KEY


def write_list(path: Path, passwords: list[str], *, hashed: bool) -> Path:
    """Writes a sorted list of passwords, or of hashes with counts and Windows line ends."""
    lines = [each.encode() for each in passwords]
    if hashed:
        lines = [f"{hashlib.sha1(each).hexdigest().upper()}:{len(each)}\r".encode() for each in lines]
    path.write_bytes(b"\n".join(sorted(lines)) + b"\n")
    return path


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 500])
def test_an_operators_list_is_searched_from_end_to_end(tmp_path: Path, size: int, *, hashed: bool) -> None:
    passwords = [f"{'é' * (number % 7)}river of stones {number}" for number in range(size)]
    listed = SortedListFile(write_list(tmp_path / "list", passwords, hashed=hashed))
    assert all(each in listed for each in passwords)
    assert not any(
        each in listed for each in ("", "\0", "river of stones", "river of stones 5000", "￿", passwords[0] + "x")
    )
    assert [fault.kind for fault in faults("river of stones 0", listed=listed)] == [FaultKind.BREACHED]
    assert [fault.kind for fault in faults("R1ver of Stones 0!!", listed=listed)] == [FaultKind.BREACHED]
    assert [fault.kind for fault in faults("R1ver of Pebbles 0!!", listed=listed)] == []
    assert faults("river of gravel 0", listed=listed) == ()
    listed.close()


def test_an_unsorted_or_missing_list_is_a_settings_error(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("".join(f"{number}\n" for number in range(5000, 0, -1)))
    for wrong in (path, tmp_path / "nowhere"):
        with pytest.raises(InvalidSettings, match="CONSENTQL_BREACHED_PASSWORDS"):
            Settings(secret_keys=(KEY,), breached_passwords=wrong).validated()
    write_list(path, ["a", "b", "c"], hashed=False)
    Settings(secret_keys=(KEY,), breached_passwords=path).validated()
