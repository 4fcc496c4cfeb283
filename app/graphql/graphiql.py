"""Serves GraphiQL in development, from the service's own origin."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from app.http.json_answers import error_response
from permissions.error_codes import ErrorCode

WEB: Final = Path(__file__).parent.parent / "web"
PACKAGE: Final = WEB / "graphiql"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
OWN_FILES: Final = ("graphiql-boot.js", "graphiql-examples.js", "graphiql-page.css")
PACKAGE_FILES: Final = (
    "react.production.min.js",
    "react-dom.production.min.js",
    "graphiql.min.js",
    "graphiql.min.css",
    "explorer.umd.js",
    "explorer.css",
    "LICENSES.txt",
)
FILES: Final = {name: WEB / name for name in OWN_FILES} | {name: PACKAGE / name for name in PACKAGE_FILES}
MEDIA_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".txt": "text/plain", ".html": "text/html"}


def is_installed() -> bool:
    """Whether all files of the GraphiQL packages are installed."""
    return all((PACKAGE / name).is_file() for name in PACKAGE_FILES)


def router(*, in_production: bool) -> APIRouter:
    """`GET /graphql`, and in development the page's files under `/graphiql/`."""
    routes = APIRouter()
    if in_production:

        @routes.get("/graphql")
        async def nothing() -> Response:
            return error_response(405, ErrorCode.BAD_USER_INPUT, "Operations are sent by POST.", Allow="POST")

        return routes

    @routes.get("/graphql")
    async def page() -> Response:
        if is_installed():
            return _file(WEB / "graphiql.html", 200)
        return _file(WEB / "graphiql-missing.html", 503)

    @routes.get("/graphiql/{name}")
    async def file(name: str) -> Response:
        known = FILES.get(name)
        if known is None or not known.is_file():
            return error_response(404, ErrorCode.BAD_USER_INPUT, "There is no such file.")
        return _file(known, 200)

    return routes


def _file(path: Path, status: int) -> Response:
    kind = f"{MEDIA_TYPES[path.suffix]}; charset=utf-8"
    return FileResponse(path, status, {"Content-Security-Policy": POLICY}, kind)
