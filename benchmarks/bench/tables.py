"""Tables for people, in Markdown, made of rows."""

from collections.abc import Iterable, Sequence

from bench.goals import GOALS, Goal, judge
from bench.rows import Row, Rows
from penchant import columns as c
from penchant.evaluation.ledger import ALL
from penchant.evaluation.metrics import METRICS, distance

COSTS = ("seconds", "fit_seconds", "predict_seconds", "cpu_seconds", "peak_mib", "own_mib")
NOTHING = "–"


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose columns line up; text to the left, all else to the right."""
    lines = [list(head), *(list(cells) for cells in body)]
    widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(head))]

    def laid(line: Sequence[str]) -> str:
        first = line[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        return "| " + " | ".join([first, *rest]) + " |"

    rule = "|" + "|".join("-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths))
    return "\n".join([laid(lines[0]), rule + "|", *map(laid, lines[1:])])


def shown(row: Row | None, *, interval: bool = True, best: bool = False) -> str:
    """A value with its interval; the best of its kind in bold."""
    if row is None or row.value is None:
        return NOTHING
    digits = 1 if row.metric in COSTS else 4
    text = f"{row.value:.{digits}f}"
    if best:
        text = f"**{text}**"
    if interval and row.low is not None and row.high is not None:
        text += f" [{row.low:.{digits}f}, {row.high:.{digits}f}]"
    return text


def is_one(model: str) -> bool:
    """Whether a row's model is one, and no pair."""
    return " " not in model


def metric_table(rows: Rows, at: tuple[str, int | str], metric: str) -> str:
    """One metric: a line a model, a column a window."""
    windows = [window for window in rows.values(*at, c.WINDOW) if window != ALL]
    grid = {
        model: [rows.find(*at, window, model, metric) for window in windows]
        for model in rows.values(*at, c.MODEL)
        if is_one(model)
    }
    grid = {model: line for model, line in grid.items() if any(line)}
    best = [_best(line[w] for line in grid.values()) for w in range(len(windows))]
    return table(
        (metric, *windows),
        (
            (model, *(shown(row, best=_ties(row, best[w])) for w, row in enumerate(line)))
            for model, line in grid.items()
        ),
    )


def window_table(rows: Rows, at: tuple[str, int | str], window: str) -> str:
    """One window: a line a metric, a column a model."""
    models = [
        model
        for model in rows.values(*at, c.MODEL)
        if rows.find(*at, window, model, "log_loss") and is_one(model)
    ]
    body = []
    for metric in METRICS:
        line = [rows.find(*at, window, model, metric) for model in models]
        best = _best(line)
        body.append((metric, *(shown(row, interval=False, best=_ties(row, best)) for row in line)))
    return table((f"weeks {window}", *models), body)


def rival_table(rows: Rows, at: tuple[str, int | str], rival: str, metric: str) -> str:
    """Every model less one rival: a line a model, a column a window; clear ones in bold."""
    windows = [window for window in rows.values(*at, c.WINDOW) if window != ALL]
    body = []
    for pair in rows.values(*at, c.MODEL):
        line = [rows.find(*at, window, pair, metric) for window in windows]
        if pair.endswith(f" - {rival}") and any(line):
            cells = [shown(row, best=row is not None and _clear(row)) for row in line]
            body.append((pair.removesuffix(f" - {rival}"), *cells))
    return table((f"{metric} less that of {rival}", *windows), body)


def difference_table(rows: Rows, at: tuple[str, int | str]) -> str:
    """Paired differences: a line a pair and metric, a column a window; clear ones in bold."""
    windows = [window for window in rows.values(*at, c.WINDOW) if window != ALL]
    body = []
    for pair in rows.values(*at, c.MODEL):
        for metric in METRICS:
            line = [rows.find(*at, window, pair, metric) for window in windows]
            if " - " in pair and any(line):
                cells = [shown(row, best=row is not None and _clear(row)) for row in line]
                body.append((pair, metric, *cells))
    return table(("difference", "metric", *windows), body)


def cost_table(rows: Rows, at: tuple[str, int | str]) -> str:
    """Seconds and memory: a line a model."""
    models = rows.values(*at, c.MODEL)
    costs = [cost for cost in COSTS if any(rows.find(*at, ALL, m, cost) for m in models)]
    lines = {model: [rows.find(*at, ALL, model, cost) for cost in costs] for model in models}
    return table(
        ("cost", *costs),
        ((model, *map(shown, line)) for model, line in lines.items() if any(line)),
    )


def goal_table(rows: Rows, goals: Sequence[Goal] = GOALS) -> str:
    """Every goal, what was found, and whether it is reached."""
    return table(
        ("model", "metric", "window", "wanted", "found", "verdict"),
        (
            (goal.model, goal.metric, goal.window, goal.wanted, shown(row), verdict)
            for goal, row, verdict in judge(rows, goals)
        ),
    )


def _best(line: Iterable[Row | None]) -> Row | None:
    """The row nearest to a perfect forecast's value, of two or more."""
    off = [
        (distance(row.metric, row.value), row)
        for row in line
        if row is not None and row.value is not None
    ]
    return min(off, key=lambda pair: pair[0])[1] if len(off) > 1 else None


def _ties(row: Row | None, best: Row | None) -> bool:
    return row is not None and best is not None and row.value == best.value


def _clear(row: Row) -> bool:
    return row.low is not None and row.high is not None and (row.low > 0 or row.high < 0)
