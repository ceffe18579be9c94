"""Groups of customers: how large each is and was, what rises and fades in it, what to show to it.

A topic rises in a group if its share of the members' forecasts is higher than it was in the
forecasts of an earlier day, by more than members differ by chance, all topics tried at once, and by
a tenth at least. Members are those of a stage now; of a segment those who were in it on both days,
since whoever turns to a topic joins its segment, and would make it rise.
Shapes: U users, B users known on both days, T topics, G groups.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.stats import norm

from penchant import columns as c
from penchant.decisions.lifecycle import STAGES, Stages
from penchant.decisions.offers import FAVOURITE, SHOWS, Offer, Shelf
from penchant.decisions.segments import EVERYONE, Segments, shares_ahead, telling
from penchant.errors import UnknownError, suggest
from penchant.interest.counts import Doubles, Flags, Integers
from penchant.interest.forecast import Forecast
from penchant.interest.interest import Codes, Names, rows_of

STAGE, SEGMENT, ALL = "stage", "segment", "all"  # kinds of group
LEAST = 25  # members known on both days, and engagements expected, for what rises to be told
SURE = 0.05  # chance that any topic of a group is told wrongly to move
LEAST_CHANGE = 0.1  # of a topic's share
MOST = 5  # topics named
WANTED = 3  # topics of a customer

CUSTOMER_SCHEMA = pa.schema(
    [
        pa.field(c.USER, pa.string(), nullable=False),
        pa.field(c.STAGE, pa.string(), nullable=False),
        pa.field(c.SEGMENT, pa.string()),
        pa.field(c.STAGE_BEFORE, pa.string()),
        pa.field(c.SEGMENT_BEFORE, pa.string()),
        pa.field(c.CHANCE, pa.float32(), nullable=False),
        pa.field(c.VOLUME, pa.float32(), nullable=False),
        pa.field(c.USUAL, pa.float32(), nullable=False),
        pa.field(c.SPEND, pa.float32()),
        pa.field(c.WANTS, pa.list_(pa.string()), nullable=False),
    ]
)
GROUP_SCHEMA = pa.schema(
    [
        pa.field(c.GROUP, pa.string(), nullable=False),
        pa.field(c.KIND, pa.string(), nullable=False),
        pa.field(c.SIZE, pa.int32(), nullable=False),
        pa.field(c.SIZE_BEFORE, pa.int32()),
        pa.field(c.STAYED, pa.float32()),  # of those in it before
        pa.field(c.VOLUME, pa.float32(), nullable=False),
        pa.field(c.SPEND, pa.float32()),
        pa.field(c.WANTS, pa.list_(pa.string()), nullable=False),
        pa.field(c.RISING, pa.list_(pa.string())),
        pa.field(c.FADING, pa.list_(pa.string())),
        pa.field(c.SHOWN, pa.list_(pa.string()), nullable=False),
        pa.field(c.TITLES, pa.list_(pa.string()), nullable=False),
        pa.field(c.BECAUSE, pa.list_(pa.string()), nullable=False),
    ]
)


@dataclass(frozen=True)
class Moment:
    """Everyone's stage and segment on one day, and the forecast they were told by."""

    made: Forecast
    stages: Stages
    segment_U: Codes


@dataclass(frozen=True)
class Group:
    """A stage, a segment or everyone; what can't be told is None."""

    name: str
    kind: str
    size: int
    before: int | None
    stayed: float | None  # share of those in it before
    volume: float  # engagements expected
    spend: float | None
    wants: tuple[str, ...]  # topics that it wants more than others do
    rising: tuple[str, ...] | None
    fading: tuple[str, ...] | None
    offers: tuple[Offer, ...]


