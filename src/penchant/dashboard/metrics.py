"""The metrics a report shows: label, how written, what is best, and one line of meaning."""

from dataclasses import dataclass

from penchant.dashboard.block import Form

MAIN_METRIC = "average_precision"
HIGHEST = float("inf")


@dataclass(frozen=True)
class Metric:
    """How a metric is named, read and written; `best` is a perfect forecast's value."""

    name: str
    label: str
    best: float
    form: Form
    meaning: str

    def distance(self, value: float) -> float:
        """How far from perfect, to sort by."""
        return -value if self.best == HIGHEST else abs(value - self.best)

    @property
    def place(self) -> int:
        """Position in the report's order; unknown ones go last."""
        return list(_BY_NAME).index(self.name) if self.name in _BY_NAME else len(_BY_NAME)

    @property
    def direction(self) -> str:
        """Which way is better, for a table's heading."""
        if self.best == 0:
            return "nearest 0" if self.name == "bias" else "lower"
        if self.best in (1, HIGHEST):
            return "higher"
        return f"nearest {self.best:.0%}".replace("%", "\N{NO-BREAK SPACE}%")


_D, _S = Form.DECIMAL, Form.SHARE
_KNOWN = (
    Metric(
        MAIN_METRIC,
        "Average precision",
        1,
        _D,
        "How well chances rank customer–topic pairs that became active above those that did not; "
        "1 is perfect, the share of active pairs is blind guessing.",
    ),
    Metric("auc", "AUC", 1, _D, "Probability that an active pair ranks above an idle one."),
    Metric("log_loss", "Log loss", 0, _D, "Surprise at what happened, in nats per pair."),
    Metric("brier", "Brier score", 0, _D, "Mean squared gap between chance and what happened."),
    Metric(
        "ece",
        "Calibration error",
        0,
        _D,
        "Mean gap between the chance stated and the frequency seen, over bins of chance (ECE).",
    ),
    Metric("mae", "MAE", 0, _D, "Mean absolute error of the expected count, per pair."),
    Metric("rmse", "RMSE", 0, _D, "Root mean squared error of the expected count, per pair."),
    Metric(
        "bias", "Bias", 0, _D, "Forecast less actual total, relative to actual: 0.1 is 10 % over."
    ),
    Metric("crps", "CRPS", 0, _D, "Error of the whole forecast distribution of counts, per pair."),
    Metric(
        "coverage_50", "50 % interval holds", 0.5, _S, "Part of counts inside the 50 % interval."
    ),
    Metric(
        "coverage_80", "80 % interval holds", 0.8, _S, "Part of counts inside the 80 % interval."
    ),
    Metric(
        "coverage_95", "95 % interval holds", 0.95, _S, "Part of counts inside the 95 % interval."
    ),
    Metric(
        "busy_coverage_80",
        "80 % holds, busy pairs",
        0.8,
        _S,
        "The same among pairs with a forecast volume of at least 1.",
    ),
    Metric(
        "activity_coverage_80",
        "80 % holds, customers",
        0.8,
        _S,
        "The same for each customer's total over topics.",
    ),
    Metric(
        "demand_coverage_80",
        "80 % holds, demand",
        0.8,
        _S,
        "The same for each topic's total over customers.",
    ),
    Metric(
        "cross_entropy",
        "Cross-entropy",
        0,
        _D,
        "Nats needed to name the topic of a future purchase from the forecast shares.",
    ),
    Metric(
        "information_gain",
        "Information gain",
        HIGHEST,
        _D,
        "Cross-entropy saved against the shop's overall shares, in nats.",
    ),
    Metric(
        "jensen_shannon",
        "Jensen–Shannon",
        0,
        _D,
        "Distance between a customer's forecast and actual shares.",
    ),
    Metric(
        "ndcg_10", "NDCG@10", 1, _D, "Quality of each customer's ten likeliest topics, by rank."
    ),
    Metric(
        "recall_10", "Recall@10", 1, _D, "Part of a customer's topics that is in the first ten."
    ),
    Metric(
        "top_topic_accuracy",
        "Top-topic accuracy",
        1,
        _D,
        "How often a customer's likeliest topic is the one most bought.",
    ),
    Metric("precision", "Precision", 1, _D, "Part of the pairs called active that became active."),
    Metric("recall", "Recall", 1, _D, "Part of the active pairs that was called active."),
    Metric("f1", "F1", 1, _D, "Harmonic mean of precision and recall."),
    Metric(
        "adoption_average_precision",
        "Adoption AP",
        1,
        _D,
        "Average precision among topics that a customer did not touch in the look-back.",
    ),
    Metric(
        "adoption_brier_skill",
        "Adoption skill",
        1,
        _D,
        "Brier score of adoptions beside a fixed rate: 0 is the rate, 1 is perfect.",
    ),
    Metric(
        "abandonment_average_precision",
        "Abandonment AP",
        1,
        _D,
        "Average precision of who goes quiet, among pairs active in the look-back.",
    ),
    Metric(
        "abandonment_brier_skill",
        "Abandonment skill",
        1,
        _D,
        "Brier score of abandonments beside a fixed rate: 0 is the rate, 1 is perfect.",
    ),
    Metric("seconds", "Seconds", 0, Form.VOLUME, "Time to fit and forecast, all windows."),
    Metric("fit_seconds", "Seconds to fit", 0, Form.VOLUME, "Time to fit."),
    Metric("predict_seconds", "Seconds to forecast", 0, Form.VOLUME, "Time to forecast."),
    Metric("peak_mib", "Peak MiB", 0, Form.COUNT, "Most memory in use."),
)
_BY_NAME = {metric.name: metric for metric in _KNOWN}


def metric_of(name: str) -> Metric:
    """A metric by name; one that the report doesn't know is shown as lower-is-better."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    return Metric(name, name.replace("_", " ").capitalize(), 0, _D, "Not described here.")
