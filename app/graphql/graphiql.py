"""Serves GraphiQL in development, from the service's own origin."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from app.browser.html_pages import prefers_html
from app.http.json_answers import WRONG_METHOD, error_response
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
OPERATION_PARAMETERS: Final = frozenset({"query", "documentId", "extensions"})
"""The parameters of an address that carry an operation."""


def is_installed() -> bool:
    """Whether all files of the GraphiQL packages are installed."""
    return all((PACKAGE / name).is_file() for name in PACKAGE_FILES)


def router(*, in_production: bool) -> APIRouter:
    """`GET /graphql`, and in development the page's files under `/graphiql/`."""
    routes = APIRouter()

    @routes.get("/graphql")
    async def page(request: Request) -> Response:
        if in_production or not _asks_for_page(request):
            return error_response(request, 405, ErrorCode.BAD_USER_INPUT, WRONG_METHOD, Allow="POST")
        if is_installed():
            return _file(WEB / "graphiql.html", 200)
        return _file(WEB / "graphiql-missing.html", 503)

    if in_production:
        return routes

    @routes.get("/graphiql/{name}")
    async def file(request: Request, name: str) -> Response:
        known = FILES.get(name)
        if known is None or not known.is_file():
            return error_response(request, 404, ErrorCode.BAD_USER_INPUT, "There is no such file.")
        return _file(known, 200)

    return routes


def _asks_for_page(request: Request) -> bool:
    """Whether a person opens the page. An operation in the address is not run, so that a link can do nothing."""
    return prefers_html(request) and not OPERATION_PARAMETERS & request.query_params.keys()


def _file(path: Path, status: int) -> Response:
    kind = f"{MEDIA_TYPES[path.suffix]}; charset=utf-8"
    return FileResponse(path, status, {"Content-Security-Policy": POLICY}, kind)
