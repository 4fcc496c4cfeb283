"""Limits how often a password or code may be tried; an attempt is counted before it is checked."""

from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from models.mutation_outcomes import Refused
from models.vocabulary import RefusalCode
from permissions.ip_network import counted_networks
from permissions.rate_limits import counting_time, multiplied
from resolvers.context import Context
from resolvers.sessions.known_devices import SigningInDevice

T = TypeVar("T")

NETWORK_LIMITS: Final = ("30/minute",)
ACCOUNT_LIMITS: Final = ("10/5 minutes",)
CODE_LIMITS: Final = ("5/5 minutes", "20/hour", "50/day")
REGISTRATION_LIMITS: Final = ("30/hour",)
DEVICES_LIMITS: Final = ("50/5 minutes",)
"""Attempts on all known devices of one account."""

RECIPIENT_LIMITS: Final = ("5/day",)
SENDER_LIMITS: Final = ("10/day",)
"""E-mails that one account may send to addresses of its choice."""

TRY_LATER: Final = Refused(RefusalCode.TRY_LATER, "Too many people are signing in. Try again in a moment.", None, 2)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A counter: the attempts of one kind under one key, and their limits.

    Each attempt also counts under the keys in `wider`, which have this many times the limits.
    """

    name: str
    key: str
    rates: tuple[str, ...]
    wider: tuple[tuple[str, int], ...] = ()

    def counters(self) -> Iterator[tuple[str, str, str]]:
        """The rate, name and key of each counter."""
        for key, factor in ((self.key, 1), *self.wider):
            for rate in self.rates:
                yield multiplied(rate, factor), self.name, key


def per_network(context: Context, name: str, rates: tuple[str, ...] = NETWORK_LIMITS) -> Bucket:
    """The counter of the networks of the caller. A success does not reset it."""
    (network, _), *wider = counted_networks(context.caller.address)
    return Bucket(f"{name} address", network, rates, tuple(wider))


def per_email(context: Context, name: str, email: str, rates: tuple[str, ...]) -> Bucket:
    """The counter of an e-mail address. Its key is a keyed hash of the address."""
    return Bucket(f"{name} account", context.services.keys.tag("limits", email.encode()), rates)


def per_caller(context: Context, name: str, rates: tuple[str, ...]) -> Bucket:
    """The counter of the signed-in subject."""
    return Bucket(name, str(context.caller.subject_id), rates)


def per_device_or_email(
    context: Context, name: str, device: SigningInDevice, rates: tuple[str, ...]
) -> tuple[Bucket, ...]:
    """The counters of a known device, or else the one of an e-mail address. The first one is reset after a success.

    A known device has its own counter, so a stranger cannot lock it out. Its attempts also count in a sum over all
    devices of the account.
    """
    if not device.known:
        return (per_email(context, name, device.email or "nobody", rates),)
    return (
        per_email(context, f"{name} device", f"{device.name} {device.email}", rates),
        per_email(context, f"{name} devices", device.email, DEVICES_LIMITS),
    )


async def count_attempt(context: Context, *buckets: Bucket) -> Refused | None:
    """Counts an attempt in each bucket. Returns a refusal with the longest wait if a limit is exceeded."""
    waits = [await context.limits.count_attempt(*counter) for bucket in buckets for counter in bucket.counters()]
    if not any(waits):
        return None
    sentence = "Too many attempts. Wait before you try again."
    return Refused(RefusalCode.TOO_MANY_ATTEMPTS, sentence, None, max(waits))


async def count_password_attempt(context: Context, *buckets: Bucket, known_device: bool = False) -> Refused | None:
    """Counts an attempt before a password is hashed, or refuses without counting if the pool is full."""
    full = context.services.hashing.is_full(known_device=known_device)
    return TRY_LATER if full else await count_attempt(context, *buckets)


async def unless_full(context: Context, work: Awaitable[T], *buckets: Bucket) -> T:
    """Returns the outcome of work whose attempt was counted in these buckets. They must not count a network.

    If the work was refused because the pool was full, takes the attempt back.
    """
    counted_at = counting_time()
    outcome = await work
    if outcome is TRY_LATER:
        for bucket in buckets:
            for counter in bucket.counters():
                await context.limits.take_back(*counter, counted_at=counted_at)
    return outcome


async def reset(context: Context, bucket: Bucket) -> None:
    """Resets a counter after a success."""
    for counter in bucket.counters():
        await context.limits.reset_count(*counter)
