"""The routes for liveness, readiness and metrics."""

import asyncio
import contextlib
from typing import Final

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app.http.json_answers import READ_METHODS
from app.operations.metrics import REGISTRY
from app.operations.schema_version import is_current
from models.database import Database
from permissions.rate_limits import RateLimiter

TIMEOUT_SECONDS: Final = 3


def router(database: Database, limits: RateLimiter) -> APIRouter:
    """`/health/live`, `/health/ready` and `/metrics`."""
    routes = APIRouter()

    @routes.api_route("/health/live", methods=READ_METHODS)
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @routes.api_route("/health/ready", methods=READ_METHODS)
    async def ready(response: Response) -> dict[str, str]:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                if await is_current(database):
                    # without Redis the process still serves, with its own tighter limits, and reports that
                    return (
                        {"status": "ready", "limits": "local"} if await limits.counts_locally() else {"status": "ready"}
                    )
        response.status_code = 503
        return {"status": "not ready"}

    @routes.api_route("/metrics", methods=READ_METHODS)
    async def metrics() -> Response:
        return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)

    return routes
