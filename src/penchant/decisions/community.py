"""Community: groups of customers forecast to want the same, what each is about, and its events.

Groups are communities of the graph of nearest tastes, and of ties where there are any. A group is
told by its number and the topics that it wants more than the shop does. What it is asked to is an
event about one of its topics, a rising one first; the guests expected are the sum of its members'
chances, which are the forecast's for its first window. Groups of few members are not told, nor are
strangers' names: a customer's mates are those that a known tie leads to.
Shapes: U users, T topics, G groups, W windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from penchant import columns as c
from penchant.decisions.affinity import communities, heeding, nearest, tastes
from penchant.decisions.rising import rising_GT
from penchant.decisions.ties import Ties
from penchant.errors import HistoryError
from penchant.interest.counts import Doubles, Flags, Integers
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import Floats

COMMUNITY_SCHEMA = pa.schema(
    [
        pa.field(c.USER, pa.string(), nullable=False),
        pa.field(c.GROUP, pa.string()),
        pa.field(c.AFFINITY, pa.float32()),
        pa.field(c.SUGGESTED, pa.string()),
        pa.field(c.CHANCE, pa.float32()),
        pa.field(c.MATES, pa.list_(pa.string()), nullable=False),
        pa.field(c.REASON, pa.string(), nullable=False),
    ]
)
COMMUNITIES_SCHEMA = pa.schema(
    [
        pa.field(c.GROUP, pa.string(), nullable=False),
        pa.field(c.MEMBERS, pa.int32(), nullable=False),
        pa.field(c.ABOUT, pa.list_(pa.string()), nullable=False),
        pa.field(c.RISING, pa.list_(pa.string()), nullable=False),
        pa.field(c.SUGGESTED, pa.string(), nullable=False),
        pa.field(c.VOLUME, pa.float32(), nullable=False),  # guests expected
        pa.field(c.LIFT, pa.float32(), nullable=False),
    ]
)
LEAST_MEMBERS = 20  # of a group that is told
LEAST_GUESTS = 5.0  # members expected to buy a topic, for the group to be told of it
LEAST_LIFT = 1.2  # of a topic that a group is told by
TOPICS = 3  # a group is told by
NAMED = 2  # of them, in its name
MATES = 3  # named to a customer


@dataclass(frozen=True)
class Gathered:
    """Groups, the largest first, and everyone's; the notes say what can't be told."""

    forecast: Forecast
    group_U: Integers  # -1 for who is in none that is told
    affinity_U: Floats  # to the mean taste of the group
    name_G: tuple[str, ...]
    members_G: Integers
    about_G: tuple[tuple[int, ...], ...]  # topics wanted more than elsewhere
    rising_G: tuple[tuple[int, ...], ...]
    asked_G: Integers  # topic of the event to ask the group to
    guests_G: Doubles
    lift_G: Doubles  # that topic's part of the group's forecast, over its part of the shop's
    asked_U: Integers  # topic of the group's, likeliest to draw the user; -1 for none
    mates_U: tuple[tuple[int, ...], ...]
    notes: tuple[str, ...]

    def to_table(self) -> pa.Table:
        """A row of `COMMUNITY_SCHEMA` for every user, by group and affinity; those of none last."""
        last_U = np.where(self.group_U < 0, len(self.name_G), self.group_U)
        order = np.lexsort((-self.affinity_U, last_U))
        users, topics = self.forecast.users_U, self.forecast.topics_T
        rows = []
        for user in order.tolist():
            group, topic = int(self.group_U[user]), int(self.asked_U[user])
            told = group >= 0
            chance = self.forecast.chance_UTW[user, topic, 0] if told else None
            rows.append(
                {
                    c.USER: str(users[user]),
                    c.GROUP: self.name_G[group] if told else None,
                    c.AFFINITY: self.affinity_U[user] if told else None,
                    c.SUGGESTED: str(topics[topic]) if told else None,
                    c.CHANCE: chance,
                    c.MATES: [str(users[mate]) for mate in self.mates_U[user]],
                    c.REASON: self._reason(group, topic),
                }
            )
        return pa.Table.from_pylist(rows, schema=COMMUNITY_SCHEMA)

    def groups_table(self) -> pa.Table:
        """A row of `COMMUNITIES_SCHEMA` for each group."""
        topics = self.forecast.topics_T
        columns = {
            c.GROUP: list(self.name_G),
            c.MEMBERS: self.members_G.astype(np.int32),
            c.ABOUT: [topics[list(about)].tolist() for about in self.about_G],
            c.RISING: [topics[list(rising)].tolist() for rising in self.rising_G],
            c.SUGGESTED: topics[self.asked_G].tolist(),
            c.VOLUME: self.guests_G.astype(np.float32),
            c.LIFT: self.lift_G.astype(np.float32),
        }
        return pa.table(columns, schema=COMMUNITIES_SCHEMA)

    def _reason(self, group: int, topic: int) -> str:
        if group < 0:
            return f"in no group of at least {LEAST_MEMBERS}"
        why = "rises" if topic in self.rising_G[group] else "is wanted"
        return (
            f"{self.forecast.topics_T[topic]} {why} among the {self.members_G[group]:,} members "
            "more than elsewhere, and is the likeliest of the group's topics here"
        )


def gather(
    history: History, forecast: Forecast, kinds: Sequence[str], ties: Ties | None = None
) -> Gathered:
    """Group the customers of a history by the forecast from its end, and by ties where given.

    Ties are rows of the history's users. Raises HistoryError for a forecast of others.
    """
    past = history.interest
    if not np.array_equal(forecast.users_U, past.users_U) or forecast.origin != (
        past.origin + past.steps
    ):
        raise HistoryError("Community needs the forecast of the history's users, from its end.")
    tied_UU = ties.matrix(past.shape[0]) if ties is not None and len(ties.one_F) else None
    taste_UT = tastes(forecast)
    if tied_UU is not None:
        taste_UT = heeding(taste_UT, tied_UU)
    group_U = communities(nearest(taste_UT), tied_UU)
    group_U[~taste_UT.any(axis=1)] = -1
    chance_UT = forecast.chance_UTW[:, :, 0]
    volume_UT = forecast.ahead_UT()
    group_U, about = _told(group_U, volume_UT, chance_UT)
    groups = len(about)
    guests_GT = _summed(chance_UT, group_U, groups)
    rise_GT = rising_GT(history, forecast, kinds, group_U, groups)
    rising = _rising(rise_GT & (guests_GT >= LEAST_GUESTS), guests_GT)
    asked_G = np.array([(rising[g] or about[g])[0] for g in range(groups)], dtype=np.int64)
    drawn = [tuple(dict.fromkeys([*rising[g], *about[g]])) for g in range(groups)]
    asked_U = _asked(drawn, group_U, chance_UT)
    every = np.arange(groups)
    return Gathered(
        forecast=forecast,
        group_U=group_U,
        affinity_U=_affinity(taste_UT, group_U, groups),
        name_G=tuple(_name(g, about[g], forecast) for g in range(groups)),
        members_G=np.bincount(group_U[group_U >= 0], minlength=groups),
        about_G=about,
        rising_G=rising,
        asked_G=asked_G,
        guests_G=guests_GT[every, asked_G],
        lift_G=_lift(volume_UT, group_U, groups)[every, asked_G],
        asked_U=asked_U,
        mates_U=_mates(ties, group_U, asked_U, forecast),
        notes=_notes(ties, group_U, groups),
    )


def _rising(rise_GT: Flags, guests_GT: Doubles) -> tuple[tuple[int, ...], ...]:
    """Rising topics of each group, those with most guests first."""
    first_GT = np.argsort(-guests_GT, axis=1, kind="stable")
    return tuple(
        tuple(first_T[rise_T[first_T]].tolist())
        for first_T, rise_T in zip(first_GT, rise_GT, strict=True)
    )


def _asked(drawn: Sequence[tuple[int, ...]], group_U: Integers, chance_UT: Floats) -> Integers:
    """The topic of the group's that is likeliest to draw each user."""
    asked_U = np.full(len(group_U), -1)
    for group, topics in enumerate(drawn):
        mine = np.flatnonzero(group_U == group)
        asked_U[mine] = np.array(topics)[chance_UT[mine][:, list(topics)].argmax(axis=1)]
    return asked_U


