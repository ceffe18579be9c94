"""One family of models a file; the table below names them all."""

from collections.abc import Mapping

from penchant.interest.model import Recipe
from penchant.models.arima import Arima, Spread
from penchant.models.boosted import Boosted, FittedBoosted, WindowTrees
from penchant.models.calibrated import Calibrated, FittedCalibrated
from penchant.models.copurchase import Copurchase
from penchant.models.counting import Counting
from penchant.models.decayed_share import DecayedShare
from penchant.models.ensemble import Ensemble, FittedEnsemble
from penchant.models.features import Context
from penchant.models.gamma_poisson import GammaPoisson, Tastes
from penchant.models.heads import Head
from penchant.models.naive import LastWindow, SeasonalNaive
from penchant.models.popularity import Popularity, RecentPopularity
from penchant.models.rates import Rates

RECIPES: Mapping[str, type[Recipe]] = {
    "popularity": Popularity,
    "recent_popularity": RecentPopularity,
    "last_window": LastWindow,
    "seasonal_naive": SeasonalNaive,
    "decayed_share": DecayedShare,
    "gamma_poisson": GammaPoisson,
    "arima": Arima,
    "boosted": Boosted,
    "ensemble": Ensemble,
    "calibrated": Calibrated,
}

PARTS = (
    Context,
    Copurchase,
    Counting,
    FittedBoosted,
    FittedCalibrated,
    FittedEnsemble,
    Head,
    Rates,
    Spread,
    Tastes,
    WindowTrees,
)  # what fitted models are made of, for loading
TYPES: Mapping[str, type] = {kind.__name__: kind for kind in (*RECIPES.values(), *PARTS)}
