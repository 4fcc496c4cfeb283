"""The application factory: creates the services and the ASGI application of a process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from app.browser.cookies import SessionCookies
from app.browser.cross_origin import cors_options
from app.browser.home_page import HomePage
from app.browser.page_rate import page_rate
from app.connections.cap import ConnectionCap
from app.connections.protocol import CONNECTIONS
from app.graphql import endpoint as graphql
from app.graphql import graphiql
from app.graphql.document_cache import DocumentCache
from app.graphql.document_mode import DocumentMode
from app.graphql.execution import OperationExtension, ServedSchema
from app.graphql.trusted_documents import TrustedDocuments, load_documents
from app.http import health
from app.http.client_address import ClientAddressMiddleware, TrustedProxies
from app.http.json_answers import WRONG_METHOD, error_response
from app.http.readiness import Readiness
from app.http.request_rate import RequestRate, TooManyRequests, too_many_requests
from app.http.response_headers import BoundaryMiddleware
from app.mail import letter_pages, transport
from app.mail.letter_documents import LETTER_DOCUMENTS
from app.mail.letters import LetterTexts
from app.mail.outbox import Outbox
from app.operations import checkpoints
from app.operations.heartbeat import Heartbeat
from app.operations.process_events import process_events
from app.operations.sign_in_metrics import count_sign_ins
from app.settings import DEVELOPMENT_MAIL, Settings, load
from app.telemetry.process_metrics import ProcessMeter
from app.telemetry.tracing import start_tracing
from models.connections.time_limits import TimeLimits
from models.database import Database
from models.key_ring import KeyRing
from models.statistics.discrete_laplace import Noise
from permissions.error_codes import ErrorCode
from permissions.rate_limits import RateLimiter
from permissions.versions.guard import require_announced
from resolvers.clock.steady_clock import SteadyClock
from resolvers.context import Controller, Services
from resolvers.geolocation.lookup import Geolocation
from resolvers.hashing.breached_passwords import SortedListFile
from resolvers.hashing.password_hash import Hashing
from schema.build import build

OUTBOX_STOP_SECONDS: Final = 3
"""How long a process that stops waits for e-mails being sent. Another process sends the rest."""


def make_database(settings: Settings, limits: TimeLimits) -> Database:
    """Opens the database of the settings, with the time limits of requests or of commands."""
    return Database(
        settings.database_url,
        pool=settings.database_pool,
        limits=limits,
        prepared_statements=settings.postgres_prepared_statements,
    )


def make_services(settings: Settings, limits: TimeLimits | None = None) -> Services:
    """Creates the services from settings: database, keys, rate limits, hashing, geolocation."""
    keys = KeyRing(settings.secret_keys)
    return Services(
        now=SteadyClock(),
        database=make_database(settings, limits or settings.request_limits),
        keys=keys,
        limits=RateLimiter(settings.redis_url, enabled=settings.counts_attempts),
        hashing=Hashing(keys, memory_kib=settings.password_memory_kib, passes=settings.password_passes),
        geolocation=Geolocation(settings.geoip_database),
        breached_list=SortedListFile(settings.breached_passwords) if settings.breached_passwords else None,
        retention=settings.retention_periods,
        controller=Controller.of(settings.controller_name, settings.controller_contact),
        noise=Noise(Fraction(settings.statistics_epsilon), settings.statistics_bound),
        releases_per_year=settings.statistics_releases_per_year,
    )


def make_outbox(settings: Settings, services: Services) -> Outbox:
    """Creates the outbox of a process."""
    texts = LetterTexts(settings.base_url)
    return Outbox(
        services,
        transport.transport_for(settings.mail_url or DEVELOPMENT_MAIL, in_production=settings.in_production),
        texts,
        transport.MessageBuilder(settings.sender, texts.host),
    )


def make_schema(*, introspection: bool) -> ServedSchema:
    """Creates the schema with its cache of documents."""
    documents = DocumentCache(introspection=introspection)
    schema = build([lambda: OperationExtension(documents)], ServedSchema)
    assert isinstance(schema, ServedSchema)  # noqa: S101  # narrows the type that `build` returns
    schema.documents = documents
    return schema


def trusted_documents(settings: Settings, schema: ServedSchema) -> TrustedDocuments:
    """The documents that clients may ask for by id. Raises InvalidDocuments if one of the list is invalid."""
    path = settings.trusted_documents_file
    listed = load_documents(path, schema) if path and settings.trusted_documents is not DocumentMode.OFF else {}
    return TrustedDocuments(settings.trusted_documents, {**LETTER_DOCUMENTS, **listed})


def create(settings: Settings | None = None, services: Services | None = None) -> ASGIApp:
    """The ASGI application of a process."""
    settings = settings or load()
    require_announced(text_required=settings.in_production)
    services = services or make_services(settings)
    outbox = make_outbox(settings, services)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with background_work(services, outbox):
            yield {CONNECTIONS: caps}

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=lifespan)
    browser = SessionCookies(frozenset((*settings.app_origins, *settings.own_origins)))
    home = HomePage(settings.service_name, urlsplit(settings.base_url).path, in_production=settings.in_production)
    rate = RequestRate(services, settings.requests_per_minute)
    schema = make_schema(introspection=not settings.in_production)
    endpoint = graphql.Endpoint(schema, trusted_documents(settings, schema), rate, browser)
    app.include_router(graphql.router(endpoint))
    counted = [Depends(page_rate(settings.redis_url, settings.requests_per_minute))] if settings.counts_attempts else []
    for pages in (
        graphiql.router(in_production=settings.in_production),
        letter_pages.router(settings.service_name),
        home.router(),
    ):
        app.include_router(pages, dependencies=counted)
    proxies = TrustedProxies(settings.trusted_proxies, settings.proxy_header)
    caps = ConnectionCap(proxies, settings.connections_per_client, settings.connections_of_proxies)
    app.include_router(health.router(Readiness(services, proxies, lambda: outbox.state.consecutive_server_failures)))
    app.add_exception_handler(TooManyRequests, too_many_requests)
    app.add_exception_handler(HTTPException, partial(_http_error, home))
    if settings.allowed_origins:
        app.add_middleware(CORSMiddleware, **cors_options(settings.app_origins))
    return ClientAddressMiddleware(BoundaryMiddleware(app, secure=settings.in_production), proxies)


@asynccontextmanager
async def background_work(services: Services, outbox: Outbox) -> AsyncIterator[None]:
    """Writes checkpoints, sends e-mails and measures while a process serves. Closes the services at the end."""
    start_tracing(services.database.engines)
    count_sign_ins()
    heartbeat, ended = Heartbeat(services), asyncio.Event()
    await heartbeat.start()
    sending = asyncio.create_task(outbox.run(ended))
    others = [
        asyncio.create_task(heartbeat.run()),
        asyncio.create_task(checkpoints.write_every_minute(services)),
        asyncio.create_task(services.last_uses.record_forever(services.database)),
        asyncio.create_task(ProcessMeter().run()),
    ]
    async with process_events(services.database):
        yield
    for task in others:
        task.cancel()
    ended.set()
    await asyncio.wait([sending], timeout=OUTBOX_STOP_SECONDS)
    sending.cancel()
    services.hashing.close()
    await services.database.close()


async def _http_error(home: HomePage, request: Request, problem: Exception) -> Response:
    """The response to an error of Starlette, in the form of all errors."""
    if not isinstance(problem, HTTPException):
        raise problem
    if problem.status_code == 404:
        return home.not_found(request)
    sentence = WRONG_METHOD if problem.status_code == 405 else str(problem.detail)
    return error_response(request, problem.status_code, ErrorCode.BAD_USER_INPUT, sentence, **(problem.headers or {}))
