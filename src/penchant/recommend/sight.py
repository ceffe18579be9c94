"""All that is known as of a moment: sources, what everyone does with items, and a forecast.

Shapes: B users asked, U users, I items, T topics, P sources, N candidates.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time

import numpy as np
from scipy.sparse import csr_array

from penchant.interest.counts import Flags
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interactions import Interactions
from penchant.interest.interest import Floats, rows_of
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

    def asked(self, past: Interactions, history: History, allowed_I: Flags) -> Asked:
        """Users, what they did, and what is forecast of them."""
        if self.interest is None:
            return Asked(past, allowed_I=allowed_I)
        forecast = self.interest.predict(history)
        volume_BT, chance_BT = (_of(past, forecast, part) for part in ("volume_UTW", "chance_UTW"))
        return Asked(past, volume_BT, chance_BT, allowed_I)

    def signals(
        self, asked: Asked, history: History, proposals: int, kept: Sequence[Flags] = ()
    ) -> Signals:
        """All that can be said of each candidate: at most `proposals` of each source.

        As many again of each set of items `kept`, for which lists have to hold some.
        """
        found = gather(
            {
                name: self._proposed(source, asked, proposals, kept)
                for name, source in zip(self.sources_P, self.proposers, strict=True)
            }
        )
        baskets = baskets_of(asked.past, moment(history, history.cutoff))
        pairs = (found.row_N, found.item_N)
        signals = signals_of(baskets, habits_of(baskets), self.facts, pairs)
        proposed = zip(found.sources_P, found.score_NP.T, strict=True)
        columns = {f"{BY}{name}": score_N for name, score_N in proposed}
        window = Window(0, self.steps)
        promotion_T = history.calendar.promotion_TW(history.cutoff, (window,))[:, 0]
        return signals.beside(columns | guide_columns(asked, self.goods, promotion_T, signals))

    def _proposed(
        self, source: Proposer, asked: Asked, most: int, kept: Sequence[Flags]
    ) -> csr_array:
        found_BI = source.propose(asked, most)
        for kept_I in kept:
            allowed_I = kept_I if asked.allowed_I is None else kept_I & asked.allowed_I
            found_BI = found_BI.maximum(source.propose(replace(asked, allowed_I=allowed_I), most))
        return csr_array(found_BI)


def moment(history: History, cutoff: int) -> int:
    """When a step of a history begins, in seconds since 1970."""
    day = history.interest.step.start(history.interest.origin + cutoff)
    return int(datetime.combine(day, time(), UTC).timestamp())


def _of(past: Interactions, forecast: Forecast, part: str) -> Floats:
    """What is forecast of each user's topics in the first window; 0 of users without a forecast."""
    value_UT: Floats = getattr(forecast, part)[:, :, 0]
    order_U = np.argsort(forecast.users_U)
    place_B = rows_of(past.users_U, forecast.users_U[order_U])
    value_BT = np.zeros((len(place_B), value_UT.shape[1]), dtype=np.float32)
    value_BT[place_B >= 0] = value_UT[order_U[place_B[place_B >= 0]]]
    return value_BT
