"""The first section: what was read, what is forecast, how good it was, and what to do about it.

Shapes: T topics.
"""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from penchant.dashboard import numbers
from penchant.dashboard.block import (
    Chart,
    Column,
    Findings,
    Form,
    Leaf,
    NextStep,
    NextSteps,
    Notes,
    Option,
    Section,
    Tile,
    Tiles,
)
from penchant.dashboard.drawing import below, canvas, legend, name_axis, tooltip, value_axis
from penchant.dashboard.metrics import MAIN_METRIC
from penchant.dashboard.movement import LIKELY, REGULAR, Movers, migration, movers
from penchant.dashboard.scores import POPULARITY, Past
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.interest import Names
from penchant.interest.task import Task

_LIKELY = numbers.share(LIKELY)
SHOWN = 8  # topics that rise, and as many that fade
# Topic, events gained, change, events before, events forecast, beyond the interval.
Moved = tuple[str, float, float | None, float, float, str]
DEFAULT_STEPS = (
    NextStep("Measure how good the forecasts were at past cutoffs.", "penchant backtest"),
    NextStep("Write every customer's forecast to a file.", "penchant forecast"),
)


def headline(
    history: History,
    forecast: Forecast,
    task: Task,
    model: str,
    past: Past,
    next_steps: Sequence[NextStep],
) -> Section:
    """The section that a reader with one minute reads."""
    moved = movers(history, forecast, task)
    blocks: list[Leaf] = [
        Tiles(_read(history, task)),
        Tiles(_ahead(forecast, task)),
        _quality(model, past),
        Findings("Worth acting on", _findings(history, forecast, task, moved)),
    ]
    if (moved.strength_T != 0).any():
        blocks.append(movers_chart(history.interest.topics_T, moved, task))
    blocks.append(NextSteps("What to do next", tuple(next_steps) or DEFAULT_STEPS))
    lead = (
        "penchant read what customers did, and forecasts what each of them will want: the chance "
        "that a customer buys in a topic, and how often, in each window ahead."
    )
    return Section("headline", "At a glance", lead, tuple(blocks))


def _read(history: History, task: Task) -> tuple[Tile, ...]:
    interest = history.interest
    events = float(history.population.count_KTS.sum(dtype=np.float64))
    first = interest.step.start(interest.origin)
    last = history.cutoff_date - timedelta(days=1)
    return (
        Tile("Customers", numbers.count(len(interest.users_U)), "each gets a forecast of its own"),
        Tile("Topics", numbers.count(len(interest.topics_T)), "what an interest can be in"),
        Tile("Events", numbers.count(events), ", ".join(interest.kinds_K)),
        Tile(
            "Span read",
            task.step.plural(history.cutoff),
            f"{numbers.day(first)} to {numbers.day(last)}",
        ),
    )


def _ahead(forecast: Forecast, task: Task) -> tuple[Tile, ...]:
    total = forecast.volume_UTW.sum(axis=(0, 1), dtype=np.float64)
    ahead = []
    for w, window in enumerate(task.windows):
        start, end = forecast.dates(window)
        dates = f"{numbers.day(start)} to {numbers.day(end - timedelta(days=1))}"
        label = f"Forecast, {task.step.value}s {numbers.window(window.name)}"
        ahead.append(Tile(label, numbers.count(total[w]), f"expected events, {dates}"))
    return tuple(ahead)


def _quality(model: str, past: Past) -> Notes:
    best = past.best
    if best is None:
        return Notes(
            (
                "How good is it? Not measured yet: this report was made without a backtest. "
                "Run penchant backtest, then penchant report again.",
            )
        )
    text = f"How good was it? Scored at {numbers.several(len(past.cutoffs), 'past cutoff')}, "
    precision = past.average(MAIN_METRIC, best)
    popular = past.average(MAIN_METRIC, POPULARITY)
    text += f"the best of {numbers.several(len(past.models), 'model')} is {best}"
    if precision:
        text += f", with an average precision of {numbers.decimal(precision.value)}"
    if popular and best != POPULARITY:
        text += f" (popularity alone: {numbers.decimal(popular.value)})"
    error = past.average("ece", best)
    held = past.average("coverage_80", best)
    if error:
        points = numbers.volume(100 * error.value)
        text += f". Its chances were off by {points} percentage points on average"
    if held:
        text += f", and its 80 % intervals held {numbers.share(held.value)} of what happened"
    text += "."
    if model != best:
        text += f" The forecast in this report comes from {model}."
    return Notes((text,))


