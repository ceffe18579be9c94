"""The page of the migration benchmark: its goals, its tables, and what to keep in mind."""

from collections.abc import Iterator, Sequence

from bench.goals import Goal
from bench.planted import STATIONARY
from bench.rows import MEAN, Row, Rows
from bench.shops import JOURNEY
from bench.tables import NOTHING, shown, table
from penchant import columns as c
from penchant.evaluation.ledger import ALL

TEST, FAR = 40, "9-12"
GOALS: tuple[tuple[str, int | str, Goal], ...] = (
    *(
        (JOURNEY, TEST, Goal("boosted", f"{kind}_stationary_skill", FAR, least=0.10))
        for kind in ("adoption", "abandonment")
    ),
    *(
        (JOURNEY, TEST, Goal("boosted", f"{kind}_ece", FAR, most=0.01))
        for kind in ("adoption", "abandonment")
    ),
    ("migrating", MEAN, Goal("scan", "auroc", ALL, least=0.95)),
    ("migrating", MEAN, Goal("scan", "false_alarms", ALL, most=0.05)),
    ("migrating", MEAN, Goal("scan", "direction_right", ALL, least=0.90)),
    ("migrating", MEAN, Goal("scan", "steps_off", ALL, most=2)),
    *((name, MEAN, Goal("scan", "called", ALL, most=0.05)) for name in STATIONARY),
    ("migrating flows", MEAN, Goal("scan", "within_two_errors", ALL, least=0.95)),
    ("large", MEAN, Goal("scan", "seconds", ALL, most=60)),
)
SKILLS = ("adoption_stationary_skill", "abandonment_stationary_skill")
METRICS = (
    *SKILLS,
    *("adoption_brier_skill", "abandonment_brier_skill"),
    *("adoption_ece", "abandonment_ece"),
    *("adoption_average_precision", "abandonment_average_precision"),
)
BRIEFLY = (*SKILLS, "adoption_ece", "abandonment_ece", "give_way_ece", "b_first_ece")
COSTS = ("bond", "seconds")
PAIRS = (
    *("give_way_ece", "give_way_bias", "give_way_frequency"),
    *("b_first_ece", "b_first_bias", "b_first_frequency"),
    *("b_first_given_either_ece", "b_first_given_either_bias", "b_first_given_either_frequency"),
)
CEILING = "boosted_knowing_"
CAVEATS = (
    "`…_stationary_skill` is the Brier skill over the stationary Dirichlet-multinomial null, whose "
    "own rows are named `stationary`; `…_brier_skill` is that over each topic's earlier frequency "
    "of the same move. A cell can be adopted if it had no engagement in the half year before the "
    "cutoff, and abandoned if it had one.",
    "Peers, and the models named `…_recalibrated`, are calibrated by isotonic regression among the "
    "same kind of cells at the cutoff 12 weeks earlier; that is all the history they may use. The "
    "other models are as they forecast.",
    "`boosted_knowing_…` is no forecast: its chances are shifted by what each topic, or household, "
    "was seen to do in the window. It says where the information is that forecasts lack.",
    "At cutoffs before 40 the earlier cutoff has less than a half year behind it, which harms what "
    "is calibrated there, the boosted trees most.",
    "Nothing was chosen by cutoff 40, whose windows hold Thanksgiving and December.",
    "Pairs are a topic bought in the half year before the cutoff and one not bought in it, 40 a "
    "household. Of two topics first bought in the same week each counts half as the first. "
    "A bias is (said - came) / came.",
    "`…_independent` takes a household's topics for independent; the others share a bond, which is "
    "fitted at the cutoff 12 weeks earlier.",
    "It is one year of one shop's frequent shoppers. An interval is over households, and says "
    "nothing of other weeks; look at the cutoffs one by one for that.",
    "A bootstrap of an `…_ece` lies a little above its value: resampled frequencies are noisier.",
    "`halves` compares each customer's two halves: by a G-test of their shares, called by "
    "Benjamini and Hochberg at the same rate, and by the cosine distance of shares. It names "
    "neither time nor direction, and planted moves lie in the middle half of the history, where it "
    "is at its best.",
    "`within_two_errors` is the part of true flows of at least 0.05 % of all interest whose "
    "estimate is within two sampling errors (delete-a-group jackknife over customers).",
    "Intervals of planted worlds are the least and the most of the seeds, or two sampling errors.",
    "Seconds are wall-clock on the machine above, which others may have used at the same time.",
)