@dataclass(frozen=True)
class Grouping:
    """All customers and groups, now and on an earlier day."""

    now: Moment
    before: Moment | None
    segments: Segments
    groups: tuple[Group, ...]
    notes: tuple[str, ...]  # what can't be told

    @property
    def names(self) -> tuple[str, ...]:
        """Groups of customers, those without anybody too."""
        return tuple(group.name for group in self.groups)

    def customers(self, audience: str | None = None) -> pa.Table:
        """A row of `CUSTOMER_SCHEMA` for every customer, or for those of one group.

        The most engagements expected come first, users in their order where these are as many.
        Raises UnknownError for a group there isn't.
        """
        now = self.now
        users_U, volume_U = now.made.users_U, now.stages.ahead.mean
        segment_U = self._segments(now, np.arange(len(users_U)))
        stage_U = _named(np.array(STAGES), now.stages.stage_U)
        stage_before_U = segment_before_U = pa.nulls(len(users_U), pa.string())
        if self.before is not None:
            row_U = rows_of(users_U, self.before.made.users_U)
            code_U = np.where(row_U >= 0, self.before.stages.stage_U[row_U], -1)
            stage_before_U = _named(np.array(STAGES), code_U)
            segment_before_U = self._segments(self.before, row_U)
        told = {
            c.USER: pa.array(users_U.tolist(), pa.string()),
            c.STAGE: stage_U,
            c.SEGMENT: segment_U,
            c.STAGE_BEFORE: stage_before_U,
            c.SEGMENT_BEFORE: segment_before_U,
            c.CHANCE: now.stages.chance_U,
            c.VOLUME: volume_U,
            c.USUAL: now.stages.usual.mean_U,
            c.SPEND: pa.nulls(len(users_U), pa.float32())
            if now.stages.spend_U is None
            else now.stages.spend_U,
            c.WANTS: pa.array(_wants(now.made), pa.list_(pa.string())),
        }
        order_U = np.argsort(-volume_U, kind="stable")
        if audience is not None:
            order_U = order_U[self._members(audience)[order_U]]
        return pa.table(told).cast(CUSTOMER_SCHEMA).take(order_U)

    def table(self) -> pa.Table:
        """A row of `GROUP_SCHEMA` for every group: everyone, stages, segments."""
        rows = [
            {
                c.GROUP: one.name,
                c.KIND: one.kind,
                c.SIZE: one.size,
                c.SIZE_BEFORE: one.before,
                c.STAYED: one.stayed,
                c.VOLUME: one.volume,
                c.SPEND: one.spend,
                c.WANTS: list(one.wants),
                c.RISING: None if one.rising is None else list(one.rising),
                c.FADING: None if one.fading is None else list(one.fading),
                c.SHOWN: [offer.item for offer in one.offers],
                c.TITLES: [offer.title for offer in one.offers],
                c.BECAUSE: [offer.why for offer in one.offers],
            }
            for one in self.groups
        ]
        return pa.Table.from_pylist(rows, GROUP_SCHEMA)

    def _members(self, audience: str) -> Flags:
        for name, _, member_U in members(self.now, self.segments):
            if name == audience:
                return member_U
        raise UnknownError(f"There is no group '{audience}'. {suggest(audience, self.names)}")

    def _segments(self, moment: Moment, row_U: Integers) -> pa.Array:
        """Names of segments of the users at some rows, -1 for nobody; none where there are none."""
        if len(self.segments.names_G) < 2:
            return pa.nulls(len(row_U), pa.string())
        code_U = np.where(row_U >= 0, moment.segment_U[row_U], -1)
        return _named(self.segments.names_G, code_U)


def _named(names_G: Names, code_U: Codes | Integers) -> pa.Array:
    """Names of codes; none for -1."""
    return pa.array(names_G[code_U].tolist(), pa.string(), mask=code_U < 0)


def _wants(made: Forecast) -> list[list[str]]:
    """Topics with most of each customer's forecast."""
    volume_UT = made.ahead_UT()
    order_UT = np.argsort(-volume_UT, axis=1, kind="stable")[:, :WANTED]
    some_UT = np.take_along_axis(volume_UT, order_UT, axis=1) > 0
    return [
        made.topics_T[order_T[some_T]].tolist()
        for order_T, some_T in zip(order_UT, some_UT, strict=True)
    ]


def members(moment: Moment, segments: Segments) -> Iterator[tuple[str, str, Flags]]:
    """Name, kind and members of every group; segments only where there are some."""
    yield EVERYONE, ALL, np.ones(len(moment.made.users_U), dtype=np.bool_)
    for place, stage in enumerate(STAGES):
        yield stage, STAGE, moment.stages.stage_U == place
    if len(segments.names_G) > 1:
        for place, name in enumerate(segments.names_G.tolist()):
            yield name, SEGMENT, moment.segment_U == place


