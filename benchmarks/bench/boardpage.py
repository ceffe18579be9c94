"""The page of the leaderboard, and the few lines of it that the README shows."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench import tables
from bench.boardgoals import BOARD_GOALS, LARGE
from bench.boardrows import COMPARED, METRICS, RIVALS, Board
from bench.page import failed, known
from bench.rows import MEAN, Rows
from bench.shops import JOURNEY
from penchant import columns as c
from penchant.evaluation.ledger import ALL
from penchant.evaluation.metrics import distance

SCRIPT = "benchmarks/models.py"
MARKS = re.compile(rf"(<!-- numbers: {SCRIPT} -->\n).*?(<!-- /numbers -->)", re.DOTALL)
LEADS = ("average_precision", "adoption_average_precision", "information_gain")
COUNTED = ("auc", "log_loss", "mae", "bias", "crps", "ece")
CAVEATS = (
    "Every fit runs in a fresh process. Side by side, each has one core: `seconds` are those of "
    "one core. `own_mib` is the most memory held from the fit on, less what was held before it; a "
    "peer that works in an environment of its own holds more, which isn't counted. Rows named "
    "`alone_…` were timed with the whole machine.",
    "All recipes have their defaults. Cutoffs 40, 44 and 48 of Complete Journey and every other "
    "data set were never used to choose anything.",
    "At cutoff 44 only weeks 1–8, at 48 only weeks 1–4 are known, so a mean of weeks 9–12 is "
    "cutoff 40's.",
    "Where a data set has several cutoffs, a model that took more than a minute is tried at one, "
    "but on Complete Journey by category at all; a mean over cutoffs is of those tried at all.",
    "An interval is over users at fixed data and seed. It says nothing of other shops or years.",
    "A bootstrap of `ece` lies a little above its value: resampled frequencies are noisier.",
    "`lifestream` is pytorch-lifestream's CoLES with LightGBM on top, trained briefly and not "
    "tuned; `history_density` is HoTPP's baseline, written from its description.",
    "Of the flagship only the network is timed on the large shop: its trees, walked by LightGBM, "
    "take many minutes there.",
    "In the table of ages all forecasts come from one fit, and are of the same four weeks; "
    "interest counts by the week, so once a week is as often as it changes.",
)


def board_page(
    about: Sequence[str], boards: Sequence[Board], rows: Rows, draws: int, lead: str
) -> str:
    """The whole page in Markdown, from lines about how it was made."""
    parts = [
        "# Every family of models, on one leaderboard",
        "\n".join(f"* {line}" for line in about),
        f"Brackets hold 95 % intervals from {draws} bootstrap draws of users. Bold is the best of "
        "its column; among differences, one whose interval leaves out 0.",
    ]
    journey = next((board for board in boards if board.shop.name == JOURNEY), None)
    if journey is not None:
        parts += ["## Goals", tables.goal_table(rows, BOARD_GOALS)]
        parts += ["## Leaderboard", leaderboard(journey)]
    if any("_old" in row.model for row in rows):
        parts += ["## Ages", age_table(rows, lead)]
    if any(row.dataset == LARGE for row in rows):
        parts += ["## Speed", speed_table(rows)]
    for board in boards:
        parts += _section(board)
    parts += ["## Caveats", "\n".join(f"* {caveat}" for caveat in CAVEATS)]
    return "\n\n".join(parts) + "\n"


def _section(board: Board) -> list[str]:
    name, headline, rows = board.shop.name, board.headline, board.rows
    one_topic = (found := rows.find(name, headline, ALL, "history", "topics")) and found.value == 1
    parts = [f"## {name}", known(name, board.cutoffs, rows)]
    if board.failures:
        parts += ["### Failed", failed(board.failures)]
    metrics = COUNTED if one_topic else METRICS
    places = [(f"Cutoff {headline}", headline)]
    if len(board.cutoffs) > 1:
        cutoffs = ", ".join(map(str, board.cutoffs))
        places.append((f"Mean over the cutoffs {cutoffs}", MEAN))
    for title, cutoff in places:
        at = (name, cutoff)
        parts.append(f"### {title}")
        parts += [tables.metric_table(rows, at, metric) for metric in metrics]
    title, cutoff = places[-1] if board.shop.thorough else places[0]
    at = (name, cutoff)
    parts.append(f"### {title}: paired differences")
    compared = ("log_loss",) if one_topic else COMPARED
    rivals = [rival for rival in RIVALS if rival in rows.values(*at, c.MODEL)]
    parts += [
        tables.rival_table(rows, at, rival, metric) for rival in rivals for metric in compared
    ]
    parts += [f"### Cutoff {headline}: costs", tables.cost_table(rows, (name, headline))]
    parts += ["### What to keep in mind", "\n".join(f"* {text}" for text in board.shop.caveats)]
    return parts


def leaderboard(board: Board) -> str:
    """A line a model, best first: the numbers that matter, and what they cost."""
    name, rows = board.shop.name, board.rows
    at = (name, MEAN if len(board.cutoffs) > 1 else board.headline)
    windows = [window for window in rows.values(*at, c.WINDOW) if window != ALL]
    models = [
        model
        for model in rows.values(*at, c.MODEL)
        if tables.is_one(model) and rows.find(*at, windows[0], model, LEADS[0])
    ]

    def value(model: str, metric: str, window: str) -> float | None:
        found = rows.find(*at, window, model, metric)
        return found.value if found else None

    def cells(model: str) -> list[str]:
        triples = ([value(model, metric, window) for window in windows] for metric in LEADS)
        costs = (value(model, "fit_seconds", ALL), value(model, "own_mib", ALL))
        told = [_number(cost, digits) for cost, digits in zip(costs, (1, 0), strict=True)]
        return [" / ".join(_number(v, 3) for v in triple) for triple in triples] + told

    models.sort(key=lambda model: distance(LEADS[0], value(model, LEADS[0], windows[0]) or 0.0))
    head = ("model", "average precision", "of adoptions", "nats gained", "fit, s", "MiB")
    return tables.table(head, ((f"`{model}`", *cells(model)) for model in models))


def readme_block(board: Board, about: Sequence[str]) -> str:
    """What the README shows."""
    users, topics = (
        board.rows.find(board.shop.name, board.headline, ALL, "history", name)
        for name in ("users", "topics")
    )
    size = f"{users.value:,.0f} households × {topics.value:,.0f} categories" if users else ""
    machine = next((line for line in about if line.startswith("machine: ")), "")
    return (
        f"Complete Journey, mean over the test cutoffs {_listed(board.cutoffs)}, {size}; weeks "
        "ahead 1–4 / 5–8 / 9–12. Nats gained are over popularity, per future purchase; seconds are "
        "of one core, MiB the model's own.\n\n"
        f"{leaderboard(board)}\n\n"
        f"Measured on {machine.removeprefix('machine: ').partition(';')[0]}; intervals, goals, "
        "other data sets, peers and caveats are in "
        "[benchmarks/results/models.md](benchmarks/results/models.md).\n"
    )


def renew(path: Path, block: str) -> bool:
    """Put the block between its marks in a document; whether the marks are there."""
    text = path.read_text(encoding="utf-8")
    if not MARKS.search(text):
        return False
    path.write_text(MARKS.sub(lambda m: m[1] + block + m[2], text), encoding="utf-8")
    return True


def age_table(rows: Rows, lead: str) -> str:
    """Scores of one fit by the age of what it knew, beside those of a fresh fit."""
    body = []
    for cutoff in sorted({row.cutoff for row in rows if "_old" in row.model}, key=str):
        at = (JOURNEY, cutoff)
        models = [
            m for m in rows.values(*at, c.MODEL) if re.fullmatch(rf"{lead}(_\d+_\w+_old)?", m)
        ]
        for model in models:
            line = [rows.find(*at, "1-4", model, metric) for metric in LEADS]
            how = "fitted anew" if model == lead else model.removeprefix(f"{lead}_")
            body.append((f"{cutoff}, {how.replace('_', ' ')}", *map(tables.shown, line)))
    return tables.table((f"{lead} at cutoff, history", *LEADS), body)


def speed_table(rows: Rows) -> str:
    """Timings with the whole machine."""
    body = [
        (row.model, row.dataset, row.metric, f"{row.value:.1f}")
        for row in rows
        if row.metric.startswith("alone_") or (row.dataset, row.metric) == (LARGE, "seconds")
    ]
    return tables.table(("model", "data", "measure", "seconds"), body)


def _listed(names: Iterable[object]) -> str:
    *most, last = map(str, names)
    return f"{', '.join(most)} and {last}" if most else last


def _number(value: float | None, digits: int) -> str:
    return tables.NOTHING if value is None else f"{value:,.{digits}f}"
