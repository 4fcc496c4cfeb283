"""How often each proof of identity may be tried; counted before anything is checked."""

from dataclasses import dataclass
from typing import Final

from models.mutation_outcomes import Refused
from models.vocabulary import RefusalCode
from permissions.ip_network import network_of
from resolvers.context import Context
from resolvers.sessions.known_devices import device_id

NETWORK_LIMITS: Final = ("30/minute",)
ACCOUNT_LIMITS: Final = ("10/5 minutes",)
CODE_LIMITS: Final = ("5/5 minutes", "20/hour", "50/day")
REGISTRATION_LIMITS: Final = ("30/hour",)
RECIPIENT_LIMITS: Final = ("5/day",)
SENDER_LIMITS: Final = ("10/day",)
"""Letters that one account may have sent to addresses of its choice."""

TRY_LATER: Final = Refused(RefusalCode.TRY_LATER, "Too many people are signing in; please try again soon.", None, 2)


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is counted together: so many of these attempts under this key."""

    name: str
    key: str
    rates: tuple[str, ...]


def per_network(context: Context, name: str, rates: tuple[str, ...] = NETWORK_LIMITS) -> Bucket:
    """Attempts that come from the caller's network; no success empties it."""
    return Bucket(f"{name} address", network_of(context.caller.address), rates)


def per_email(context: Context, name: str, email: str, rates: tuple[str, ...]) -> Bucket:
    """Attempts that name an e-mail address; the counters hold a keyed hash of it."""
    return Bucket(f"{name} account", context.services.keys.tag("limits", email.encode()), rates)


def per_caller(context: Context, name: str, rates: tuple[str, ...]) -> Bucket:
    """Attempts that a session makes on its own account."""
    return Bucket(name, str(context.caller.subject_id), rates)


def per_device_or_email(
    context: Context, name: str, email: str, token: str | None, rates: tuple[str, ...]
) -> tuple[Bucket, bool]:
    """Attempts that name an e-mail address, and whether a device makes them that its owner once signed in on.

    Such a device is counted by itself: no stranger elsewhere locks it out. Nothing that is stored of an account
    decides, or the counters would tell that there is one.
    """
    if device := device_id(context.services.keys, token, email):
        return per_email(context, f"{name} device", f"{device} {email}", rates), True
    return per_email(context, name, email or "nobody", rates), False


async def count_attempt(context: Context, *buckets: Bucket) -> Refused | None:
    """Counts one attempt in each bucket; the longest wait is told."""
    waits = [await context.limits.wait(rate, bucket.name, bucket.key) for bucket in buckets for rate in bucket.rates]
    if not any(waits):
        return None
    sentence = "Too many attempts; please wait."
    return Refused(RefusalCode.TOO_MANY_ATTEMPTS, sentence, None, max(waits))


async def count_password_attempt(context: Context, *buckets: Bucket) -> Refused | None:
    """The same, where a password comes next: whoever finds the line full comes again as told, and lost no attempt."""
    return TRY_LATER if context.services.hashing.is_full else await count_attempt(context, *buckets)


async def reset(context: Context, bucket: Bucket) -> None:
    """A success: what failed before was a slip of its owner."""
    for rate in bucket.rates:
        await context.limits.forget(rate, bucket.name, bucket.key)