def _affinity(taste_UT: Floats, group_U: Integers, groups: int) -> Floats:
    """Affinity of each user to the mean taste of their group."""
    affinity_U = np.zeros(len(group_U), dtype=np.float32)
    for group in range(groups):
        mine = np.flatnonzero(group_U == group)
        centre_T = taste_UT[mine].mean(axis=0)
        affinity_U[mine] = taste_UT[mine] @ (centre_T / max(float(np.linalg.norm(centre_T)), 1e-9))
    return affinity_U


def _told(
    group_U: Integers, volume_UT: Doubles, chance_UT: Floats
) -> tuple[Integers, tuple[tuple[int, ...], ...]]:
    """Groups large enough and about something, numbered anew, and the topics each is told by."""
    found = int(group_U.max(initial=-1)) + 1
    sizes = np.bincount(group_U[group_U >= 0], minlength=found)
    lift_GT = _lift(volume_UT, group_U, found)
    guests_GT = _summed(chance_UT, group_U, found)
    place = np.full(found + 1, -1)
    about: list[tuple[int, ...]] = []
    for group in np.flatnonzero(sizes >= LEAST_MEMBERS).tolist():
        telling_T = guests_GT[group] * np.log(np.maximum(lift_GT[group], 1e-12))
        telling_T[(guests_GT[group] < LEAST_GUESTS) | (lift_GT[group] < LEAST_LIFT)] = 0
        best = np.argsort(-telling_T, kind="stable")[:TOPICS]
        kept = tuple(best[telling_T[best] > 0].tolist())
        if kept:
            place[group] = len(about)
            about.append(kept)
    return place[group_U], tuple(about)


