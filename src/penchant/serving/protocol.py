"""What a server asks of a shop; who answers keeps journal, live state and releases behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from penchant.serving.messages import (
    Arms,
    Asked,
    Health,
    Interests,
    Listed,
    Recommended,
    RelatedItems,
    Release,
    Taken,
    TopicForecast,
)
from penchant.sheet import Filled, Sheet


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a shop is doing, in numbers for whoever watches it."""

    release: str | None = None  # that answers
    fresh_seconds: float = 0.0  # from an event's acknowledgement to an answer that knows it
    ground_age_seconds: float = 0.0  # since the store was last read
    pending_bytes: int = 0  # of the journal, not yet in the store
    pending_events: int = 0
    live_customers: int = 0  # with events since the ground was laid


class Shop(Protocol):
    """A workspace that is served.

    It is opened in a thread, then started, used and closed in the server's event loop, which no
    method may hold up. Methods raise UnknownError for an item, topic or release that doesn't exist,
    ConflictError, BusyError and UnreadyError, and any other PenchantError for a question that
    can't be answered. A customer who isn't known is no error, and neither is a name in `asked`
    that isn't: the answer's notes tell of it.
    """

    def start(self) -> None:
        """Begin what goes on beside the questions; called once, on the event loop."""
        ...

    async def take(self, events: list[Any], key: str | None) -> Taken:
        """Take events in, durably, each an object as sent, or whatever stood in its place.

        The same idempotency `key` with the same events gives the same answer again; with others
        a ConflictError.
        """
        ...

    async def recommend(self, user: str, asked: Asked) -> Recommended | Listed:
        """List items for a customer."""
        ...

    async def recommend_raw(self, events: list[Any], asked: Asked) -> Recommended | Listed:
        """List items for whoever did these events, of which none is stored."""
        ...

    async def interests(self, user: str) -> Interests:
        """Tell a customer's interests: now, forecast, and how they move."""
        ...

    async def arms(self, user: str) -> Arms:
        """Tell which experiments a customer takes part in."""
        ...

    async def related(self, item: str, slots: int) -> RelatedItems:
        """List what goes with an item."""
        ...

    async def topic_forecast(self, topic: str) -> TopicForecast:
        """Forecast what all customers together do in a topic."""
        ...

    async def sheet_page(self, sheet: Sheet, start: int, limit: int) -> tuple[Filled, int]:
        """Rows of what a verb last wrote, and how many there are in all."""
        ...

    async def sheet_rows(self, sheet: Sheet, value: str) -> Filled:
        """The rows of one key; UnknownError where there are none."""
        ...

    def topics(self) -> Sequence[str]:
        """Names of the topics."""
        ...

    async def releases(self) -> list[Release]:
        """Releases of the shop's models."""
        ...

    async def promote(self, name: str) -> Release:
        """Answer by this release from now on."""
        ...

    async def rollback(self) -> Release:
        """Answer by the release before; UnknownError when there is none."""
        ...

    def health(self) -> Health:
        """Say whether it can answer."""
        ...

    def standing(self) -> Standing:
        """Say how it is doing."""
        ...

    async def close(self) -> None:
        """Finish what was begun and let go of files."""
        ...
