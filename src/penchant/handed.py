"""Files that come with a question, such as who had which arm: their cells by our column names.

Shapes: U rows, as a rule one a user.
"""

import tempfile
from pathlib import Path

import numpy as np

from penchant.data.engine import session
from penchant.data.files import PLAIN
from penchant.data.mapping import SYNONYMS
from penchant.data.reading import cell, read, reading_told
from penchant.errors import DataError, suggest
from penchant.interest.counts import Doubles


def read_cells(
    path: str, asked: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, list[str]]:
    """Cells of the columns asked for as text, by our name; an empty one is empty text.

    Columns may go by the names that events have elsewhere. Raises DataError without one of `asked`.
    """
    with session() as connection, tempfile.TemporaryDirectory() as scratch:
        reading = read(connection, path, Path(scratch), format=PLAIN)
        lower = {name.lower(): name for name in reading.columns}
        theirs = {}
        for ours in (*asked, *optional):
            known = [name for name in (ours, *SYNONYMS.get(ours, ())) if name in lower]
            if known:
                theirs[ours] = lower[known[0]]
            elif ours in asked:
                raise DataError(
                    f"'{path}' has no column '{ours}'. {suggest(ours, reading.columns)}"
                )
        with reading_told(path):
            named = {n: cell(reading.rows, own).cast("string") for n, own in theirs.items()}
            cells = reading.rows.select(**named).to_pyarrow().to_pydict()
    return {name: [(text or "").strip() for text in rows] for name, rows in cells.items()}


def numbers(path: str, name: str, cells: list[str]) -> Doubles:
    """Cells of a column as numbers; DataError for one that is none."""
    try:
        number_U = np.array([float(text) for text in cells], dtype=np.float64)
    except ValueError as error:
        raise DataError(f"The column '{name}' of '{path}': {error}. Give a number.") from error
    if not np.isfinite(number_U).all():
        raise DataError(f"The column '{name}' of '{path}' holds a number that isn't finite.")
    return number_U