def judged(rows: Rows) -> list[tuple[str, Goal, Row | None, str]]:
    """Every goal, what was found, and the verdict."""
    found = (
        (dataset, goal, rows.find(dataset, cutoff, goal.window, goal.model, goal.metric))
        for dataset, cutoff, goal in GOALS
    )
    return [(dataset, goal, row, goal.verdict(row)) for dataset, goal, row in found]


def page(about: Sequence[str], rows: Rows) -> str:
    """The whole page in Markdown, from lines about how it was made."""
    parts = [
        "# Migration, found and forecast",
        "\n".join(f"* {line}" for line in about),
        "Brackets hold 95 % intervals over households. Windows are weeks after the cutoff.",
        "## Goals",
        _goals(rows),
        *_journey(rows),
        *_planted(rows),
        "## Caveats",
        "\n".join(f"* {caveat}" for caveat in CAVEATS),
    ]
    return "\n\n".join(parts) + "\n"


def _goals(rows: Rows) -> str:
    body = [
        (dataset, goal.model, goal.metric, goal.window, goal.wanted, shown(row), verdict)
        for dataset, goal, row, verdict in judged(rows)
    ]
    return table(("where", "model", "metric", "window", "wanted", "found", "verdict"), body)


def _journey(rows: Rows) -> Iterator[str]:
    """Tables of the forecasts, at each cutoff and over them."""
    cutoffs = list(dict.fromkeys(row.cutoff for row in rows if row.dataset == JOURNEY))
    if not cutoffs:
        return
    yield f"## Forecasts: {JOURNEY}"
    for cutoff in sorted(cutoffs, key=str, reverse=True):  # the mean, the test, the rest
        yield f"### Mean over cutoffs ({c.MEAN})" if cutoff == MEAN else f"### Cutoff {cutoff}"
        models = rows.values(JOURNEY, cutoff, c.MODEL)
        if cutoff not in (TEST, MEAN):
            yield from _tables(rows, cutoff, BRIEFLY, models)
            continue
        for metrics, chosen in (
            (METRICS, [name for name in models if not name.startswith(CEILING)]),
            (SKILLS, [name for name in models if name.startswith((CEILING, "boosted"))]),
            ((*PAIRS, *COSTS), models),
        ):
            yield from _tables(rows, cutoff, metrics, chosen)


def _tables(
    rows: Rows, cutoff: int | str, metrics: Sequence[str], models: Sequence[str]
) -> Iterator[str]:
    """One table a metric: a line a model, a column a window."""
    windows = rows.values(JOURNEY, cutoff, c.WINDOW)
    for metric in metrics:
        grid = {
            model: [rows.find(JOURNEY, cutoff, window, model, metric) for window in windows]
            for model in models
        }
        used = [w for w in range(len(windows)) if any(line[w] for line in grid.values())]
        body = [
            (model, *(shown(line[w]) for w in used)) for model, line in grid.items() if any(line)
        ]
        if body:
            yield table((metric, *(windows[w] for w in used)), body)


def _planted(rows: Rows) -> Iterator[str]:
    """One table of everything measured on planted worlds."""
    body = [
        (row.dataset, row.model, row.metric, shown(row) if row.value is not None else NOTHING)
        for row in rows
        if row.dataset != JOURNEY
    ]
    if body:
        yield "## Planted worlds"
        yield table(("world", "model", "metric", "found"), body)
