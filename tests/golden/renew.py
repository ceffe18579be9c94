"""Golden forecasts: a few dozen numbers of each recipe, which a refactor must match.

Where a change is meant to move them, renew them and say why beside the change:

    PYTHONPATH=src python -m tests.golden.renew             # all recipes
    PYTHONPATH=src python -m tests.golden.renew boosted     # some
"""

import json
import sys
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import ibis
import numpy as np

from penchant.data.worlds import Shop, mixed
from penchant.interest.history import History, build_history
from penchant.interest.task import Task, Window
from penchant.interest.topics import choose_topics
from penchant.models import RECIPES

FOLDER = Path(__file__).parent
TASK = Task(windows=(Window(0, 4), Window(4, 8)))
SHOP = Shop(users=80, topics=8, steps=64, seed=11)
CUTOFF = 60  # more than a year, so that seasonal forecasts look at the last one
USERS = (0, 17, 42, 63)  # whose cells are kept
DIGITS = 6

Numbers = dict[str, list[float]]


@cache
def past() -> History:
    """The golden shop at its cutoff."""
    log = mixed(SHOP).log
    events = ibis.memtable(log.events)
    topics = choose_topics(events, ibis.memtable(log.catalog), floor=1)
    return build_history(events, topics).until(CUTOFF)


def numbers_of(name: str) -> Numbers:
    """Chances and volumes of some users, shocks, and totals of demand, to six digits."""
    recipe = RECIPES[name]()
    if "threads" in {field.name for field in fields(recipe)}:
        recipe = replace(recipe, threads=1)
    forecast = recipe.fit(past(), TASK).predict(past())
    total = forecast.total("users")
    row_U = np.array(USERS)
    return {
        "chance": rounded(forecast.chance_UTW[row_U, ::3]),
        "volume": rounded(forecast.volume_UTW[row_U, ::3]),
        "mean": rounded(total.mean),
        "deviation": rounded(total.deviation),
        "topic_shock": rounded(forecast.topic_shock_W),
        "user_shock": rounded(forecast.user_shock_W),
    }


def rounded(array: np.ndarray) -> list[float]:
    """Numbers to six significant digits, in order."""
    return [float(f"{value:.{DIGITS - 1}e}") for value in array.ravel().tolist()]


def path_of(name: str) -> Path:
    """Where the golden numbers of a recipe are kept."""
    return FOLDER / f"{name}.json"


def renew(names: list[str]) -> None:
    """Write the golden numbers of recipes anew."""
    for name in names:
        text = json.dumps(numbers_of(name), indent=1)
        path_of(name).write_text(text + "\n")


if __name__ == "__main__":
    renew(sys.argv[1:] or list(RECIPES))
