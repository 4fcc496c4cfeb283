"""The command `verify-log` names the first bad entry and compares checkpoints."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from app.commands.audit.verify_log import Checkpoint
from models.logs import hash_chain
from tests.ledger.attacker import ENTRIES, LOGS, Attacker, fill, head_of
from tests.serving import COMMAND, consentql, environment, serving
from tests.world import World


def outcome(result: "subprocess.CompletedProcess[str]") -> tuple[int, str]:
    """The exit code of a command and the last line of its errors."""
    return result.returncode, result.stderr.strip().splitlines()[-1]


async def test_the_command_names_the_first_bad_entry_and_fails(filled: World, tmp_path: Path) -> None:
    url = filled.services.database.url
    whole = "The consent history and the disclosure ledger are intact, and the accounts agree."
    assert outcome(consentql(url, "verify-log", cwd=tmp_path)) == (0, whole)
    async with filled.services.database.writing() as connection:
        for name, sequence in (("consent", 4), ("disclosure", 2)):
            attacker = Attacker(connection, LOGS[name])
            await attacker.disarm()
            await attacker.change(sequence, subject_id="e" * 32)
    result = consentql(url, "verify-log", cwd=tmp_path)
    assert result.returncode == 1
    assert [line for line in result.stderr.splitlines() if "entry" in line] == [
        "consent: entry 4 was changed",
        "disclosure: entry 2 was changed",
    ]


async def test_the_server_log_serves_as_a_checkpoint_file(filled: World, tmp_path: Path) -> None:
    url = filled.services.database.url
    with serving(url, tmp_path) as server:
        log = server.log
    lines = [json.loads(line) for line in log.read_text().splitlines() if "consentql.checkpoint" in line]
    heads = [await head_of(filled.services, name) for name in sorted(LOGS)]
    assert [Checkpoint(line["chain"], line["sequence"], line["hash"]) for line in lines[:3]] == heads
    assert all(line["time"] for line in lines)
    assert consentql(url, "verify-log", "--checkpoint", str(log), cwd=tmp_path).returncode == 0
    async with filled.services.database.writing() as connection:
        attacker = Attacker(connection, hash_chain.DISCLOSURE)
        await attacker.disarm()
        await attacker.delete(ENTRIES)
        await attacker.head(ENTRIES - 1)
    assert consentql(url, "verify-log", cwd=tmp_path).returncode == 0
    found = outcome(consentql(url, "verify-log", "--checkpoint", str(log), cwd=tmp_path))
    assert found == (1, f"disclosure: entry {ENTRIES} is missing, and with it the end of the chain")


async def test_a_file_without_checkpoints_is_an_error(filled: World, tmp_path: Path) -> None:
    file = tmp_path / "other.log"
    file.write_bytes(b'{"message": "ready"}\n[1]\n\xff\xfe\n{"chain": "consent"}\n')
    result = consentql(filled.services.database.url, "verify-log", "--checkpoint", str(file), cwd=tmp_path)
    assert outcome(result) == (2, "The file contains no checkpoint.")


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_verifying_nine_times_as_many_entries_needs_no_more_memory(
    world: World, tmp_path: Path, sized: Callable[[int, int], int]
) -> None:
    peaks = []
    for many in (few := sized(5_000, 50_000), 9 * few):
        await fill(world.services, many, 1_000)
        peaks.append(_peak_of_verifying(world.services.database.url, tmp_path))
    assert peaks[1] < 1.05 * peaks[0], peaks


def _peak_of_verifying(url: str, cwd: Path) -> int:
    command, quiet = [*COMMAND, "verify-log"], subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment(url), cwd=cwd, stdout=quiet, stderr=quiet)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss
