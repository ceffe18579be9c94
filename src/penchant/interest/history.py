"""History: everything known at a cutoff. Only `History.until` cuts time.

Shapes: U users, B some users, T topics, S steps, K kinds, N entries.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from penchant import columns as c
from penchant.data.step import Step
from penchant.errors import HistoryError
from penchant.interest.calendar import Calendar, build_calendar
from penchant.interest.interest import Floats, Interest, Names, build_interest
from penchant.interest.queries import match_queries
from penchant.interest.topics import Topics


@dataclass(frozen=True)
class Population:
    """Totals over every user known at the cutoff, also when a history holds only a block."""

    count_KTS: Floats
    users: int


@dataclass(frozen=True)
class History:
    """Interest up to a cutoff, the totals of the whole shop, topics, and what is known ahead."""

    interest: Interest
    population: Population
    topics: Topics
    calendar: Calendar
    people: pa.Table | None = None

    @property
    def cutoff(self) -> int:
        """Steps known; the next step, counted from the origin, is the first to forecast."""
        return self.interest.steps

    @property
    def cutoff_date(self) -> date:
        """First day that is not known."""
        return self.interest.step.start(self.interest.origin + self.cutoff)

    def until(self, cutoff: int, *, panel: bool = False) -> "History":
        """What was known after the first `cutoff` steps.

        Users with no event by then are left out, since nobody could have known them; a `panel`
        keeps them, for shops that know their customers before the first purchase. Kinds with no
        event by then are left out in any case.
        """
        interest, people = self.interest.until(cutoff), self.people
        if not panel:
            seen_U = np.flatnonzero(np.diff(interest.start_U))
            if not len(seen_U):
                raise HistoryError(f"Nobody has an event in the first {cutoff} steps.")
            interest = interest.only(seen_U)
            if people is not None:
                people = people.filter(pc.is_in(people[c.USER], pa.array(interest.users_U)))
        population = population_of(interest)
        return replace(self, interest=interest, population=population, people=people)

    def folded(self, cutoff: int) -> "History":
        """The first `cutoff` steps, where what came later counts as if just before their end.

        For what answers between two steps: a step that has only begun would look quiet. The
        population's totals are those of the first steps; users who came later are kept.
        """
        past = self.interest
        step_N = np.minimum(past.step_N, np.int32(cutoff - 1))
        interest = replace(past, steps=cutoff, step_N=step_N).summed()
        population = replace(self.population, count_KTS=self.population.count_KTS[:, :, :cutoff])
        return replace(self, interest=interest, population=population)

    def of(self, users_B: Names) -> "History":
        """Some users, in that order, beside the totals of the whole shop; nobody need be known."""
        return replace(self, interest=self.interest.of(users_B))

    def only(self, row_U: npt.NDArray[np.int64]) -> "History":
        """The users at rows `row_U`, in that order, beside the totals of the whole shop."""
        return replace(self, interest=self.interest.only(row_U))

    def blocks(self, size: int) -> Iterator["History"]:
        """Blocks of at most `size` users, in order."""
        users = len(self.interest.users_U)
        for start in range(0, users, size):
            yield self.only(np.arange(start, min(start + size, users)))

    def topic_count_TS(self, kinds: Sequence[str]) -> Floats:
        """Events of `kinds` by the whole shop, for each topic and step."""
        rows = [i for i, kind in enumerate(self.interest.kinds_K) if kind in kinds]
        return self.population.count_KTS[rows].sum(axis=0)


def population_of(interest: Interest) -> Population:
    """Total an interest tensor over its users."""
    users, topics, steps = interest.shape
    code_N = interest.topic_N.astype(np.int64) * steps + interest.step_N
    count_KTS = np.zeros((len(interest.kinds_K), topics, steps), dtype=np.float32)
    for k, count_TS in enumerate(count_KTS):
        count_N = np.bincount(code_N, weights=interest.count_NK[:, k], minlength=topics * steps)
        count_TS[:] = count_N.reshape(topics, steps)
    return Population(count_KTS, users)


def build_history(
    events: ir.Table,
    topics: Topics,
    *,
    step: Step = Step.WEEK,
    promotions: pa.Table | None = None,
    holidays: pa.Table | None = None,
    people: pa.Table | None = None,
) -> History:
    """Build the history of all events: kinds found, interest, calendar, totals.

    An event without an item counts on the topic that its query matches, if it does.
    """
    kinds = sorted(events.select(c.KIND).distinct().to_pyarrow()[c.KIND].to_pylist())
    items = ibis.memtable(topics.items)
    queries = matched_queries(events, topics)
    interest = build_interest(events, items, topics.names_T, kinds, step, queries)
    calendar = build_calendar(promotions, holidays, topics, step, interest.origin)
    return History(interest, population_of(interest), topics, calendar, people)


def matched_queries(events: ir.Table, topics: Topics) -> ir.Table | None:
    """Topics of the queries in `events`, or None when topics have learned no words."""
    if not len(topics.words):
        return None
    asked = events.filter(events[c.ITEM].isnull() & events[c.QUERY].notnull()).select(c.QUERY)
    queries = asked.distinct().order_by(c.QUERY).to_pyarrow()[c.QUERY].to_pylist()
    matched = match_queries(queries, topics.words, len(topics))
    return ibis.memtable(matched.select([c.QUERY, c.TOPIC]))
