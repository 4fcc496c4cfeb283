"""Laws of the listener for Prometheus: it counts for all workers, apart from the public port, and stops nothing."""

import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.mmap_dict import MmapedDict, mmap_key
from prometheus_client.parser import text_string_to_metric_families

from app.settings_metrics import MetricsSettings
from app.telemetry.listener import Address, WorkersCollector, metrics_served
from models.telemetry.catalogue import CATALOGUE, OTHER, REGISTRY, Kind
from tests.serving import free_port, serving

SUFFIXES = {Kind.COUNTER: ("",), Kind.GAUGE: ("",), Kind.HISTOGRAM: ("_bucket", "_sum", "_count")}
POLICY = {"query": "{ policy { version } }"}


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Name, labels and value of each line."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def assert_in_catalogue(text: str) -> None:
    """Every exposed series has a name, labels and values that the catalogue lists."""
    listed = {each.name + suffix: each.labels for each in CATALOGUE for suffix in SUFFIXES[each.kind]}
    seen = set()
    for name, labels, _ in samples(text):
        assert name in listed, name
        assert set(labels) - {"le"} == set(listed[name]), name
        for label, value in labels.items():
            assert label == "le" or value in {*listed[name][label], OTHER}, (name, label, value)
        seen.add(name)
    assert len(seen) > 10


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_metrics_of_two_workers_add_up(database_url: str, tmp_path: Path, redis: str) -> None:
    metrics = f"127.0.0.1:{free_port()}"
    more = {"CONSENTQL_REDIS_URL": redis, "CONSENTQL_RATE_LIMITS": "on", "CONSENTQL_METRICS_ADDRESS": metrics}
    with serving(database_url, tmp_path, "--workers", "2", **more) as server:
        for _ in range(20):  # each on a new connection, so that any worker can accept it
            assert httpx.post(f"{server.url}/graphql", json=POLICY, timeout=60).status_code == 200
        texts = [httpx.get(f"http://{metrics}/metrics", timeout=60).text for _ in range(3)]
        for path in ("/", "/metrics/x", "/favicon.ico"):
            assert httpx.get(f"http://{metrics}{path}", timeout=60).status_code == 404
    for text in texts:
        assert_in_catalogue(text)
        found = {(name, *sorted(labels.values())): value for name, labels, value in samples(text)}
        assert found["consentql_answers_total", "/graphql", "200"] == 20
        assert found["consentql_root_field_seconds_count", "OK", "Query.policy"] == 20
        assert found["consentql_processes",] == 2
        assert found["consentql_limits_processes", "shared"] == 2


def test_the_folder_of_the_workers_is_private_and_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.telemetry.listener.MEMORY", str(tmp_path))
    with metrics_served(Address("127.0.0.1", 0), workers=2):
        (folder,) = tmp_path.iterdir()
        assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == str(folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ


def test_counts_of_a_worker_that_ended_stay_and_its_gauges_go(tmp_path: Path) -> None:
    ended = max(int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()) + 100_000
    for pid, many in ((os.getpid(), 3), (ended, 4), (ended + 1, 5)):
        for kind, name in (("counter", "asked_total"), ("gauge_livesum", "used")):
            file = MmapedDict(str(tmp_path / f"{kind}_{pid}.db"))
            file.write_value(mmap_key(name.removesuffix("_total"), name, (), (), "help"), many, 0)
            file.close()
    registry = CollectorRegistry()
    registry.register(WorkersCollector(tmp_path))
    for _ in range(2):
        found = {name: value for name, _, value in samples(generate_latest(registry).decode())}
        assert found == {"asked_total": 12, "used": 3}
    names = {each.name for each in tmp_path.iterdir()}
    assert names == {f"counter_{os.getpid()}.db", f"gauge_livesum_{os.getpid()}.db", "counter_ended.db"}


def test_a_damaged_file_of_a_worker_that_ended_is_dropped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ended = max(int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()) + 100_000
    (tmp_path / f"counter_{ended}.db").touch()
    (tmp_path / f"histogram_{ended}.db").write_bytes(b"\xff\x00\x00\x00" * 9)
    assert list(WorkersCollector(tmp_path).collect()) == []
    assert not list(tmp_path.glob(f"*_{ended}.db"))
    assert [each.levelname for each in caplog.records] == ["WARNING"] * 2


def test_without_room_the_counts_of_a_worker_that_ended_stay_in_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = max(int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()) + 100_000
    file = MmapedDict(str(tmp_path / f"counter_{ended}.db"))
    file.write_value(mmap_key("asked", "asked_total", (), (), "help"), 4, 0)
    file.close()

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    registry = CollectorRegistry()
    registry.register(WorkersCollector(tmp_path))
    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        assert list(samples(generate_latest(registry).decode())) == [("asked_total", {}, 4)]
    assert list(samples(generate_latest(registry).decode())) == [("asked_total", {}, 4)]
    assert [each.name for each in tmp_path.iterdir()] == ["counter_ended.db"]


def test_without_room_for_the_files_of_workers_the_service_runs_without_metrics(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("app.telemetry.listener.ROOM", 1 << 60)
    with metrics_served(Address("127.0.0.1", 0), workers=2):
        assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
    (line,) = caplog.records
    assert "metrics are not served" in line.message


def test_a_slow_client_of_the_listener_delays_nobody_and_is_closed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("app.telemetry.listener._Request.timeout", 2)
    port = free_port()
    serving_metrics = metrics_served(Address("127.0.0.1", port), workers=1)
    with serving_metrics, socket.create_connection(("127.0.0.1", port), timeout=60) as slow:
        slow.sendall(b"GET /metrics HTTP/1.0\r\n")
        assert httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).status_code == 200
        assert slow.recv(1) == b""
    assert capfd.readouterr() == ("", "")


def test_metrics_that_cannot_be_read_are_an_answer_and_a_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("typed")

    monkeypatch.setattr("app.telemetry.listener.make_wsgi_app", lambda _: fail)
    port = free_port()
    with metrics_served(Address("127.0.0.1", port), workers=1):
        assert httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).status_code == 500
    assert [each.message for each in caplog.records if each.levelname == "ERROR"] == ["metrics could not be read"]


def test_an_address_that_is_taken_is_an_error_line_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, caplog.at_level("ERROR"):
        with metrics_served(Address(*taken.getsockname()), workers=1):
            pass
        (line,) = caplog.records
        assert "CONSENTQL_METRICS_ADDRESS" in line.message


def test_off_serves_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"), metrics_served(None, workers=2):
        assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ
    assert not caplog.records


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("127.0.0.1:9464", Address("127.0.0.1", 9464)),
        ("[::1]:0", Address("::1", 0)),
        ("localhost:80", Address("localhost", 80)),
        ("OFF", None),
    ],
)
def test_an_address_is_read(given: str, address: Address | None) -> None:
    assert MetricsSettings(metrics_address=given).metrics_address == address  # type: ignore[arg-type]  # as given
    if address:
        assert MetricsSettings(metrics_address=str(address)).metrics_address == address  # type: ignore[arg-type]  # too


@pytest.mark.parametrize(
    "given", ["", "9464", "127.0.0.1", "127.0.0.1:70000", "300.0.0.1:1", "[::1:9464", "a.example:1"]
)
def test_another_address_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="must"):
        MetricsSettings(metrics_address=given)  # type: ignore[arg-type]  # as given


def test_no_metric_of_this_process_is_outside_of_the_catalogue() -> None:
    text = generate_latest(REGISTRY).decode()
    assert_in_catalogue(text)
