"""A shop: a workspace that is served, with its ledger, live state and releases."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from penchant import columns as c
from penchant import releases
from penchant.data.events import PURCHASE
from penchant.decisions.assignment import NOBODY, arms_of
from penchant.errors import PenchantError, RecipeError, UnknownError, UnreadyError, suggest
from penchant.interest.fresh import Event, coded
from penchant.recommend.rules import Rules
from penchant.releases import Loaded, Release
from penchant.serving import messages as m
from penchant.serving.admission import Admission
from penchant.serving.commit import Refused, Row
from penchant.serving.compaction import Compaction, Moved
from penchant.serving.customer import interests
from penchant.serving.ground import lay_ground
from penchant.serving.ledger import Ledger
from penchant.serving.lists import EMPTY, encoded
from penchant.serving.live import Live, event_of, lay_bedrock
from penchant.serving.protocol import Standing
from penchant.serving.related import related
from penchant.sheet import Filled, Sheet, sheet_page, sheet_rows
from penchant.workspace import Workspace

GROUND_SECONDS = 24 * 3600.0  # after which the ground is laid anew
MOST_FRESH = 200_000  # customers with fresh events, from which it is laid sooner
LOOK_SECONDS = 1.0  # between looks at what is promoted
RETRY_SECONDS = 60.0  # after the ground could not be laid
FOLDER = "serving"
STRANGER = ""  # the customer of a raw history

log = logging.getLogger(__name__)
Made = TypeVar("Made")


def open_shop(workspace: Workspace) -> "ServedShop":
    """Open a workspace to be served: it takes events at once, and answers once it has ground."""
    return ServedShop(workspace)


class ServedShop:
    """See `protocol.Shop`."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.live = workspace, Live()
        store = workspace.store(create=True)
        zone = workspace.settings.timezone
        self.ledger = Ledger(workspace.folder / FOLDER, store.path, zone, on_events=self._learn)
        self.compaction = Compaction(self.ledger, store, on_stored=self._stored)
        self._admission = Admission(zone)
        self._note: str | None = None
        self._serving: str | None = None  # the release that was promoted when the ground was laid
        self._empty = store.span is None
        self._again = 0.0  # before which nothing is tried that failed
        self._until = self.ledger.journal.dropped  # position up to which the store knows all
        self._laid = monotonic()
        self._pending = 0  # events in the journal that the store doesn't hold
        self._tasks: list[asyncio.Task[None]] = []
        self._thread = ThreadPoolExecutor(1, "ground")
        for position, rows in self.ledger.fresh():
            self._learn(rows, position)

    def start(self) -> None:
        """Begin to compact and to watch; called once, on the event loop."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self.compaction.run()), loop.create_task(self._watch())]

    async def close(self) -> None:
        """Finish what was begun and let go of files."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.ledger.close()
        self.compaction.close()
        self._thread.shutdown(wait=True, cancel_futures=True)
        self.live.close()

    async def take(self, events: list[Any], key: str | None) -> m.Taken:
        """Take events in, durably."""
        return await self.ledger.take(events, key)

    async def recommend(self, user: str, asked: m.Asked) -> m.Recommended | m.Listed:
        """List items for a customer."""
        customer = self.live.ground.customer(user)
        if asked == USUAL or asked == m.Asked(slots=self.workspace.settings.recommend.slots):
            content, level = await self.live.list_of(customer)
            return self._listed(user, self.live.knows(customer), content, level)
        events = self.live.events(customer)
        return await self._by_rules(user, events, asked, known=self.live.knows(customer))

    async def recommend_raw(self, events: list[Any], asked: m.Asked) -> m.Recommended | m.Listed:
        """List items for whoever did these events, of which none is stored."""
        verdicts = self._admission.judge(events, self._admission.end())
        told = [replace(event_of(one), user=STRANGER) for one in verdicts if isinstance(one, Row)]
        left_out = [
            m.Judged(verdict="quarantined", field=one.field, reason=one.reason)
            for one in verdicts
            if isinstance(one, Refused)
        ]
        made = await self._by_rules(STRANGER, told, asked, known=bool(told))
        made.left_out = left_out
        return made

    async def interests(self, user: str) -> m.Interests:
        """Tell a customer's interests."""
        ground = self.live.ground
        customer = ground.customer(user)
        events = self.live.events(customer)
        made = await asyncio.to_thread(interests, ground, customer, events)
        made.user, made.degraded = user, made.degraded or self._note is not None
        return made

    async def arms(self, user: str) -> m.Arms:
        """Tell which experiments a customer takes part in, by the one id that they have."""
        customer = self.live.ground.customer(user)
        dealt = arms_of(self.workspace.settings.experiments, [customer])
        pairs = ((name, str(arms[0])) for name, arms in dealt.items())
        told = [m.Dealt(experiment=name, arm=arm) for name, arm in pairs if arm != NOBODY]
        return m.Arms(user=user, arms=told)

    async def related(self, item: str, slots: int) -> m.RelatedItems:
        """List what goes with an item."""
        made = await asyncio.to_thread(related, self.live.ground, item, slots)
        made.degraded = self._note is not None
        return made

    async def topic_forecast(self, topic: str) -> m.TopicForecast:
        """Forecast what all customers together do in a topic."""
        names = self.topics()
        if topic not in names:
            raise UnknownError(f"There is no topic '{topic}'. {suggest(topic, names)}")
        if self.live.ground.model is None:
            raise UnreadyError("No model is promoted that forecasts topics.")
        made = await self.live.topic(topic)
        assert made is not None
        return msgspec.structs.replace(made, degraded=self._note is not None)

    async def sheet_page(self, sheet: Sheet, start: int, limit: int) -> tuple[Filled, int]:
        """Rows of what a verb last wrote, and how many there are in all."""
        return await asyncio.to_thread(sheet_page, self.workspace, sheet, start, limit)

    async def sheet_rows(self, sheet: Sheet, value: str) -> Filled:
        """The rows of one key; of customers, by any id they go by."""
        if sheet.key == c.USER and self.live.bedrock is not None:
            value = self.live.ground.customer(value)
        return await asyncio.to_thread(sheet_rows, self.workspace, sheet, value)

    def topics(self) -> Sequence[str]:
        """Names of the topics."""
        names: list[str] = self.live.ground.history.topics.names_T.tolist()
        return names

    async def releases(self) -> list[m.Release]:
        """Releases of the shop's models."""
        return await asyncio.to_thread(self._releases)

    async def promote(self, name: str) -> m.Release:
        """Answer by this release from now on, as soon as its lists are made."""
        release = await asyncio.to_thread(releases.promote, self.workspace, name)
        return self._told(release, release.name)

    async def rollback(self) -> m.Release:
        """Answer by the release before; UnknownError when there is none."""
        release = await asyncio.to_thread(releases.rollback, self.workspace)
        return self._told(release, release.name)

    def health(self) -> m.Health:
        """Say whether it can answer."""
        note = self._note or self.ledger.journal.broken
        if note is None and self.live.bedrock is None:
            if not self._empty:
                return m.Health(status="starting", note="The store is being read.")
            note = "The store holds no events yet."
        return m.Health(status="ok" if note is None else "degraded", note=note)

    def standing(self) -> Standing:
        """Say how it is doing."""
        bedrock = self.live.bedrock
        return Standing(
            release=None if bedrock is None else bedrock.ground.release,
            fresh_seconds=self.live.listed_seconds,
            ground_age_seconds=0.0 if bedrock is None else monotonic() - self._laid,
            pending_bytes=self.ledger.journal.bytes_held(),
            pending_events=self._pending,
            live_customers=self.live.customers,
        )

    async def _by_rules(
        self, user: str, events: Sequence[Event], asked: m.Asked, *, known: bool
    ) -> m.Listed:
        """A list by rules of its own, made now."""
        ground = self.live.ground
        customer = ground.customer(user)
        if ground.recommender is None:
            content, level = await self.live.list_of(customer)
            made = self._listed(user, known, content, level)
            made.notes = ["No recommender is promoted, so this list keeps to no rules."]
            return made
        notes: list[str] = []
        slots = self.workspace.settings.recommend.slots if asked.slots is None else asked.slots
        now = datetime.now(ZoneInfo(self.workspace.settings.timezone)).replace(tzinfo=None)
        basket = [
            Event(user=customer, item=item, time=now, kind=PURCHASE, order="basket")
            for item in asked.basket
        ]
        fresh = {customer: [*events, *basket]}
        try:
            rules = self._rules(asked, notes)
            lists = await asyncio.to_thread(ground.lists, fresh, slots, rules)
            content = next(encoded(lists))
        except RecipeError as error:  # no item can keep to the rules
            notes.append(str(error))
            content = EMPTY
        made = self._listed(user, known, content, "fresh")
        made.notes = notes
        return made

    def _rules(self, asked: m.Asked, notes: list[str]) -> Rules:
        """The settings' rules with what is asked; what of it nobody knows goes to the notes."""
        rules = self.workspace.settings.recommend.rules
        recommender = self.live.ground.recommender
        assert recommender is not None
        goods = recommender.goods
        hidden = [*asked.exclude, *asked.basket]
        lists = {
            "exclude": (hidden, coded(goods.items_I, np.array(hidden, np.str_)) >= 0, "item"),
            "topics": (asked.topics, np.isin(asked.topics, goods.topics_T), "topic"),
            "brands": (asked.brands, np.isin(asked.brands, goods.brands_R), "brand"),
        }
        changes: dict[str, Any] = {}
        for name, (wanted, known, noun) in lists.items():
            told = list(zip(wanted, known.tolist(), strict=True))
            notes += [f"There is no {noun} '{one}'." for one, there in told if not there]
            kept = tuple(one for one, there in told if there)
            if kept:
                changes[name] = (*rules.exclude, *kept) if name == "exclude" else kept
        for name in ("least_price", "most_price", "most_per_topic", "diversity"):
            value = getattr(asked, name)
            if value is not msgspec.UNSET:
                changes[name] = value
        return replace(rules, **changes)

    def _listed(self, user: str, known: bool, content: bytes, level: m.Level) -> m.Listed:
        return m.Listed(
            user=user,
            known=known,
            level=level,
            degraded=level != "fresh" or self._note is not None,
            release=self.live.ground.release,
            items=msgspec.Raw(content),
        )

    def _releases(self) -> list[m.Release]:
        promoted = releases.promoted(self.workspace)
        return [self._told(release, promoted) for release in releases.releases(self.workspace)]

    def _told(self, release: Release, promoted: str | None) -> m.Release:
        bedrock, note, about = self.live.bedrock, None, {}
        try:
            about = release.about
        except PenchantError as error:
            note = str(error)
        return m.Release(
            name=release.name,
            made=about.get("made", ""),
            promoted=release.name == promoted,
            serving=bedrock is not None and bedrock.ground.release == release.name,
            recipe=about.get("recipe"),
            recommender=about.get("recommender", False),
            note=note,
        )

    def _learn(self, rows: Sequence[Row], position: int) -> None:
        self.live.learn(rows, position)
        self._pending += len(rows)

    def _stored(self, moved: Moved) -> None:
        self._until, self._empty = moved.until, False
        self._pending = max(0, self._pending - moved.rows)

    async def _watch(self) -> None:
        """Lay the ground, and again when a release is promoted, it is old, or much is fresh."""
        while True:
            try:
                await self._look()
            except Exception as error:  # a shop goes on with what it has
                self._note, self._again = str(error), monotonic() + RETRY_SECONDS
                log.exception("the ground could not be laid")
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        if monotonic() < self._again or self._empty:
            return
        promoted = await asyncio.to_thread(releases.promoted, self.workspace)
        bedrock, age = self.live.bedrock, monotonic() - self._laid
        if bedrock is None:
            await self._lay(None)
        elif promoted != self._serving:
            await self.compaction.compact()
            await self._lay(None)
        elif self.live.customers > MOST_FRESH or age > GROUND_SECONDS:
            await self.compaction.compact()
            await self._lay(bedrock.ground.loaded)

    async def _lay(self, loaded: Loaded | None) -> None:
        """Put another bedrock under the shop, of what is promoted where no release is handed in.

        The old one answers until then.
        """
        note, serving = self._note, self._serving
        if loaded is None:
            loaded, note = await self._apart(lambda: releases.best_release(self.workspace))
            serving = await self._apart(lambda: releases.promoted(self.workspace))
            if loaded is None and self.live.bedrock is not None:
                loaded = self.live.ground.loaded  # the last good one
        async with self.compaction.paused():  # so that no event is in the store and fresh too
            until = self._until
            ground = await self._apart(lambda: lay_ground(self.workspace, loaded, log.info))
        bedrock = await self._apart(lambda: lay_bedrock(ground, until, log.info))
        self.live.stand_on(bedrock)
        self._note, self._serving, self._laid = note, serving, monotonic()
        log.info("release %s serves", ground.release)

    async def _apart(self, work: Callable[[], Made]) -> Made:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


USUAL = m.Asked()
