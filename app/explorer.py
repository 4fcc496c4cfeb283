"""GraphiQL for developers, from our own origin; production has none."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, HTMLResponse

from app.graphql import failed

WEB: Final = Path(__file__).parent / "web"
FETCHED: Final = WEB / "graphiql"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
KINDS: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


def router(*, in_production: bool) -> APIRouter:
    """`GET /graphql`, and in development the page's files under `/graphiql/`."""
    routes = APIRouter()
    if in_production:

        @routes.get("/graphql")
        async def nothing() -> Response:
            return failed(405, "BAD_USER_INPUT", "Operations are sent by POST.", Allow="POST")

        return routes

    @routes.get("/graphql")
    async def page() -> Response:
        return HTMLResponse((WEB / "graphiql.html").read_text(), headers={"Content-Security-Policy": POLICY})

    @routes.get("/graphiql/{name}")
    async def file(name: str) -> Response:
        known = {path.name: path for folder in (WEB, FETCHED) for path in folder.glob("*") if path.suffix in KINDS}
        if name not in known:
            return failed(404, "BAD_USER_INPUT", "There is no such file.")
        return FileResponse(known[name], media_type=KINDS[known[name].suffix])

    return routes
