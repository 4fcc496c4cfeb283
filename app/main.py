"""The application factory: everything a process needs, put together once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Final

from fastapi import Depends, FastAPI, Request, Response
from slowapi.errors import RateLimitExceeded
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from app.graphql import endpoint as graphql
from app.graphql import graphiql
from app.graphql.execution import Documents, ServedSchema, Surrounding
from app.http import health, request_rate
from app.http.cookies import Cookies
from app.http.json_answers import failed
from app.http.response_headers import Boundary
from app.mail import letter_pages, transport
from app.mail.letters import Wording
from app.mail.outbox import Outbox
from app.operations import checkpoints
from app.settings import DEVELOPMENT_MAIL, Settings, load
from models.database import Database
from models.key_ring import KeyRing
from models.statistics.discrete_laplace import Noise
from permissions.error_codes import ErrorCode
from permissions.rate_limits import RateLimiter
from permissions.versions.guard import require_announced
from resolvers.context import Controller, Services
from resolvers.geolocation.lookup import Geolocation
from resolvers.hashing.breached_passwords import SortedListFile
from resolvers.hashing.password_hash import Hashing
from schema.build import build

LAST_LETTERS_SECONDS: Final = 5
"""What is being sent when a process ends has this long; the rest another sends."""


def services_of(settings: Settings) -> Services:
    """What these settings name: database, keys, counters, hashing, places."""
    keys = KeyRing(settings.secret_keys)
    return Services(
        database=Database(settings.database_url, pool=settings.database_pool),
        keys=keys,
        limits=RateLimiter(settings.redis_url, on=settings.limited),
        hashing=Hashing(keys, memory_kib=settings.password_memory_kib, passes=settings.password_passes),
        geolocation=Geolocation(settings.geoip_database),
        breached_list=SortedListFile(settings.breached_passwords) if settings.breached_passwords else None,
        retention=settings.retention_periods,
        controller=Controller.of(settings.controller_name, settings.controller_contact),
        noise=Noise(Fraction(settings.statistics_epsilon), settings.statistics_bound),
        releases_per_year=settings.statistics_releases_per_year,
    )


def outbox_of(settings: Settings, services: Services) -> Outbox:
    """What sends this process's share of the letters."""
    wording = Wording(settings.address)
    return Outbox(
        services,
        transport.postman(settings.mail_url or DEVELOPMENT_MAIL, in_production=settings.in_production),
        wording,
        transport.Letterhead(settings.sender, wording.host),
    )


def served_schema(*, introspection: bool) -> ServedSchema:
    """The schema with what surrounds every operation; it keeps its own newest documents."""
    documents = Documents(introspection=introspection)
    schema = build([lambda: Surrounding(documents)], ServedSchema)
    assert isinstance(schema, ServedSchema)  # noqa: S101  # tells the type checker what `build` was given
    return schema


def create(settings: Settings | None = None, services: Services | None = None) -> ASGIApp:
    """The ASGI application of a process."""
    settings = settings or load()
    require_announced(kept=settings.in_production)
    services = services or services_of(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        keeping, ended = asyncio.create_task(checkpoints.keep(services)), asyncio.Event()
        sending = asyncio.create_task(outbox_of(settings, services).keep(ended))
        yield
        keeping.cancel()
        ended.set()
        await asyncio.wait([sending], timeout=LAST_LETTERS_SECONDS)
        sending.cancel()
        services.hashing.close()
        await services.database.close()

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=lifespan)
    browser = Cookies(frozenset((*settings.allowed_origins, *settings.own_origins)))
    endpoint = graphql.Endpoint(served_schema(introspection=not settings.in_production), services, browser)
    counted = [Depends(request_rate.floor(settings.redis_url))] if settings.limited else []
    app.include_router(graphql.router(endpoint), dependencies=counted)
    app.include_router(graphiql.router(in_production=settings.in_production))
    app.include_router(letter_pages.router())
    app.include_router(health.router(services.database, services.limits))
    app.add_exception_handler(RateLimitExceeded, request_rate.too_many)
    app.add_exception_handler(HTTPException, _plain)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.allowed_origins),
            allow_methods=["POST"],
            allow_headers=["Authorization", "Content-Type", "X-ConsentQL-Client", "X-Request-Id"],
            allow_credentials=True,
            expose_headers=["X-Request-Id", "Retry-After"],
        )
    return Boundary(app, secure=settings.in_production)


async def _plain(_request: Request, problem: Exception) -> Response:
    """Starlette's own refusals in the form of all others."""
    if not isinstance(problem, HTTPException):
        raise problem
    return failed(problem.status_code, ErrorCode.BAD_USER_INPUT, str(problem.detail), **(problem.headers or {}))
