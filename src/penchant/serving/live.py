"""Live state: a ground, what customers did since it was laid, and lists made anew.

On one event loop. Whoever has fresh events is listed anew when asked for, together with others who
wait; the list is kept until the next event.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic

import msgspec

from penchant.errors import PenchantError, UnreadyError
from penchant.interest.fresh import Event
from penchant.serving.commit import Row
from penchant.serving.demand import demands
from penchant.serving.ground import Ground, Tell, lay_lists
from penchant.serving.lists import Lists, encoded
from penchant.serving.messages import Level, TopicForecast
from penchant.serving.plain import Plain, plain_lists, segments

PLACE = 8  # bytes of a position
AT_ONCE = 64  # customers listed anew together
MOST_WAITING = 1_000  # customers who wait for a list; more get their last one
MOST_RELISTED = 10_000  # lists kept
PATIENCE = 0.7  # seconds that a reader waits for a list, before the last one is given
STRANGER = ""
WAIT = 2.0  # seconds, before there may be something to answer from

log = logging.getLogger(__name__)
_encoder, _decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Row)


@dataclass(frozen=True)
class Bedrock:
    """A ground with all that is made from it in advance."""

    ground: Ground
    lists: Lists | None  # none: there is no recommender
    plain: Plain
    segment: dict[str, str]  # by customer
    position: int  # of the journal, up to which the ground knows all


def lay_bedrock(ground: Ground, position: int, tell: Tell) -> Bedrock:
    """Make lists in advance; minutes, where customers are many."""
    asked = ground.workspace.settings.recommend
    segment = segments(ground.history.people, asked.segment)
    plain = plain_lists(ground.past, segment, asked.slots)
    lists = None if ground.recommender is None else lay_lists(ground, tell)
    return Bedrock(ground, lists, plain, segment, position)


class Live:
    """What a shop answers from. Raises UnreadyError while there is no bedrock."""

    def __init__(self) -> None:
        self.bedrock: Bedrock | None = None
        self._demand: asyncio.Future[dict[str, TopicForecast]] | None = None  # none: not asked yet
        self.listed_seconds = 0.0  # that the last list made anew took
        self._rows: dict[str, list[bytes]] = {}  # position in the journal, then the row
        self._relisted: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._work: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "lists")

    @property
    def ground(self) -> Ground:
        """What is known but for fresh events."""
        return self._stood_on.ground

    @property
    def customers(self) -> int:
        """How many have fresh events."""
        return len(self._rows)

    def learn(self, rows: Iterable[Row], position: int) -> None:
        """Take in events that are on the disk, and the position of their record."""
        place, bedrock = position.to_bytes(PLACE, "big"), self.bedrock
        for row in rows:
            user = row.user if bedrock is None else bedrock.ground.customer(row.user)
            self._rows.setdefault(user, []).append(place + _encoder.encode(row))

    def stand_on(self, bedrock: Bedrock) -> None:
        """Answer from another bedrock from now on; events that it knows are let go."""
        known = bedrock.position.to_bytes(PLACE, "big")
        rows: dict[str, list[bytes]] = {}
        for user, held in self._rows.items():
            kept = [row for row in held if row[:PLACE] > known]
            if kept:
                rows.setdefault(bedrock.ground.customer(user), []).extend(kept)
        self.bedrock, self._demand, self._rows = bedrock, None, rows
        self._relisted.clear()

    def events(self, user: str) -> list[Event]:
        """Fresh events of a customer, in the order they came."""
        return [event_of(_decoder.decode(row[PLACE:])) for row in self._rows.get(user, ())]

    def knows(self, user: str) -> bool:
        """Whether a customer has any event."""
        return user in self._rows or self.ground.knows(user)

    @property
    def _stood_on(self) -> Bedrock:
        if self.bedrock is None:
            raise UnreadyError(
                "There is nothing to answer from yet: the store is being read, or holds no events.",
                WAIT,
            )
        return self.bedrock

    async def list_of(self, user: str) -> tuple[bytes, Level]:
        """The JSON of a customer's usual list, and how it was made."""
        lists, count = self._stood_on.lists, len(self._rows.get(user, ()))
        if lists is None:
            return self._plain(user)
        if not count:
            made = lists.of(user)
            if made is not None:
                return made, "fresh"
            if not self.ground.knows(user):
                user = STRANGER  # all get the same list
        kept = self._relisted.get(user)
        if kept is not None and kept[0] == count:
            return kept[1], "fresh"
        try:
            if len(self._waiting) < MOST_WAITING:
                async with asyncio.timeout(PATIENCE):
                    return await asyncio.shield(self._relist(user)), "fresh"
        except TimeoutError:
            log.warning("a list took more than %s seconds; the last one was given", PATIENCE)
        except PenchantError as error:
            log.error("a list couldn't be made: %s", error)
        if kept is not None:
            return kept[1], "last"
        last = lists.of(user)
        return (last, "last") if last is not None else self._plain(user)

    def _plain(self, user: str) -> tuple[bytes, Level]:
        segment = self._stood_on.segment.get(user, "")
        return self._stood_on.plain.of(segment), "segment" if segment else "popular"

    def _relist(self, user: str) -> "asyncio.Future[bytes]":
        """The list of a customer, made with those of others who wait."""
        if user not in self._waiting:
            self._waiting[user] = asyncio.get_running_loop().create_future()
        if self._work is None or self._work.done():
            self._work = asyncio.ensure_future(self._relist_all())
        return self._waiting[user]

    async def _relist_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            some = list(self._waiting)[:AT_ONCE]
            waiting = {user: self._waiting.pop(user) for user in some}
            fresh = {user: self.events(user) for user in sorted(some)}
            ground, began = self.ground, monotonic()
            try:
                lists = await loop.run_in_executor(self._thread, ground.usual, fresh)
            except Exception as error:  # whatever it is, readers must not wait for ever
                log.exception("lists couldn't be made")
                failure = PenchantError(f"The list couldn't be made: {error}")
                for future in waiting.values():
                    if not future.done():
                        future.set_exception(failure)
                continue
            self.listed_seconds = monotonic() - began
            for user, content in zip(fresh, encoded(lists), strict=True):
                if ground is self.ground:
                    self._keep(user, len(fresh[user]), content)
                if not waiting[user].done():
                    waiting[user].set_result(content)

    def _keep(self, user: str, count: int, content: bytes) -> None:
        self._relisted[user] = (count, content)
        self._relisted.move_to_end(user)
        if len(self._relisted) > MOST_RELISTED:
            self._relisted.popitem(last=False)

    async def topic(self, topic: str) -> TopicForecast | None:
        """The forecast of a topic; None without a model or such a topic."""
        if self._demand is None:
            loop = asyncio.get_running_loop()
            self._demand = loop.run_in_executor(None, demands, self.ground)
        asked = self._demand
        try:
            return (await asyncio.shield(asked)).get(topic)
        except Exception:
            if self._demand is asked:
                self._demand = None  # the next to ask tries again
            raise

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)


def event_of(row: Row) -> Event:
    """A row of the log as a fresh event."""
    return Event(
        user=row.user,
        time=row.moment,
        kind=row.kind,
        item=row.item,
        value=row.value,
        quantity=row.quantity,
        order=row.order,
        query=row.query,
    )
