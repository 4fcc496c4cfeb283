"""A client for Python programs. It refreshes its session automatically and reads lists page by page."""

from collections.abc import Generator, Iterator
from typing import Any, Final

import httpx

SIGN_IN: Final = """mutation SignIn($input: LoginInput!) {
  login(input: $input) {
    __typename
    ... on SignedIn { accessToken refreshToken }
    ... on TotpRequired { challenge }
    ... on Refusal { code message retryAfterSeconds }
  }
}"""
REFRESH: Final = """mutation Refresh($token: String!) {
  refreshSession(refreshToken: $token) {
    ... on SignedIn { accessToken refreshToken }
    ... on Refusal { code }
  }
}"""


class RequestFailed(Exception):
    """The errors of an answer. `codes` says what to do."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__("; ".join(error["message"] for error in errors))
        self.codes = {error["extensions"]["code"] for error in errors}


class SessionEnded(Exception):
    """The session has ended. Sign in again."""


def data_of(response: httpx.Response) -> dict[str, Any]:
    """The `data` of an answer. Raises RequestFailed if the answer has errors."""
    answer = response.json()
    if "errors" in answer:
        raise RequestFailed(answer["errors"])
    data: dict[str, Any] = answer["data"]
    return data


# region session
class Session(httpx.Auth):
    """Sends the access token. After a 401 it asks for the next tokens and repeats the request once."""

    requires_response_body = True

    def __init__(self, tokens: dict[str, str]) -> None:
        self._tokens = tokens

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sends the request, and what a lapsed session needs."""
        response = yield self._signed(request)
        if response.status_code != 401:
            return
        body = {"query": REFRESH, "variables": {"token": self._tokens["refreshToken"]}}
        tokens = data_of((yield httpx.Request("POST", request.url, json=body)))["refreshSession"]
        if tokens.get("code") == "TOKEN_EXPIRED":
            raise SessionEnded
        self._tokens = tokens
        yield self._signed(request)

    def _signed(self, request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {self._tokens['accessToken']}"
        return request


# endregion


class Client:
    """Asks as a visitor, or as the member who signed in."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(headers={"Accept": "application/graphql-response+json"}, timeout=30)
        self._url = url

    def sign_in(self, email: str, password: str) -> dict[str, Any]:
        """Begins a session. Returns the result of `login`, which may also ask for a code or refuse."""
        input = {"email": email, "password": password, "client": "Example with Python"}
        result: dict[str, Any] = self.ask(SIGN_IN, input=input)["login"]
        if result["__typename"] == "SignedIn":
            self._http.auth = Session(result)
        return result

    def sign_out(self) -> None:
        """Ends the session."""
        try:
            self.ask("mutation { logout }")
        finally:
            self._http.auth = None

    def ask(self, document: str, **variables: Any) -> dict[str, Any]:
        """The `data` of one answer."""
        return data_of(self._http.post(self._url, json={"query": document, "variables": variables}))

    def close(self) -> None:
        """Closes the connections. The session stays."""
        self._http.close()

    # region pages
    def nodes(self, document: str, field: str) -> Iterator[dict[str, Any]]:
        """The nodes of all pages. The document takes `$after` and asks for `pageInfo`."""
        after = None
        while True:
            page = self.ask(document, after=after)[field]
            yield from (edge["node"] for edge in page["edges"])
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]

    # endregion
