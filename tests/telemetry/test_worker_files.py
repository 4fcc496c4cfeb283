"""A worker takes the room of its metrics when it starts, and works without them if there is none."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import values

from models.telemetry import worker_files
from tests.serving import ROOT

KINDS = ("counter", "histogram", "gauge_livesum")
COUNTS = """
import json, os, sys
if sys.argv[1] == "full":
    def full(*_):
        raise OSError(28, "No space left on device")
    os.posix_fallocate = full
from models.telemetry.catalogue import REGISTRY, counter
counter("asked", "Questions.").inc(3)
files = os.listdir(os.environ["PROMETHEUS_MULTIPROC_DIR"])
print(json.dumps([REGISTRY.get_sample_value("asked_total"), files]))
"""


@pytest.mark.parametrize("state", ["free", "full"])
def test_a_worker_counts_in_files_or_without_room_in_itself(state: str, tmp_path: Path) -> None:
    settings = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    words = [sys.executable, "-c", COUNTS, state]
    done = subprocess.run(words, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=60, check=True)
    counted, files = json.loads(done.stdout)
    assert counted == 3
    assert ("this process counts nothing" in done.stderr, files == []) == (state == "full",) * 2


def test_the_room_is_taken_before_the_first_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(worker_files.FOLDER_VARIABLE, str(tmp_path))
    assert worker_files.has_room(KINDS)
    assert {path.name.rpartition("_")[0] for path in tmp_path.iterdir()} == set(KINDS)
    assert all(path.stat().st_blocks * 512 >= path.stat().st_size > 0 for path in tmp_path.iterdir())


def test_a_folder_that_is_full_halfway_is_left_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take = os.posix_fallocate

    def full(file: int, start: int, size: int) -> None:
        if size > worker_files.ROOM["counter"]:
            raise OSError(errno.ENOSPC, "No space left on device")
        take(file, start, size)

    monkeypatch.setenv(worker_files.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(os, "posix_fallocate", full)
    assert not worker_files.has_room(KINDS)
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_is_no_worker_needs_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(worker_files.FOLDER_VARIABLE, raising=False)
    assert worker_files.has_room(KINDS)
    assert values.ValueClass is values.MutexValue
