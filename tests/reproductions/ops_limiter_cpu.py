"""Without Redis an attempt costs about as much with 2,000 or 20,000 counted addresses as with none."""

import asyncio
import os
import sys
import time

sys.path.insert(0, os.getcwd())

from permissions.rate_limits import RateLimiter


async def cost(keys: int, attempts: int = 80) -> float:
    """Milliseconds of CPU time for one attempt."""
    limits = RateLimiter(None)
    for n in range(keys):
        await limits.count_attempt("30/hour", "x", f"network{n}")
    began = time.process_time()
    for _ in range(attempts):
        await limits.count_attempt("300/hour", "x", "me")
        await asyncio.sleep(0.02)
    return (time.process_time() - began) / attempts * 1000


none, *many = (asyncio.run(cost(keys)) for keys in (0, 2_000, 20_000))
if max(many) >= 3 * none + 0.5:
    sys.exit(f"FAULT: {none:.2f} ms of CPU for an attempt with no keys, {max(many):.2f} with many")
