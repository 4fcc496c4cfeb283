"""The routes for liveness, start-up and readiness."""

from fastapi import APIRouter, Request, Response

from app.http.json_answers import READ_METHODS
from app.http.readiness import Readiness
from app.operations.graceful_stop import STOPPING


def router(readiness: Readiness) -> APIRouter:
    """`/health/live`, `/health/started` and `/health/ready`."""
    routes = APIRouter()

    @routes.api_route("/health/live", methods=READ_METHODS)
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @routes.api_route("/health/ready", methods=READ_METHODS)
    async def ready(request: Request, response: Response) -> dict[str, str]:
        if getattr(request.state, STOPPING, False):
            response.status_code = 503
            return {"status": "stopping"}
        look = await readiness.look()
        if not look.is_ready:
            response.status_code = 503
        return {"status": "ready" if look.is_ready else "not ready", **look.parts}

    @routes.api_route("/health/started", methods=READ_METHODS)
    async def started(response: Response) -> dict[str, str]:
        if not readiness.has_started:
            await readiness.look()
        if readiness.has_started:  # it stays so, also if something fails later
            return {"status": "started"}
        response.status_code = 503
        return {"status": "starting"}

    return routes
