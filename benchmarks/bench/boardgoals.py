"""What the flagship must reach on Complete Journey, averaged over cutoffs nothing was tuned on."""

from bench.goals import DIRICHLET, WINDOWS, Goal
from bench.rows import MEAN
from penchant.evaluation.ledger import ALL

FLAGSHIP = "flagship"
NETWORK = "recurrent"  # the half of the flagship that is no tree
REFERENCE = "boosted"  # what every model is held against
PROFILES = ("decayed_share", DIRICHLET)  # Dirichlet profiles: the best is beaten if both are
LARGE = "large"  # the planted shop that is only timed
AP, ADOPTION, GAIN = "average_precision", "adoption_average_precision", "information_gain"
COVERED = {"coverage_50": 0.5, "coverage_80": 0.8, "coverage_95": 0.95}
WITHIN = 0.02  # of the level


def _ratio(other: str, metric: str, least: float) -> list[Goal]:
    """The flagship's over another's, in every window, surely above 1."""
    pair = f"{FLAGSHIP} / {other}"
    return [Goal(pair, metric, window, least=least, apart=1.0, cutoff=MEAN) for window in WINDOWS]


def _at_mean(metric: str, least: float | None, most: float) -> list[Goal]:
    return [
        Goal(FLAGSHIP, metric, window, least=least, most=most, cutoff=MEAN) for window in WINDOWS
    ]


BOARD_GOALS = (
    *_ratio(REFERENCE, AP, 1.02),
    *_ratio(REFERENCE, ADOPTION, 1.08),
    *(goal for profile in PROFILES for goal in _ratio(profile, GAIN, 1.15)),
    *_at_mean("ece", None, 0.01),
    *(
        goal
        for metric, level in COVERED.items()
        for goal in _at_mean(metric, round(level - WITHIN, 2), round(level + WITHIN, 2))
    ),
    Goal(FLAGSHIP, "alone_fit_seconds", ALL, most=300.0),
    *(
        Goal(name, "seconds", ALL, most=60.0, dataset=LARGE, cutoff=MEAN)
        for name in (FLAGSHIP, NETWORK)
    ),
)
