"""The rate limits for all requests: by network without a token, else by token and by its holder."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakValueDictionary

from starlette.requests import Request
from starlette.responses import Response

from app.http.authentication import Credential, UnknownToken, authenticate
from app.http.json_answers import error_response
from permissions.caller import Caller
from permissions.error_codes import ErrorCode
from permissions.ip_network import counted_networks, site_of
from permissions.rate_limits import REQUESTS_PER_MINUTE, multiplied
from resolvers.context import Services

LOOKUPS_AT_ONCE: Final = 8
"""How many tokens of one network are looked up at the same time. Fewer, if fewer may still be unknown.

Others wait, and are refused if those are unknown. So a network has no more look-ups of unknown tokens than its limit.
"""

HOLDER_FACTOR: Final = 2
"""How many times the limit of one token its holder has, over all their tokens."""


@dataclass(slots=True, weakref_slot=True)
class SiteLookups:
    """The look-ups of a site's tokens that are under way, by network. Those that wait begin in the order they came."""

    under_way: Counter[str] = field(default_factory=Counter)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class TooManyRequests(Exception):
    """A rate limit is exceeded for this many seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many requests. Wait {seconds} seconds.")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class RequestRate:
    """Counts requests. A token is counted before it is looked up, so a flood costs no statement in the database."""

    services: Services
    per_minute: int = REQUESTS_PER_MINUTE
    lookups: WeakValueDictionary[str, SiteLookups] = field(default_factory=WeakValueDictionary)

    async def count_request(self, credential: Credential | None, address: str) -> None:
        """Counts a request before anything is looked up. Raises TooManyRequests.

        A network that has sent too many unknown tokens is refused.
        """
        if credential is None:
            _require(await self._count_networks("requests", address))
            return
        _require(await self._wait_after_unknown_tokens(address))
        _require(await self._count("token", self.services.keys.tag("limits", credential.token.encode())))

    async def caller(self, credential: Credential | None, address: str) -> Caller:
        """Returns the caller, and counts the request for them. An unknown token counts for its network."""
        caller = await (
            self._looked_up(credential, address) if credential else authenticate(self.services, None, address)
        )
        if holder := caller.subject_id or caller.processor or caller.token_id:
            _require(await self._count("holder", holder, HOLDER_FACTOR))
        return caller

    async def _looked_up(self, credential: Credential, address: str) -> Caller:
        """Looks the token up, unless too many unknown ones came since the request was counted: its body took time."""
        lookups = self.lookups.setdefault(site_of(address), SiteLookups())
        networks = [network for network, _ in counted_networks(address)]
        async with lookups.turn:
            await self._wait_for_lookup(lookups, address)
            lookups.under_way.update(networks)
        try:
            return await authenticate(self.services, credential, address)
        except UnknownToken:
            await self._count_networks("unknown tokens", address)
            await self._count_networks("requests", address)
            raise
        finally:
            lookups.under_way.subtract(networks)
            lookups.ended.set()

    async def _wait_for_lookup(self, lookups: SiteLookups, address: str) -> None:
        """Waits until one more token may be looked up, even if all those under way are unknown."""
        while True:
            lookups.ended.clear()
            under_way = lookups.under_way.copy()  # before the charge is read: one that ends meanwhile counts twice
            _require(await self._wait_after_unknown_tokens(address))
            left = {network: await self._unknown_left(network, factor) for network, factor in counted_networks(address)}
            if all(under_way[network] < min(LOOKUPS_AT_ONCE, most) for network, most in left.items()):
                return
            await lookups.ended.wait()

    async def _unknown_left(self, network: str, factor: int) -> int:
        return await self.services.limits.attempts_left(multiplied(self._rate, factor), "unknown tokens", network)

    async def _count(self, kind: str, key: str, factor: int = 1) -> int:
        return await self.services.limits.count_attempt(multiplied(self._rate, factor), kind, key)

    async def _count_networks(self, kind: str, address: str) -> int:
        return max([await self._count(kind, network, factor) for network, factor in counted_networks(address)])

    async def _wait_after_unknown_tokens(self, address: str) -> int:
        limits, rate = self.services.limits, self._rate
        return max(
            [
                await limits.seconds_left(multiplied(rate, factor), "unknown tokens", network)
                for network, factor in counted_networks(address)
            ]
        )

    @property
    def _rate(self) -> str:
        return f"{self.per_minute}/minute"


def _require(seconds: int) -> None:
    if seconds:
        raise TooManyRequests(seconds)


async def too_many_requests(request: Request, problem: Exception) -> Response:
    """The response with status 429."""
    if not isinstance(problem, TooManyRequests):
        raise problem
    waits = {"Retry-After": str(problem.seconds)}
    return error_response(request, 429, ErrorCode.RATE_LIMITED, str(problem), **waits)
