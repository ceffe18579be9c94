"""Taking batches of events, for tests."""

import asyncio
import functools
from contextlib import asynccontextmanager

from penchant.serving.ledger import Ledger


def event(name, **cells):
    """An event that can be used, with an id where it has a name."""
    usual = {"user": "ann", "item": "tea", "time": "2024-01-05", "kind": "view", **cells}
    return usual if name is None else {**usual, "event": name}


def verdicts(taken):
    """What became of each event."""
    assert taken.sent == taken.accepted + taken.duplicate + taken.quarantined == len(taken.events)
    return [one.verdict for one in taken.events]


@asynccontextmanager
async def opened(store, **options):
    """The ledger of a store, closed in the end."""
    ledger = Ledger(store.path.parent / "serving", store.path, "UTC", **options)
    try:
        yield ledger
    finally:
        await ledger.close()


def on_a_loop(test):
    """Make a test of a coroutine function."""

    @functools.wraps(test)
    def run(**fixtures):
        asyncio.run(asyncio.wait_for(test(**fixtures), 60))

    return run
