"""A customer's interests: what is held now, what is forecast, and how it moves.

Shapes: T topics, W windows.
"""

from collections.abc import Sequence

import numpy as np

from penchant import columns as c
from penchant.interest.forecast import Forecast
from penchant.interest.fresh import Event
from penchant.interest.history import History
from penchant.interest.interest import Floats
from penchant.interest.stationary import lookback
from penchant.serving.ground import Ground
from penchant.serving.messages import Ahead, Change, Held, Interests, Moved, Turn

HALF_LIFE = 12.0  # steps in which an engagement comes to count half, of what is held now
SHOWN = 20  # topics held, and topics of each window of a forecast
TURNS = 5  # of each kind
REGULAR = 3  # steps of the look-back with an engagement, for a topic to be given up


def interests(ground: Ground, user: str, events: Sequence[Event]) -> Interests:
    """A customer's interests: held now, forecast, and how they move."""
    history = ground.histories({user: events})
    forecast = None if ground.model is None else ground.model.predict(history)
    return Interests(
        user=user,
        known=ground.knows(user) or bool(events),
        degraded=forecast is None,
        release=ground.release,
        cutoff=history.cutoff_date.isoformat(),
        now=_held(ground, history),
        forecast=[] if forecast is None else _ahead(forecast),
        moved=[
            Moved(
                left=row[c.FROM],
                entered=row[c.TO],
                date=row[c.DATE].isoformat(),
                share=row[c.SHARE],
                chance=row[c.CHANCE],
            )
            for row in ground.moves.get(user, ())
        ],
        turning=[] if forecast is None else _turns(ground, history, forecast),
    )


def _held(ground: Ground, history: History) -> list[Held]:
    held, kinds = history.interest, ground.workspace.settings.forecast.target
    engaged_T = held.decayed_UT(kinds, HALF_LIFE)[0]
    last_T = np.full(len(engaged_T), -1)
    told = held.target_N(kinds) > 0
    np.maximum.at(last_T, held.topic_N[told], held.step_N[told])
    best = np.argsort(-engaged_T, kind="stable")[:SHOWN]
    whole = max(float(engaged_T.sum()), 1e-12)
    return [
        Held(
            topic=str(held.topics_T[topic]),
            engagements=float(engaged_T[topic]),
            share=float(engaged_T[topic]) / whole,
            last=held.step.start(held.origin + int(last_T[topic])).isoformat(),
        )
        for topic in best.tolist()
        if engaged_T[topic] > 0
    ]


def _ahead(forecast: Forecast) -> list[Ahead]:
    return [
        Ahead(
            topic=row[c.TOPIC],
            window=row[c.WINDOW],
            start=row[c.START].isoformat(),
            end=row[c.END].isoformat(),
            chance=row[c.CHANCE],
            volume=row[c.VOLUME],
            low=row[c.LOW],
            high=row[c.HIGH],
        )
        for row in forecast.top(SHOWN).to_pylist()
    ]


def _turns(ground: Ground, history: History, forecast: Forecast) -> list[Turn]:
    """Topics not touched in the look-back that are likeliest soon, and regular ones that fade."""
    held, kinds = history.interest, ground.workspace.settings.forecast.target
    recent = held.step_N >= history.cutoff - lookback(held.step)
    told = recent & (held.target_N(kinds) > 0)
    steps_T = np.bincount(held.topic_N[told], minlength=len(held.topics_T))
    order_W = sorted(range(len(forecast.windows_W)), key=lambda w: forecast.windows_W[w])
    first, last = order_W[0], order_W[-1]
    soon_T = np.where(steps_T == 0, forecast.chance_UTW[0, :, first], -1.0)
    gone_T = np.where(steps_T >= REGULAR, 1 - forecast.chance_UTW[0, :, last], -1.0)
    turns: tuple[tuple[Change, int, Floats], ...] = (
        ("adopted", first, soon_T),
        ("abandoned", last, gone_T),
    )
    return [
        Turn(
            topic=str(held.topics_T[topic]),
            change=change,
            window=forecast.windows_W[window].name,
            chance=float(chance_T[topic]),
        )
        for change, window, chance_T in turns
        for topic in np.argsort(-chance_T, kind="stable")[:TURNS].tolist()
        if chance_T[topic] > 0
    ]
