"""From a CSV to forecasts, in Python: python examples/forecast_csv.py.

The CSV is written first, from a planted world, so that the example needs nothing but penchant.
"""

import tempfile
from pathlib import Path

import pyarrow.csv as csv
from rich import print

import penchant
from penchant.data.worlds import Shop

MODEL = "gamma_poisson"


def write_shop(folder: Path) -> None:
    """Write a small shop's purchases and products, under names that aren't penchant's own."""
    log = penchant.WORLDS["mixed"](Shop(users=150, topics=8, steps=60)).log
    orders = log.events.select(["user", "item", "time", "value", "event"])
    csv.write_csv(
        orders.rename_columns(["client", "article", "bought", "paid", "line"]),
        folder / "orders.csv",
    )
    products = log.catalog.select(["item"]).rename_columns(["article"])
    for level, name in enumerate(("department", "category")):
        column = [path[level] for path in log.catalog["path"].to_pylist()]
        products = products.append_column(name, [column])
    csv.write_csv(products, folder / "products.csv")


def main() -> None:
    """Read, fit, forecast, and see how far to trust it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_shop(folder)
        history = penchant.read_history(
            folder / "orders.csv",
            folder / "products.csv",
            mapping=penchant.Mapping(
                user="client", item="article", time="bought", value="paid", event="line"
            ),
            catalog_mapping=penchant.CatalogMapping(
                item="article", path=("department", "category")
            ),
        )

    task = penchant.Task(windows=(penchant.Window(0, 4), penchant.Window(4, 8)))
    forecast = penchant.RECIPES[MODEL]().fit(history, task).predict(history)
    best = forecast.top(3).select(["user", "window", "topic", "chance", "volume"])
    print(best.slice(0, 6).to_pandas())

    demand = forecast.total("users")  # topics × windows
    low, high = demand.interval(0.8)
    for topic in demand.mean[:, 0].argsort()[:-4:-1]:
        mean, span = demand.mean[topic, 0], f"{low[topic, 0]} to {high[topic, 0]}"
        print(f"{forecast.topics_T[topic]}: {mean:.0f} purchases in weeks 1-4, 80 %: {span}")

    recipes = {name: penchant.RECIPES[name]() for name in ("popularity", MODEL)}
    cutoffs = penchant.possible_cutoffs(history, task, 2)
    result = penchant.backtest(history, recipes, task, cutoffs, draws=20)
    print(result.leaderboard("average_precision").to_pandas())


if __name__ == "__main__":
    main()