def group(now: Moment, before: Moment | None, segments: Segments, shelf: Shelf | None) -> Grouping:
    """Describe every group. Without a shelf nothing is offered, without a before nothing moves."""
    notes = [*now.stages.notes, *segments.notes, *(() if shelf is None else shelf.missing)]
    earlier: dict[tuple[str, str], Flags] = {}
    moved = None
    if before is not None:
        earlier = {(kind, name): member_U for name, kind, member_U in members(before, segments)}
        moved = _Moved.of(now.made, before.made)
    volume_UT, share_UT = now.made.ahead_UT(), shares_ahead(now.made)
    found = []
    for name, kind, member_U in members(now, segments):
        was_U = earlier.get((kind, name))
        wants: tuple[str, ...] = ()
        if member_U.any():
            share_T = share_UT[member_U].mean(axis=0)
            wants = tuple(segments.topics_T[telling(share_T, segments.share_T)].tolist())
        shows = {STAGE: SHOWS.get(name, ()), SEGMENT: (FAVOURITE,), ALL: ()}[kind]
        spend_U, volume_T = now.stages.spend_U, volume_UT[member_U].sum(axis=0)
        rising: tuple[str, ...] | None = None
        fading: tuple[str, ...] | None = None
        if moved is not None and volume_T.sum() >= LEAST:  # shares of next to nothing tell nothing
            rising, fading = moved.topics(kind, member_U, was_U)
        found.append(
            Group(
                name=name,
                kind=kind,
                size=int(member_U.sum()),
                before=None if was_U is None else int(was_U.sum()),
                stayed=None if moved is None or was_U is None else moved.stayed(member_U, was_U),
                volume=float(volume_T.sum()),
                spend=None if spend_U is None else float(spend_U[member_U].sum()),
                wants=wants,
                rising=rising,
                fading=fading,
                offers=()
                if shelf is None
                else shelf.offers(shows, member_U, volume_T, np.array(wants, dtype=np.str_)),
            )
        )
    return Grouping(now, before, segments, tuple(found), tuple(notes))


@dataclass(frozen=True)
class _Moved:
    """How the forecast's shares of customers known on both days changed."""

    topics_T: Names
    now_B: Integers  # rows now
    before_B: Integers  # and then
    share_BT: Doubles  # of each of them then
    change_BT: Doubles

    @classmethod
    def of(cls, now: Forecast, before: Forecast) -> "_Moved":
        row_U = rows_of(now.users_U, before.users_U)
        now_B = np.flatnonzero(row_U >= 0)
        before_B = row_U[now_B]
        share_BT = shares_ahead(before)[before_B]
        change_BT = shares_ahead(now)[now_B] - share_BT
        return cls(now.topics_T, now_B, before_B, share_BT, change_BT)

    def stayed(self, member_U: Flags, was_U: Flags) -> float | None:
        """Share of those in a group before who are in it now."""
        was_B = was_U[self.before_B]
        return float(member_U[self.now_B][was_B].mean()) if was_B.any() else None

    def topics(
        self, kind: str, member_U: Flags, was_U: Flags | None
    ) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
        """Topics that rise and fade in a group; None where it is too small to tell."""
        mine_B = member_U[self.now_B]
        if kind == SEGMENT and was_U is not None:
            mine_B = mine_B & was_U[self.before_B]
        count = int(mine_B.sum())
        if count < LEAST:
            return None, None
        change_T = self.change_BT[mine_B].mean(axis=0)
        error_T = self.change_BT[mine_B].std(axis=0, ddof=1) / np.sqrt(count)
        limit = norm.ppf(1 - SURE / 2 / len(change_T))
        least_T = LEAST_CHANGE * self.share_BT[mine_B].mean(axis=0)
        clear_T = np.abs(change_T) > np.maximum(limit * error_T, least_T)
        # What everyone does too says least of a group, so it comes last.
        apart_T = change_T if kind == ALL else change_T - self.change_BT.mean(axis=0)
        order_T = np.argsort(-apart_T, kind="stable")
        rising = self.topics_T[order_T[(clear_T & (change_T > 0))[order_T]]]
        fading = self.topics_T[order_T[::-1][(clear_T & (change_T < 0))[order_T[::-1]]]]
        return tuple(rising[:MOST].tolist()), tuple(fading[:MOST].tolist())
