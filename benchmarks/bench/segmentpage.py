"""The page of the benchmark of segments."""

import re
from collections.abc import Sequence

from bench.rows import Row
from bench.tables import shown, table


def page(about: Sequence[str], rows: Sequence[Row], caveats: str) -> str:
    """The results for people."""
    parts = ["# Segments", "\n".join(f"* {line}" for line in about), f"## Caveats\n\n{caveats}"]
    dataset, cutoff, window = rows[0].dataset, rows[0].cutoff, rows[0].window
    parts.append(f"## {dataset}: {cutoff} weeks known, weeks {window}")
    for title, mark in (
        ("Stages beside RFM", r"(stages|rfm_\w+|expected_spend)"),
        ("Stages less each peer", r"stages - \w+"),
        ("What was said of each stage, and what came", r"stage_\w+"),
        ("How far halves agree, by the number of groups", r"groups_\d+"),
        ("Groups of interest", r"(segments|kmeans_shares|nmf|lda)_\d+"),
        ("Groups of interest, less each peer", r"segments_\d+ - \w+"),
    ):
        mine = [row for row in rows if re.fullmatch(mark, row.model)]
        parts += [f"### {title}", _table(mine)]
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[Row]) -> str:
    metrics = list(dict.fromkeys(row.metric for row in rows))
    found = {(row.model, row.metric): row for row in rows}
    models = dict.fromkeys(row.model for row in rows)
    return table(
        ("", *metrics),
        ((model, *(shown(found.get((model, m))) for m in metrics)) for model in models),
    )
