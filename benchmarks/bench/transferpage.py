"""The page of the transfer benchmark: the learning curve in tables, and what to keep in mind."""

from collections.abc import Sequence

from bench.curve import Curve
from bench.rows import Row, Rows
from bench.tables import NOTHING, cost_table, difference_table, shown, table
from penchant import columns as c
from penchant.evaluation.ledger import ALL

ZERO = "zero_shot"
SCRATCH = "scratch"
TUNED = ("full", "head", "lora")
WAYS = (SCRATCH, *TUNED)
NOBODY = "0"
# Share of the new shop's customers, and how often they are drawn.
AMOUNTS = {NOBODY: (0.0, 1), "1 %": (0.01, 3), "10 %": (0.1, 1), "100 %": (1.0, 1)}
LEVELS = ("boosted", "gamma_poisson")  # taught by all of them
SHOWN = (
    *("average_precision", "adoption_average_precision", "cross_entropy"),
    *("log_loss", "ece", "bias"),
)
COMPARED = ("average_precision", "cross_entropy", "log_loss")
DRAWN = "cross_entropy"
CAVEATS = (
    "The base learned on Complete Journey, 2,469 households of a shop with 302 product "
    "categories; none of them is an aisle of the new shop, and no weight knows a topic but by "
    "the vector of its name.",
    "What varies along the curve is whose outcomes are learned from. Totals of topics, "
    "co-purchases and the scale of features come from all of the new shop's past at every point, "
    "also at zero shot, so a shop with so few customers at all would do worse, by whichever way.",
    "At zero shot no weight learns from the new shop; only the shocks, which widen totals, are "
    "fitted there.",
    "At 1 % the values are means over three draws of who is learned from, and differences are "
    "paired within each; elsewhere there is one draw. An interval is over the customers forecast, "
    "and doesn't tell how lucky a draw was.",
    "The untuned network's volumes are several times too high. A likely reason, not tested: it was "
    "taught where all customers carry on, and reads features on the new shop's own scale.",
    "The new shop is cut to its first 3,000 customers, so that the run stays short.",
    "Nothing was chosen by the cutoff shown; learning rates were tried at cutoff 28.",
    "The new shop's calendar is relative and many histories end early: see the caveats of "
    "`instacart_case_subset` in `interest.md`. Cross-entropy is the fairest of its metrics.",
    "Both shops sell groceries by plain English names. Nothing is said of a shop that sells "
    "something else, or whose topics are codes.",
    "Seconds are wall-clock on the machine above, which others may have used at the same time; "
    "the base's own, spent once, stand beside them.",
)


def name_of(way: str, amount: str) -> str:
    """A model's name: how, and how much of the new shop, it learned."""
    return ZERO if amount == NOBODY else f"{way}_{amount.split()[0]}_percent"


def page(about: Sequence[str], rows: Rows, at: tuple[str, int], amounts: Sequence[str]) -> str:
    """The whole page in Markdown, from lines about how it was made."""
    windows = [window for window in rows.values(*at, c.WINDOW) if window != ALL]
    parts = [
        "# Transfer: what one shop teaches of another",
        "\n".join(f"* {line}" for line in about),
        "A network that reads topics by name learned on Complete Journey, and forecasts "
        f"{at[0]} at cutoff {at[1]}. Columns: share of the new shop's customers it was then "
        "trained on. `scratch` starts from random weights; `full` tunes all weights of the base, "
        "`head` the head only, `lora` adapters of low rank. Brackets hold 95 % intervals over "
        "customers.",
        f"![{DRAWN} by customers learned from](transfer.svg)",
    ]
    for metric in SHOWN:
        parts += [f"## {metric}", *(curve_table(rows, at, metric, w, amounts) for w in windows)]
    parts += [
        "## Against training from scratch on the same customers",
        difference_table(rows, at),
        "## Costs",
        cost_table(rows, at),
        "## Caveats",
        "\n".join(f"* {caveat}" for caveat in CAVEATS),
    ]
    return "\n\n".join(parts) + "\n"


def curve_table(
    rows: Rows, at: tuple[str, int], metric: str, window: str, amounts: Sequence[str]
) -> str:
    """One metric and window: a line a way, a column an amount."""

    def cell(row: Row | None) -> str:
        return shown(row) if row else NOTHING

    body = [
        (way, *(cell(rows.find(*at, window, name_of(way, a), metric)) for a in amounts))
        for way in WAYS
    ]
    body[0] = (body[0][0], NOTHING, *body[0][2:])  # from scratch, nothing is known at first
    for level in LEVELS:
        none = [NOTHING] * (len(amounts) - 1)
        body.append((level, *none, cell(rows.find(*at, window, level, metric))))
    return table((f"weeks {window}", *amounts), body)


def curve_of(rows: Rows, at: tuple[str, int], amounts: Sequence[str]) -> Curve:
    """The picture's content: the nearest window."""
    window = next(window for window in rows.values(*at, c.WINDOW) if window != ALL)

    def value(model: str) -> float | None:
        row = rows.find(*at, window, model, DRAWN)
        return row.value if row else None

    lines = {
        way: {a: v for a in amounts if (v := value(name_of(way, a))) is not None} for way in WAYS
    }
    lines[SCRATCH].pop(NOBODY, None)
    levels = {level: v for level in LEVELS if (v := value(level)) is not None}
    return Curve(f"{DRAWN}, weeks {window}, {at[0]}", amounts, lines, levels)
