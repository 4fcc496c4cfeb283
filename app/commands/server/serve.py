"""Serves the API with uvicorn, one process or several."""

import asyncio
import gc
from logging.config import dictConfig
from typing import Final

import typer
import uvicorn
from starlette.types import ASGIApp

from app.commands.console.command_error import CommandError
from app.commands.console.process import open_services
from app.connections.protocol import ConnectionProtocol
from app.graphql.document_list import InvalidDocuments
from app.graphql.document_mode import DocumentMode
from app.main import create, make_schema, trusted_documents
from app.operations.graceful_stop import GracefulStop
from app.operations.log import logging_config
from app.settings import Settings, load
from app.telemetry.listener import metrics_served
from permissions.versions.guard import UnannouncedChange, require_announced

WORKER_START_SECONDS: Final = 60
"""How long a worker may take to import the program, or not answer its supervisor, before it is started again."""


def serve(host: str, port: int, workers: int, *, create: bool) -> None:
    """Checks settings, policy and database, then listens."""
    settings = load()
    if workers > 1 and settings.counts_attempts and not settings.redis_url:
        raise CommandError(
            "Several workers need CONSENTQL_REDIS_URL, because without it each counts attempts separately."
        )
    try:
        require_announced(text_required=settings.in_production)
        if settings.trusted_documents is not DocumentMode.OFF:
            trusted_documents(settings, make_schema(introspection=not settings.in_production))
    except (UnannouncedChange, InvalidDocuments) as problem:
        raise CommandError(str(problem)) from None
    asyncio.run(_prepare(creating=create or not settings.in_production))
    _announce(settings, host, port)
    dictConfig(logging_config())
    with metrics_served(settings.metrics_address, workers=workers):
        _listen(settings, host, port, workers)


def _listen(settings: Settings, host: str, port: int, workers: int) -> None:
    uvicorn.run(
        "app.commands.server.serve:process",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        http=ConnectionProtocol,
        ws="none",
        log_config=logging_config(),
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        timeout_keep_alive=15,
        timeout_worker_healthcheck=WORKER_START_SECONDS,
        timeout_graceful_shutdown=settings.answer_seconds,
        limit_concurrency=1000,
    )


def process() -> ASGIApp:
    """Creates the application of a server process, and excludes its objects from garbage collection."""
    settings = load()
    app = GracefulStop(create(settings), settings.shutdown_delay, settings.shutdown_grace)
    gc.collect()
    gc.freeze()
    return app


async def _prepare(*, creating: bool) -> None:
    """Checks the database. In production a missing file may be a lost mount, so it is created only on demand."""
    async with open_services(creating=creating):
        pass


def _announce(settings: Settings, host: str, port: int) -> None:
    if settings.in_production:
        return
    scheme = "https" if settings.tls_certificate else "http"
    typer.echo(f"GraphiQL: {scheme}://{host}:{port}/graphql", err=True)