def _findings(
    history: History, forecast: Forecast, task: Task, moved: Movers
) -> tuple[tuple[str, str], ...]:
    topics_T = history.interest.topics_T
    who = migration(history, forecast, task)
    span = task.step.plural(who.lookback)
    pairs = who.recent_UT.size
    ahead = f"in the {task.step.plural(sum(w.length for w in task.windows))} forecast"
    adopt = (
        f"{numbers.several(who.adopters, 'customer')} will probably take up a new topic.",
        f"They have not touched it for {span}, and will with a chance of {_LIKELY} or more. "
        f"Over all customers {numbers.count(who.adoptions)} new interests are expected {ahead}, "
        f"of {numbers.count(pairs - (who.recent_UT > 0).sum())} possible.",
    )
    quiet = (
        f"{numbers.several(who.quiet, 'regular interest')} will probably go quiet.",
        f"Of {numbers.count(who.regular)} customer–topic pairs active in at least {REGULAR} of the "
        f"last {span}, these have a chance of more than {_LIKELY} of no event {ahead}.",
    )
    found = [
        *_named(topics_T, moved, moved.rising(3), "Forecast to rise most", task),
        *_named(topics_T, moved, moved.fading(3), "Forecast to fade most", task),
        adopt,
        quiet,
        _activity(forecast, task, moved),
    ]
    return tuple(found)


def _named(
    topics_T: Names, moved: Movers, chosen: npt.NDArray[np.int64], what: str, task: Task
) -> list[tuple[str, str]]:
    if not len(chosen):
        return []
    parts = [
        f"{topics_T[t]} ({numbers.change(moved.change_T[t])})"
        if np.isfinite(moved.change_T[t])
        else f"{topics_T[t]} (new)"
        for t in chosen
    ]
    sure = int(moved.sure_T[chosen].sum())
    text = (
        f"Against the last {task.step.plural(moved.length)}, adjusted for the shop's total. The "
        f"forecast's 80 % interval rules out “no change” for {sure} of {len(chosen)}."
    )
    return [(f"{what}: {', '.join(parts)}.", text)]


def _activity(forecast: Forecast, task: Task, moved: Movers) -> tuple[str, str]:
    before, after = moved.before_T.sum(), moved.after_T.sum()
    steps = sum(window.length for window in task.windows)
    rate = (after / steps) / (before / moved.length) - 1 if before else float("nan")
    lead = f"The shop as a whole: {numbers.change(rate)}."
    text = (
        f"{numbers.volume(after / steps)} events a {task.step.value} are forecast, against "
        f"{numbers.volume(before / moved.length)} over the last {task.step.plural(moved.length)}."
    )
    return lead, text


def movers_chart(topics_T: Names, moved: Movers, task: Task) -> Chart:
    """Diverging bars of the topics that rise and fade most."""
    rows = _moved(topics_T, moved)
    span = task.step.plural(moved.length)

    option = canvas(
        tooltip=tooltip("item"),
        legend=legend(["rises", "fades"]),
        grid={"left": 8, "right": 40, "top": 36, "bottom": 32, "containLabel": True},
        xAxis=value_axis(labels="fn:count", **below("events gained or lost")),
        yAxis=name_axis([row[0] for row in rows], width=180, inverse=True),
        series=[_bars(rows, "rises", "$blue"), _bars(rows, "fades", "$orange")],
    )
    return Chart(
        "movers",
        "Topics that gain and lose most",
        "Bars show the events forecast beyond those that the topic would have if it kept its share "
        f"of the last {span}; pale bars lie within the forecast's own 80 % interval.",
        option,
        (
            Column("Topic"),
            Column("Gained or lost", Form.VOLUME),
            Column("Change", Form.CHANGE),
            Column(f"Events, last {span}", Form.COUNT),
            Column("Events forecast", Form.VOLUME),
            Column("Beyond the 80 % interval"),
        ),
        rows,
        height=80 + 24 * len(rows),
    )


def _bars(rows: list[Moved], name: str, colour: str) -> Option:
    data = [_bar(row) if (row[1] > 0) is (name == "rises") else None for row in rows]
    bars = {"type": "bar", "stack": "change", "barMaxWidth": 16}
    return bars | {"name": name, "color": colour, "data": data}


def _bar(row: Moved) -> Option:
    topic, gained, changed, before, after, sure = row
    text = (
        f"{topic}\n{numbers.change(changed)}, adjusted for the total\n"
        f"{numbers.count(before)} events before, {numbers.volume(after)} forecast"
    )
    return {
        "value": round(gained, 1),
        "text": text,
        "itemStyle": {"opacity": 1 if sure == "yes" else 0.45},
    }


def _moved(topics_T: Names, moved: Movers) -> list[Moved]:
    """The topics that rise most, then those that fade, most last."""
    chosen = [*moved.rising(SHOWN), *moved.fading(SHOWN)[::-1]]
    return [
        (
            str(topics_T[t]),
            float(moved.after_T[t] - moved.even_T[t]),
            float(moved.change_T[t]) if np.isfinite(moved.change_T[t]) else None,
            float(moved.before_T[t]),
            float(moved.after_T[t]),
            "yes" if moved.sure_T[t] else "no",
        )
        for t in chosen
    ]
