"""One family of models a file; the table below names them all."""

from collections.abc import Iterator, Mapping
from typing import Any

from penchant.extras import needed


class Families(Mapping[str, Any]):
    """Classes by name, each imported when it is first asked for: some need PyTorch."""

    def __init__(self, places: Mapping[str, str], package: str = "penchant.models") -> None:
        self._places = places  # name -> module.Class
        self._package = package

    def __getitem__(self, name: str) -> Any:
        module, kind = self._places[name].split(".")
        return getattr(needed(f"{self._package}.{module}", name), kind)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def places(self) -> tuple[str, ...]:
        """Where the classes stand, as `module.Class`."""
        return tuple(self._places.values())


RECIPES = Families(
    {
        "popularity": "popularity.Popularity",
        "recent_popularity": "popularity.RecentPopularity",
        "last_window": "naive.LastWindow",
        "seasonal_naive": "naive.SeasonalNaive",
        "decayed_share": "decayed_share.DecayedShare",
        "gamma_poisson": "gamma_poisson.GammaPoisson",
        "walk": "walk.Walk",
        "arima": "arima.Arima",
        "boosted": "boosted.Boosted",
        "recurrent": "recurrent.Recurrent",
        "transformer": "transformer.Transformer",
        "graph": "graph.Graph",
        "pretrained": "pretrained.Pretrained",
        "multitask": "multitask.Multitask",
        "adapted": "adapted.Adapted",
        "flagship": "flagship.Flagship",
        "ensemble": "ensemble.Ensemble",
        "calibrated": "calibrated.Calibrated",
    }
)
USUAL = (
    "popularity",
    "recent_popularity",
    "last_window",
    "seasonal_naive",
    "decayed_share",
    "gamma_poisson",
    "walk",
    "arima",
    "boosted",
)  # what a backtest tries when it isn't told: one of each that costs little

_PARTS = (
    "arima.Spread",
    "boosted.FittedBoosted",
    "boosted.WindowTrees",
    "calibrated.FittedCalibrated",
    "copurchase.Copurchase",
    "counting.Counting",
    "ensemble.FittedEnsemble",
    "features.Context",
    "forecaster.FittedNetwork",
    "gamma_poisson.Tastes",
    "heads.Head",
    "multitask.FittedMultitask",
    "network.Shape",
    "network.Tensors",
    "panel.Scaling",
    "rates.Rates",
    "reader.Reading",
    "training.Training",
    "walk.Reach",
)  # what fitted models are made of, for loading
TYPES = Families({place.split(".")[1]: place for place in (*RECIPES.places, *_PARTS)})
