"""The routes for liveness and readiness."""

import asyncio
import contextlib
from typing import Final

from fastapi import APIRouter, Request, Response

from app.http.client_address import TrustedProxies
from app.http.json_answers import READ_METHODS
from app.operations.graceful_stop import STOPPING
from app.operations.schema_version import is_usable
from models.database import Database
from permissions.rate_limits import RateLimiter

TIMEOUT_SECONDS: Final = 3


def router(database: Database, limits: RateLimiter, proxies: TrustedProxies) -> APIRouter:
    """`/health/live` and `/health/ready`."""
    routes = APIRouter()

    @routes.api_route("/health/live", methods=READ_METHODS)
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @routes.api_route("/health/ready", methods=READ_METHODS)
    async def ready(request: Request, response: Response) -> dict[str, str]:
        if getattr(request.state, STOPPING, False):
            response.status_code = 503
            return {"status": "stopping"}
        with contextlib.suppress(Exception):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                if await is_usable(database):
                    return {"status": "ready", **await _impairments(limits, proxies)}
        response.status_code = 503
        return {"status": "not ready"}

    return routes


async def _impairments(limits: RateLimiter, proxies: TrustedProxies) -> dict[str, str]:
    """What an operator has to fix although the process serves."""
    found = {}
    if await limits.counts_locally():  # without Redis each process counts on its own, with tighter limits
        found["limits"] = "local"
    if proxies.has_unnamed_clients:
        found["proxy"] = f"names no client address in {proxies.header.value}"
    return found
