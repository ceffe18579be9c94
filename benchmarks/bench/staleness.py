"""How forecasts age: one fit, asked with what was known some steps before the window begins.

A customer embedded once is asked for a farther window later; one embedded anew each week is asked
for the nearest window. Both come from one fit, and are scored on the same steps.
Shapes: U users, T topics, W windows.
"""

from dataclasses import dataclass, replace

from bench.rows import joined
from bench.shops import Shop
from penchant.evaluation.backtest import backtest
from penchant.evaluation.result import Backtest
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.model import Recipe
from penchant.interest.task import Task, Window


@dataclass(frozen=True)
class Told:
    """Recipe and model in one: a forecast made before."""

    forecast: Forecast

    def fit(self, _: History, __: Task) -> "Told":
        """Nothing is left to fit."""
        return self

    def predict(self, _: History) -> Forecast:
        """Tell the forecast."""
        return self.forecast


def restated(forecast: Forecast, place: int, steps: int) -> Forecast:
    """One window of a forecast, as one made `steps` later, when the window began sooner."""
    window = forecast.windows_W[place]
    return replace(
        forecast,
        windows_W=(Window(window.start - steps, window.end - steps),),
        origin=forecast.origin + steps,
        chance_UTW=forecast.chance_UTW[:, :, [place]],
        volume_UTW=forecast.volume_UTW[:, :, [place]],
        topic_shock_W=forecast.topic_shock_W[[place]],
        user_shock_W=forecast.user_shock_W[[place]],
    )


def aged(
    history: History, shop: Shop, named: tuple[str, Recipe], cutoff: int, draws: int
) -> Backtest:
    """Fit at a cutoff; score the first window after later cutoffs, with histories of each age.

    Models are named by their history's age: `boosted_4_weeks_old`.
    """
    name, recipe = named
    first = shop.task.windows[0]
    model = recipe.fit(history.until(cutoff, panel=shop.panel), shop.task)
    results = []
    for place in range(1, len(shop.task.windows)):
        at = cutoff + place * first.length
        told = {}
        for window in range(place + 1):
            age = window * first.length
            forecast = model.predict(history.until(at - age, panel=shop.panel))
            told[f"{name}_{age}_{shop.task.step}s_old"] = Told(restated(forecast, window, age))
        task = replace(shop.task, windows=(first,))
        how = {"dataset": shop.name, "panel": shop.panel, "draws": draws}
        results.append(backtest(history, told, task, [at], **how))
    return joined(results)
