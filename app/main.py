"""The application factory: everything a process needs, put together once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction

from fastapi import Depends, FastAPI, Request, Response
from slowapi.errors import RateLimitExceeded
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from app import checkpoints, explorer, graphql, health, throttle
from app.execution import Documents, ServedSchema, Surrounding
from app.http import Boundary
from app.settings import Settings, load
from models.database import Database
from models.discrete_laplace import Noise
from models.keys import KeyRing
from permissions.limits import Limits
from resolvers.context import Services
from resolvers.geolocation import Geolocation
from resolvers.hashing import Hashing
from schema.build import build


def services_of(settings: Settings) -> Services:
    """What these settings name: database, keys, counters, hashing, places."""
    return Services(
        database=Database(settings.database_url, pool=settings.database_pool),
        keys=KeyRing(settings.secret_keys),
        limits=Limits(settings.redis_url, on=settings.limited),
        hashing=Hashing(),
        geolocation=Geolocation(settings.geoip_database),
        erasure_grace=settings.erasure_grace,
        noise=Noise(Fraction(settings.statistics_epsilon), settings.statistics_bound),
        releases_per_year=settings.statistics_releases_per_year,
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
    services = services or services_of(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        keeping = asyncio.create_task(checkpoints.keep(services))
        yield
        keeping.cancel()
        services.hashing.close()
        await services.database.close()

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=lifespan)
    endpoint = graphql.Endpoint(served_schema(introspection=not settings.in_production), services)
    counted = [Depends(throttle.floor(settings.redis_url))] if settings.limited else []
    app.include_router(graphql.router(endpoint), dependencies=counted)
    app.include_router(explorer.router(in_production=settings.in_production))
    app.include_router(health.router(services.database))
    app.add_exception_handler(RateLimitExceeded, throttle.too_many)
    app.add_exception_handler(HTTPException, _plain)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.allowed_origins),
            allow_methods=["POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-Id"],
            expose_headers=["X-Request-Id", "Retry-After"],
        )
    return Boundary(app, secure=settings.in_production)


async def _plain(_request: Request, problem: Exception) -> Response:
    """Starlette's own refusals in the form of all others."""
    if not isinstance(problem, HTTPException):
        raise problem
    return graphql.failed(problem.status_code, "BAD_USER_INPUT", str(problem.detail), **(problem.headers or {}))
