"""Laws of spans: what they are about, how they hang together, and that they hold no sent value."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from app.telemetry import tracing
from models.telemetry.spans import Attribute, SpanName, span
from tests.identity import STRONG
from tests.world import World

sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CANARY = "canary7f3a"
LOGIN = "mutation ($e: String!, $p: String!) { login(input: {email: $e, password: $p}) { __typename } }"


@pytest.fixture
def spans(world: World) -> Iterator[Any]:
    """The spans that have ended."""
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use_tracer(provider.get_tracer("test"), world.services.database.engines)
    yield exporter
    tracing.stop_tracing()


async def test_a_request_is_one_trace_down_to_its_statements(world: World, spans: Any) -> None:
    _, token = await world.member("p@example.org")
    spans.clear()
    headers = {"Authorization": f"Bearer {token}", "traceparent": f"00-{TRACE}-{SPAN}-01"}
    body = {"query": f"mutation {CANARY} {{ {CANARY}: withdrawConsent(purpose: SOCIAL) {{ __typename }} }}"}
    assert (await world.client.post(f"/graphql?{CANARY}", json=body, headers=headers)).status_code == 200
    found = spans.get_finished_spans()
    assert {f"{each.context.trace_id:032x}" for each in found} == {TRACE}
    names = {each.name for each in found}
    assert names >= {SpanName.REQUEST, SpanName.EXECUTION, SpanName.ROOT_FIELD, SpanName.STATEMENT, SpanName.LEDGER}
    ids = {each.context.span_id: each for each in found}
    (top,) = [each for each in found if each.parent.span_id not in ids]
    assert (top.name, f"{top.parent.span_id:016x}") == (SpanName.REQUEST, SPAN)
    assert dict(top.attributes) == {Attribute.METHOD: "POST", Attribute.PATH: "/graphql", Attribute.STATUS: "200"}
    (field,) = [each for each in found if each.name == SpanName.ROOT_FIELD]
    assert field.attributes[Attribute.ROOT_FIELD] == "Mutation.withdrawConsent"
    assert ids[field.parent.span_id].name == SpanName.EXECUTION
    said = {
        (each.attributes[Attribute.OPERATION], each.attributes[Attribute.TABLES])
        for each in found
        if each.name == SpanName.STATEMENT
    }
    assert ("UPDATE", "chain_heads") in said
    told = json.dumps([each.to_json() for each in found])
    assert CANARY not in told
    assert {key for each in found for key in each.attributes} <= set(Attribute)


async def test_a_failure_is_told_by_its_class_alone(world: World, spans: Any) -> None:
    async with world.services.database.writing() as connection:
        await connection.execute(text(f"ALTER TABLE objections RENAME TO {CANARY}"))
    _, token = await world.member("p@example.org")
    spans.clear()
    await world.ask("{ me { processors { objectedAt } } }", token)
    failed = [each for each in spans.get_finished_spans() if Attribute.ERROR in each.attributes]
    assert SpanName.STATEMENT in {each.name for each in failed}
    assert not any(each.events or each.status.description for each in failed)
    assert CANARY not in json.dumps([each.to_json() for each in failed])


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_hashing_has_a_span(world: World, spans: Any) -> None:
    await world.person("p@example.org", password=STRONG)
    await world.data(LOGIN, None, {"e": "p@example.org", "p": STRONG})
    (hashed,) = [each for each in spans.get_finished_spans() if each.name == SpanName.HASHING]
    assert hashed.attributes == {Attribute.POOL: "argon2"}


def test_without_a_tracer_a_span_is_nothing() -> None:
    with span(SpanName.LEDGER, {Attribute.LOG: "consent"}), pytest.raises(ZeroDivisionError), span(SpanName.HASHING):
        _ = 1 / 0


def test_without_the_variables_no_package_is_loaded() -> None:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    code = (
        "import sys; from app.telemetry.tracing import start_tracing; start_tracing([]); "
        "sys.exit(any(each.startswith('opentelemetry.sdk') for each in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], env=plain, check=False).returncode == 0


def test_missing_packages_are_a_warning(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    monkeypatch.setattr(tracing, "PACKAGES", ("a_package_that_no_one_has.sdk",))
    tracing.start_tracing([])
    assert "consentql[tracing]" in caplog.text
