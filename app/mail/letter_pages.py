"""The pages behind the links of letters: two forms from our own origin, which ask nobody else for anything."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from app.http.json_answers import READ_METHODS, error_response
from permissions.error_codes import ErrorCode

WEB: Final = Path(__file__).parent.parent / "web"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
FILES: Final = {"letter-page.js": "text/javascript", "letter-page.css": "text/css"}


def router() -> APIRouter:
    """`/verify`, `/reset`, and the files of both under `/letter/`."""
    routes = APIRouter()

    @routes.api_route("/verify", methods=READ_METHODS)
    async def verify() -> Response:
        return _file("verify.html", "text/html")

    @routes.api_route("/reset", methods=READ_METHODS)
    async def reset() -> Response:
        return _file("reset.html", "text/html")

    @routes.api_route("/letter/{name}", methods=READ_METHODS)
    async def file(name: str) -> Response:
        if name not in FILES:
            return error_response(404, ErrorCode.BAD_USER_INPUT, "There is no such file.")
        return _file(name, FILES[name])

    return routes


def _file(name: str, kind: str) -> Response:
    return FileResponse(WEB / name, headers={"Content-Security-Policy": POLICY}, media_type=f"{kind}; charset=utf-8")
