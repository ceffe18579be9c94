"""All that is known as of a moment: sources, what everyone does with items, and a forecast.

Shapes: B users asked, U users, T topics, P sources, N candidates.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time

import numpy as np

from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Floats
from penchant.interest.model import Model
from penchant.interest.task import Window
from penchant.recommend.assortment import Assortment
from penchant.recommend.candidates import Asked, Proposer, gather
from penchant.recommend.guide import guide_columns
from penchant.recommend.repeat import baskets_of, habits_of
from penchant.recommend.signals import Facts, Signals, signals_of

BY = "by_"  # start of the name of a source's score


@dataclass(frozen=True)
class Sight:
    """Fitted sources, facts of items, and what forecasts topics."""

    goods: Assortment
    facts: Facts
    sources_P: tuple[str, ...]
    proposers: tuple[Proposer, ...]
    interest: Model | None
    steps: int  # ahead, that are asked

    def asked(self, past: Interactions, history: History) -> Asked:
        """Users, what they did, and what is forecast of them."""
        if self.interest is None:
            return Asked(past)
        forecast = self.interest.predict(history)
        return Asked(past, *(_of(past, forecast, part) for part in ("volume_UTW", "chance_UTW")))

    def signals(self, asked: Asked, history: History, proposals: int) -> Signals:
        """All that can be said of each candidate: at most `proposals` of each source."""
        found = gather(
            {
                name: source.propose(asked, proposals)
                for name, source in zip(self.sources_P, self.proposers, strict=True)
            }
        )
        baskets = baskets_of(asked.past)
        pairs = (found.row_N, found.item_N)
        signals = signals_of(baskets, habits_of(baskets), self.facts, pairs)
        proposed = zip(found.sources_P, found.score_NP.T, strict=True)
        columns = {f"{BY}{name}": score_N for name, score_N in proposed}
        window = Window(0, self.steps)
        promotion_T = history.calendar.promotion_TW(history.cutoff, (window,))[:, 0]
        return signals.beside(columns | guide_columns(asked, self.goods, promotion_T, signals))


def moment(history: History, cutoff: int) -> int:
    """When a step of a history begins, in seconds since 1970."""
    day = history.interest.step.start(history.interest.origin + cutoff)
    return int(datetime.combine(day, time(), UTC).timestamp())


def _of(past: Interactions, forecast: Forecast, part: str) -> Floats:
    """What is forecast of each user's topics in the first window; 0 of users without a forecast."""
    value_UT: Floats = getattr(forecast, part)[:, :, 0]
    order_U = np.argsort(forecast.users_U)
    place_B = np.searchsorted(forecast.users_U, past.users_U, sorter=order_U)
    row_B = order_U[place_B.clip(max=len(order_U) - 1)]
    known_B = forecast.users_U[row_B] == past.users_U
    return np.where(known_B[:, None], value_UT[row_B], 0).astype(np.float32)
