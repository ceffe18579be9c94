"""Forecast what every customer of a shop will want, weeks and months ahead.

    import penchant

    history = penchant.read_history("orders.csv", "products.csv")
    model = penchant.RECIPES["boosted"]().fit(history, penchant.Task())
    forecast = model.predict(history)
    forecast.top(5)

Names are imported when first used, so that `import penchant` is quick.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# Waiting threads that spin starve each other on a busy machine; read when OpenMP starts.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from penchant.data.mapping import CatalogMapping, Mapping
    from penchant.data.public import PUBLIC
    from penchant.data.step import Step
    from penchant.data.store import Store
    from penchant.data.worlds import WORLDS
    from penchant.errors import PenchantError
    from penchant.evaluation.backtest import backtest, possible_cutoffs
    from penchant.interest.forecast import Forecast
    from penchant.interest.history import History
    from penchant.interest.task import Task, Window
    from penchant.models import RECIPES
    from penchant.pipeline import read_history

_HOMES = {
    "CatalogMapping": "penchant.data.mapping",
    "Forecast": "penchant.interest.forecast",
    "History": "penchant.interest.history",
    "Mapping": "penchant.data.mapping",
    "PUBLIC": "penchant.data.public",
    "PenchantError": "penchant.errors",
    "RECIPES": "penchant.models",
    "Step": "penchant.data.step",
    "Store": "penchant.data.store",
    "Task": "penchant.interest.task",
    "WORLDS": "penchant.data.worlds",
    "Window": "penchant.interest.task",
    "backtest": "penchant.evaluation.backtest",
    "possible_cutoffs": "penchant.evaluation.backtest",
    "read_history": "penchant.pipeline",
}

__all__ = [
    "PUBLIC",
    "RECIPES",
    "WORLDS",
    "CatalogMapping",
    "Forecast",
    "History",
    "Mapping",
    "PenchantError",
    "Step",
    "Store",
    "Task",
    "Window",
    "backtest",
    "possible_cutoffs",
    "read_history",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'penchant' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
