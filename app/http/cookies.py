"""A browser's session travels in cookies that no script reads and no other site makes a browser send."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from app.http.authentication import Credential, Unauthenticated, bearer_token
from app.http.request_body import RequestError
from models.tokens.token_format import TokenKind, kind_of
from models.vocabulary import TokenTransport
from resolvers.context import BrowserCookies

CLIENT_HEADER: Final = "x-consentql-client"
BROWSER: Final = "browser"
ACCESS: Final = "__Host-consentql"
REFRESH: Final = "__Host-consentql-refresh"
DEVICE: Final = "__Host-consentql-device"
DEVICE_SECONDS: Final = 400 * 24 * 60 * 60
"""As long as browsers keep a cookie at most."""


SINGLE_HEADERS: Final = (CLIENT_HEADER, "origin", "sec-fetch-site")


@dataclass(frozen=True, slots=True)
class SessionCookies:
    """Reads and writes them for one service: its own origin, and those that its operator allows."""

    origins: frozenset[str]

    def read(self, request: Request) -> BrowserCookies:
        """What the cookies bring; Unacceptable where another site may have made the browser send them."""
        if _is_ambiguous(request):
            raise RequestError(400, "A request says once where it comes from, and once each of its cookies.")
        from_browser = request.headers.get(CLIENT_HEADER, "").lower() == BROWSER
        held = bool(request.cookies.keys() & {ACCESS, REFRESH})
        if held and "authorization" in request.headers:
            raise RequestError(400, "A request carries a bearer token or cookies, never both.")
        if held and not from_browser:
            raise RequestError(403, "A request with cookies says `X-ConsentQL-Client: browser`.")
        if from_browser and not self._is_ours(request):
            raise RequestError(403, "This origin may not act for a browser's session.")
        return BrowserCookies(from_browser, request.cookies.get(REFRESH), request.cookies.get(DEVICE))

    def _is_ours(self, request: Request) -> bool:
        """By what a browser says of its own accord (Fetch Metadata), and by the Origin in any case."""
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        if origin in self.origins:
            return True
        own = origin is None or urlsplit(origin).netloc == request.headers.get("host")
        return own and site in (None, "same-origin")


def _is_ambiguous(request: Request) -> bool:
    """Whether what decides is there twice, so that a proxy may have read the one and this the other."""
    names = [pair.partition("=")[0].strip() for line in request.headers.getlist("cookie") for pair in line.split(";")]
    said = any(len(request.headers.getlist(name)) > 1 for name in SINGLE_HEADERS)
    return said or any(names.count(name) > 1 for name in (ACCESS, REFRESH, DEVICE))


def credential(request: Request) -> Credential | None:
    """The one secret that says who asks; a cookie holds a session and no other kind of token."""
    token = request.cookies.get(ACCESS)
    if token is None:
        named = bearer_token(request)
        return Credential(named, TokenTransport.BEARER) if named else None
    if kind_of(token) is not TokenKind.SESSION:
        raise Unauthenticated
    return Credential(token, TokenTransport.COOKIE)


def write(response: Response, browser: BrowserCookies, now: datetime) -> None:
    """What the browser keeps from this answer on, or forgets."""
    if browser.ended:
        delete(response, ACCESS)
        delete(response, REFRESH)
    if issued := browser.issued:
        _set(response, ACCESS, issued.access, int((issued.access_until - now).total_seconds()))
        _set(response, REFRESH, issued.refresh, int((issued.refresh_until - now).total_seconds()))
        if issued.device:
            _set(response, DEVICE, issued.device, DEVICE_SECONDS)


def delete(response: Response, name: str) -> None:
    """Takes a cookie away."""
    _set(response, name, "", 0)


def _set(response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="strict")