def _summed(value_UT: Floats | Doubles, group_U: Integers, groups: int) -> Doubles:
    """Sum of a value over the members of each group, `GT`."""
    sum_GT = np.zeros((groups, value_UT.shape[1]))
    np.add.at(sum_GT, group_U[group_U >= 0], value_UT[group_U >= 0])
    return sum_GT


def _lift(volume_UT: Doubles, group_U: Integers, groups: int) -> Doubles:
    """Part of each topic in a group's forecast over that in everybody's, `GT`."""
    sum_GT = _summed(volume_UT, group_U, groups)
    part_GT = sum_GT / np.maximum(sum_GT.sum(axis=1, keepdims=True), 1e-12)
    shop_T = volume_UT.sum(axis=0) / max(volume_UT.sum(), 1e-12)
    return np.asarray(part_GT / np.maximum(shop_T, 1e-12), dtype=np.float64)


def _name(group: int, about: tuple[int, ...], forecast: Forecast) -> str:
    return f"{group + 1} {', '.join(forecast.topics_T[list(about[:NAMED])].tolist())}"


def _mates(
    ties: Ties | None, group_U: Integers, asked_U: Integers, forecast: Forecast
) -> tuple[tuple[int, ...], ...]:
    """Those a known tie leads to in the same group, the likeliest to want the topic first."""
    mates: list[tuple[int, ...]] = [()] * len(group_U)
    if ties is None or not ties.known:
        return tuple(mates)
    tied_UU = ties.matrix(len(group_U))
    for user in np.flatnonzero((group_U >= 0) & (np.diff(tied_UU.indptr) > 0)).tolist():
        tied = tied_UU.indices[tied_UU.indptr[user] : tied_UU.indptr[user + 1]]
        tied = np.sort(tied[group_U[tied] == group_U[user]])
        wanted = forecast.chance_UTW[tied, asked_U[user], 0]
        mates[user] = tuple(tied[np.argsort(-wanted, kind="stable")[:MATES]].tolist())
    return tuple(mates)


def _notes(ties: Ties | None, group_U: Integers, groups: int) -> tuple[str, ...]:
    notes = []
    if ties is None or not len(ties.one_F):
        notes.append(
            "No ties between customers are known and no likes give any away, so groups are by "
            "forecast interests alone."
        )
    elif not ties.known:
        notes.append(
            "Ties are guessed from likes. They help to group customers; nobody is named by them."
        )
    left: Flags = group_U < 0
    if not groups:
        notes.append(
            f"No group of at least {LEAST_MEMBERS} customers wants anything more than the others "
            "do, so none is told."
        )
    elif left.any():
        notes.append(
            f"{int(left.sum()):,} customers are in no group of at least {LEAST_MEMBERS} and are "
            "told none."
        )
    return tuple(notes)
