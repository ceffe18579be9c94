"""The page of the benchmark of segments."""

from collections.abc import Sequence

from bench.rows import Row
from bench.tables import shown, table


def page(about: Sequence[str], rows: Sequence[Row], caveats: str) -> str:
    """The results for people."""
    parts = ["# Segments", "\n".join(f"* {line}" for line in about), f"## Caveats\n\n{caveats}"]
    dataset, cutoff, window = rows[0].dataset, rows[0].cutoff, rows[0].window
    parts.append(f"## {dataset}: {cutoff} weeks known, weeks {window}")
    for title, mark in (
        ("Stages beside RFM", lambda name: "(" not in name and " " not in name),
        ("Stages less each peer", lambda name: "(" not in name and " - " in name),
        ("What was said of each stage, and what came", lambda name: name.startswith("stage:")),
        ("How far halves agree, by the number of groups", lambda name: name.endswith("groups")),
        ("Groups of interest", lambda name: "(" in name and " - " not in name),
        ("Groups of interest, less each peer", lambda name: "(" in name and " - " in name),
    ):
        mine = [row for row in rows if mark(row.model)]
        parts += [f"### {title}", _table(mine)]
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[Row]) -> str:
    metrics = list(dict.fromkeys(row.metric for row in rows))
    found = {(row.model, row.metric): row for row in rows}
    models = dict.fromkeys(row.model for row in rows)
    return table(
        ("", *metrics),
        (
            (model.removeprefix("stage: "), *(shown(found.get((model, m))) for m in metrics))
            for model in models
        ),
    )
