"""Event loops of the serving tests."""

import asyncio
import warnings

import pytest


@pytest.fixture(autouse=True, scope="module")
def _no_loop_of_others():
    """Close the loop that a library may have left behind: `asyncio.run` would let go of it open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            loop = asyncio.get_event_loop_policy().get_event_loop()
        except RuntimeError:  # there is none
            return
    loop.close()
    asyncio.set_event_loop(None)
