"""Laws of log lines: those of a request have its ids, and a failure has its place and its code but no value."""

import ast
import asyncio
import json
import logging
import re
import sys
import time
from typing import Any

import pytest
from fastapi import Request
from sqlalchemy import text

from app.browser.page_rate import page_rate
from app.http.request_rate import TooManyRequests
from app.operations.log import FIELDS, QUIET_LOGGERS, JsonFormatter
from app.telemetry.request_ids import TraceParent, new_trace, present_ids, received_trace
from models.telemetry.failure import failure_fields
from permissions.rate_limits import RateLimiter
from tests.serving import ROOT
from tests.world import World

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CANARY = "canary7f3a"
FRAME = re.compile(r"[\w.]+:\d+")


class LinesHandler(logging.Handler):
    """Keeps the lines as a server process writes them."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(JsonFormatter())
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps a line of the service, not of the client in this process."""
        if record.name == "httpx":
            return
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    """The lines so far."""
    handler = LinesHandler()
    caplog.set_level(logging.INFO)
    logging.getLogger().addHandler(handler)
    yield handler.lines
    logging.getLogger().removeHandler(handler)


async def break_consent(world: World) -> None:
    """Makes statements about consent fail with a text that holds values."""
    async with world.services.database.writing() as connection:
        await connection.execute(text(f"ALTER TABLE objections RENAME TO {CANARY}_away"))


async def test_every_line_of_a_request_has_its_request_id_and_its_trace_id(
    world: World, lines: list[dict[str, Any]]
) -> None:
    _, token = await world.member("p@example.org")
    await break_consent(world)
    lines.clear()
    headers = {
        "Authorization": f"Bearer {token}",
        "X-Request-Id": "joined-12345678",
        "traceparent": f"00-{TRACE}-{SPAN}-01",
    }
    body = {"query": "{ me { processors { processor objectedAt } } }"}
    answer = (await world.client.post("/graphql", json=body, headers=headers)).json()
    assert len(lines) > 1
    assert {(line["request_id"], line["trace_id"]) for line in lines} == {("joined-12345678", TRACE)}
    (failed,) = [line for line in lines if line["level"] == "ERROR"]
    assert failed["error_id"] == answer["errors"][0]["extensions"]["id"]
    assert failed["at"] == "processors"
    assert failed["kind"] in failed["causes"][0]
    assert failed["causes"][-1].startswith(("sqlite3.", "asyncpg."))
    assert failed["sqlstate"] in ("SQLITE_ERROR", "42P01")
    assert all(FRAME.fullmatch(frame) for frame in failed["frames"])
    assert any(frame.startswith("resolvers.") for frame in failed["frames"])
    assert CANARY not in json.dumps(lines)
    assert present_ids() is None, "what comes after the request has no ids"


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_request_without_a_valid_traceparent_begins_a_trace(world: World, lines: list[dict[str, Any]]) -> None:
    for header in ({}, {"traceparent": CANARY}, {"traceparent": f"00-{'0' * 32}-{SPAN}-01"}):
        await world.client.get("/health/live", headers=header)
    told = {line["trace_id"] for line in lines if line["logger"] == "consentql.http"}
    assert len(told) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in told)
    assert CANARY not in json.dumps(lines)


async def test_a_line_of_a_background_task_has_no_ids(lines: list[dict[str, Any]]) -> None:
    await RateLimiter("redis://127.0.0.1:1/0").count_attempt("1/minute", "a")
    assert lines
    assert not any({"request_id", "trace_id"} & set(line) for line in lines)


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        (f"00-{TRACE}-{SPAN}-01", TraceParent(TRACE, SPAN, "01")),
        (f"cc-{TRACE}-{SPAN}-00-later", TraceParent(TRACE, SPAN, "00")),
        ("", None),
        (f"00-{TRACE}-{SPAN}-01-later", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE}-{SPAN}-1", None),
        (f"00-{TRACE}-{SPAN}-01\n", None),
    ],
)
def test_a_traceparent_is_taken_only_if_it_is_valid(header: str, trace: TraceParent | None) -> None:
    assert received_trace(header) == trace


def test_a_new_trace_is_a_valid_traceparent() -> None:
    made = new_trace()
    assert received_trace(str(made)) == made


def test_a_failure_is_described_without_a_value() -> None:
    try:
        try:
            {}[CANARY]
        except KeyError as problem:
            raise ValueError(CANARY) from problem
    except ValueError as problem:
        found = failure_fields(problem)
    assert found["causes"] == ["builtins.ValueError", "builtins.KeyError"]
    assert found["frames"] == [f"{__name__}:{sys._getframe().f_code.co_firstlineno + 5}"]
    assert CANARY not in json.dumps(found)


def test_a_failure_that_another_library_logs_is_described_the_same_way(lines: list[dict[str, Any]]) -> None:
    try:
        raise ValueError(CANARY)
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n%s", CANARY)
    (line,) = lines
    assert (line["message"], line["causes"]) == ("Exception in ASGI application", ["builtins.ValueError"])
    assert line["frames"]
    assert CANARY not in json.dumps(line)


def test_causes_that_form_a_circle_end() -> None:
    first, second = ValueError(), KeyError()
    first.__cause__, second.__cause__ = second, first
    assert failure_fields(first)["causes"] == ["builtins.ValueError", "builtins.KeyError"]


def test_a_page_limit_logs_neither_its_own_check_nor_the_network_of_a_client(caplog: pytest.LogCaptureFixture) -> None:
    for name, level in QUIET_LOGGERS.items():
        caplog.set_level(level, logger=name)
    count = page_rate(None, 1)
    request = Request({"type": "http", "method": "GET", "path": "/", "headers": [], "client": ("203.0.113.5", 1)})
    count(request)
    with pytest.raises(TooManyRequests):
        count(request)
    assert caplog.messages == []


async def test_a_failed_callback_is_logged_without_its_arguments(lines: list[dict[str, Any]]) -> None:
    def fail(value: str) -> None:
        raise ValueError(value)

    asyncio.get_running_loop().call_soon(fail, CANARY)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    (line,) = [line for line in lines if line["logger"] == "asyncio"]
    assert line["kind"] == "ValueError"
    assert CANARY not in json.dumps(line)


def test_the_time_of_a_line_is_in_utc_on_any_host(monkeypatch: pytest.MonkeyPatch) -> None:
    record = logging.makeLogRecord({"created": 0.0})
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        line = json.loads(JsonFormatter().format(record))
    time.tzset()
    assert line["time"] == "1970-01-01T00:00:00+0000"


def test_every_field_that_a_line_is_given_is_on_the_list() -> None:
    given = set()
    for folder in ("app", "resolvers", "permissions", "models"):
        for module in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(module.read_text())):
                if isinstance(node, ast.keyword) and node.arg == "extra" and isinstance(node.value, ast.Dict):
                    given |= {ast.literal_eval(key) for key in node.value.keys if key is not None}
    assert given - {"event"} <= set(FIELDS)
    assert len(given) > 10
