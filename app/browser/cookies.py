"""Session cookies for browsers: not readable by scripts, not sent on requests from other sites."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.browser.origins import canonical_origin, is_malformed
from app.http.authentication import Credential, Unauthenticated, bearer_token
from app.http.request_body import RequestError
from models.tokens.token_format import TokenKind, kind_of
from models.vocabulary import TokenTransport
from resolvers.context import BrowserCookies
from resolvers.second_factor.login_challenge import LIFETIME as CHALLENGE_LIFETIME

CLIENT_HEADER: Final = "x-consentql-client"
BROWSER: Final = "browser"
ACCESS: Final = "__Host-consentql"
REFRESH: Final = "__Host-consentql-refresh"
DEVICE: Final = "__Host-consentql-device"
CHALLENGE: Final = "__Host-consentql-challenge"
DEVICE_SECONDS: Final = 400 * 24 * 60 * 60
"""The longest lifetime that browsers accept for a cookie."""


SINGLE_HEADERS: Final = (CLIENT_HEADER, "origin", "sec-fetch-site")


@dataclass(frozen=True, slots=True)
class SessionCookies:
    """Reads the session cookies of requests from allowed origins, which are in their canonical form."""

    origins: frozenset[str]

    def read(self, request: Request) -> BrowserCookies:
        """Returns the cookies. Raises RequestError if another site may have caused the request."""
        if _is_ambiguous(request):
            raise RequestError(400, "Send each of the origin headers and each cookie only once.")
        if is_malformed(request.headers.get("origin", "null")):
            raise RequestError(403, "The `Origin` header is malformed.")
        from_browser = request.headers.get(CLIENT_HEADER, "").lower() == BROWSER
        held = bool(request.cookies.keys() & {ACCESS, REFRESH})
        if held and "authorization" in request.headers:
            raise RequestError(400, "Send a bearer token or cookies, not both.")
        if held and not from_browser:
            raise RequestError(403, "A request with cookies must have the header `X-ConsentQL-Client: browser`.")
        if from_browser and not self._is_allowed(request):
            raise RequestError(403, "The origin of this request is not in CONSENTQL_ALLOWED_ORIGINS.")
        lapsed = REFRESH in request.cookies and ACCESS not in request.cookies
        refresh, device, challenged = map(request.cookies.get, (REFRESH, DEVICE, CHALLENGE))
        cross_site = request.headers.get("sec-fetch-site") == "cross-site"
        return BrowserCookies(from_browser, lapsed, cross_site, refresh, device, challenged)

    def _is_allowed(self, request: Request) -> bool:
        """Whether the Origin header is allowed, or Fetch Metadata says that the request is same-origin."""
        named, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        if named is None:
            return site in (None, "same-origin")
        origin = canonical_origin(named)
        if origin is None or origin in self.origins:
            return origin is not None
        scheme, _, _ = origin.partition("://")
        own = canonical_origin(f"{scheme}://{request.headers.get('host', '')}")
        return origin == own and site in (None, "same-origin")


def _is_ambiguous(request: Request) -> bool:
    """Whether a header or cookie is repeated, so that a proxy and this server could read different ones."""
    names = [pair.partition("=")[0].strip() for line in request.headers.getlist("cookie") for pair in line.split(";")]
    repeated = any(len(request.headers.getlist(name)) > 1 for name in SINGLE_HEADERS)
    return repeated or any(names.count(name) > 1 for name in (ACCESS, REFRESH, DEVICE, CHALLENGE))


def credential(request: Request) -> Credential | None:
    """The credential of the request. A cookie may only contain a session token."""
    token = request.cookies.get(ACCESS)
    if token is None:
        named = bearer_token(request)
        return Credential(named, TokenTransport.BEARER) if named else None
    if kind_of(token) is not TokenKind.SESSION:
        raise Unauthenticated
    return Credential(token, TokenTransport.COOKIE)


def well_formed_credential(request: Request) -> Credential | None:
    """The credential of the request, or None if it has none or a malformed one."""
    try:
        return credential(request)
    except Unauthenticated:
        return None


def write(response: Response, browser: BrowserCookies, now: datetime) -> None:
    """Sets or deletes the session cookies on the response."""
    if browser.ended:
        delete(response, ACCESS)
        delete(response, REFRESH)
    if browser.issued_challenge:
        _set(response, CHALLENGE, browser.issued_challenge, int(CHALLENGE_LIFETIME.total_seconds()))
    if issued := browser.issued:
        _set(response, ACCESS, issued.access, int((issued.access_until - now).total_seconds()))
        _set(response, REFRESH, issued.refresh, int((issued.refresh_until - now).total_seconds()))
        if issued.device:
            _set(response, DEVICE, issued.device, DEVICE_SECONDS)


def delete(response: Response, name: str) -> None:
    """Deletes a cookie."""
    _set(response, name, "", 0)


def _set(response: Response, name: str, value: str, seconds: int) -> None:
    response.set_cookie(name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="strict")
