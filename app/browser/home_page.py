"""`/` and unknown paths: they say what this service is and where to go, in JSON or in HTML."""

from html import escape
from typing import Final

from fastapi import APIRouter, Request, Response

from app.browser.html_pages import fill_template, prefers_html
from app.http.json_answers import READ_METHODS, error_response, json_response
from permissions.error_codes import ErrorCode

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
NOT_FOUND: Final = "There is nothing at this path. This is a GraphQL API: send operations by POST to `/graphql`."
ABOUT: Final = "A GraphQL API that enforces a data handling policy."


class HomePage:
    """Answers `/` and unknown paths. `prefix` is the path under which a proxy publishes the service."""

    def __init__(self, service: str, prefix: str, *, in_production: bool) -> None:
        self.service = service
        self.prefix = prefix.rstrip("/")
        self.in_production = in_production

    def router(self) -> APIRouter:
        """The route `/`."""
        routes = APIRouter()
        routes.add_api_route("/", self.home, methods=READ_METHODS, response_model=None)
        return routes

    async def home(self, request: Request) -> Response:
        """Names the service and its addresses. In development GraphiQL comes first."""
        if prefers_html(request):
            return self._page(200, self.service, ABOUT)
        graphiql = {} if self.in_production else {"graphiql": f"{self.prefix}/graphql"}
        addresses = {"graphql": f"{self.prefix}/graphql", "health": f"{self.prefix}/health/ready"}
        return json_response({"service": self.service, "about": ABOUT, **graphiql, **addresses}, 200)

    def not_found(self, request: Request) -> Response:
        """The answer for a path at which there is nothing."""
        if request.method in READ_METHODS and prefers_html(request):
            about = f"There is nothing at this path. This is {self.service}, a GraphQL API."
            return self._page(404, "Page not found", about)
        return error_response(request, 404, ErrorCode.BAD_USER_INPUT, NOT_FOUND)

    def _page(self, status: int, heading: str, about: str) -> Response:
        links = [] if self.in_production else [("/graphql", "Open GraphiQL", "try queries in the browser")]
        links += [("/", self.service, "the start page")] if status == 404 else []
        links += [("/health/ready", "/health/ready", "whether the service is ready")] if status == 200 else []
        items = "\n".join(
            f'        <li><a href="{escape(self.prefix + path)}">{escape(text)}</a>: {escape(meaning)}</li>'
            for path, text, meaning in links
        )
        title = heading if status == 404 else "GraphQL API"
        texts = {"service": self.service, "title": title, "heading": heading, "about": about, "prefix": self.prefix}
        page = fill_template("home.html", **texts).replace("        <!-- links -->", items)
        return Response(page, status, {"Content-Security-Policy": POLICY}, "text/html; charset=utf-8")
