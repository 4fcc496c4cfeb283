"""The pages behind the links of letters: two forms from our own origin, which ask nobody else for anything."""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from app.browser.html_pages import WEB, fill_template
from app.http.json_answers import READ_METHODS, error_response
from permissions.error_codes import ErrorCode

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS: Final = {"Content-Security-Policy": POLICY}
FILES: Final = {"letter-page.js": "text/javascript", "letter-page.css": "text/css"}


def router(service: str) -> APIRouter:
    """`/verify`, `/reset`, and the files of both under `/letter/`. The pages carry the name of the service."""
    routes = APIRouter()
    pages = {name: fill_template(f"{name}.html", service=service) for name in ("verify", "reset")}

    @routes.api_route("/verify", methods=READ_METHODS)
    async def verify() -> Response:
        return Response(pages["verify"], 200, HEADERS, "text/html; charset=utf-8")

    @routes.api_route("/reset", methods=READ_METHODS)
    async def reset() -> Response:
        return Response(pages["reset"], 200, HEADERS, "text/html; charset=utf-8")

    @routes.api_route("/letter/{name}", methods=READ_METHODS)
    async def file(request: Request, name: str) -> Response:
        if name not in FILES:
            return error_response(request, 404, ErrorCode.BAD_USER_INPUT, "There is no such file.")
        return _file(name, FILES[name])

    return routes


def _file(name: str, kind: str) -> Response:
    return FileResponse(WEB / name, headers=HEADERS, media_type=f"{kind}; charset=utf-8")
