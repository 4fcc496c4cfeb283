"""Takes back an attempt that was counted and then never checked. The library of the counters only resets them whole."""

from typing import Any

from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.storage.redis.redispy import RedispyBridge


async def take_back_attempt(storage: Storage, key: str, counted_at: float) -> None:
    """Removes the newest attempt of a moving window that was counted by this time."""
    if isinstance(storage, MemoryStorage):
        entries = storage.events.get(key, [])
        place = next((place for place, entry in enumerate(entries) if entry.atime <= counted_at), None)
        if place is not None:
            del entries[place]
    elif isinstance(storage, RedisStorage) and isinstance(storage.bridge, RedispyBridge):
        client: Any = storage.bridge.get_connection()  # its type in the library names few commands
        name = storage.bridge.prefixed_key(key)
        instants = await client.lrange(name, 0, -1)
        newest = next((instant for instant in instants if float(instant) <= counted_at), None)
        if newest is not None:
            await client.lrem(name, 1, newest)
