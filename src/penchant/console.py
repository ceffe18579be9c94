"""How verbs speak: tables and progress for people, JSON for programs, errors with a way out.

Results go to standard output, everything else to standard error, so that `--json` can be piped.
"""

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from penchant.errors import DataError, PenchantError

EXIT_REFUSED = 2  # bad input, settings or order of commands
EXIT_FINDINGS = 1  # `check` or `doctor` found something serious

out = Console()
aside = Console(stderr=True)


def as_json(value: Any) -> str:
    """JSON of a result; dates as ISO text, paths as text."""

    def plain(part: Any) -> Any:
        if is_dataclass(part) and not isinstance(part, type):
            return asdict(part)
        if isinstance(part, date | Path):
            return str(part)
        return part.item() if hasattr(part, "item") else str(part)

    return json.dumps(value, default=plain, indent=2, allow_nan=False)


def say(text: str) -> None:
    """Write a sentence to standard output, as it is: brackets stay, and paths are not broken."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def say_json(value: Any) -> None:
    """Write a result as JSON to standard output."""
    sys.stdout.write(as_json(value) + "\n")


@contextmanager
def refusing(json_wanted: bool) -> Iterator[None]:
    """Turn a PenchantError, and what the disk refuses, into a message and exit code 2."""
    try:
        yield
    except PenchantError as error:
        refuse(error, json_wanted)
    except OSError as error:
        where = f" '{error.filename}'" if error.filename else ""
        cause = error.strerror or str(error)
        refuse(DataError(f"Can't use{where}: {cause}. What was stored is as it was."), json_wanted)


def refuse(error: PenchantError, json_wanted: bool) -> NoReturn:
    """Say why a verb stopped, and stop with exit code 2."""
    if json_wanted:
        say_json({"error": str(error), "type": type(error).__name__})
    else:
        message = f"[bold red]Stopped:[/] {escape(str(error))}"
        aside.print(message, highlight=False, soft_wrap=True)
    raise SystemExit(EXIT_REFUSED)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table; numbers right-aligned."""
    drawn = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    for place, column in enumerate(columns):
        numeric = bool(rows) and not isinstance(rows[0][place], str)
        drawn.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        drawn.add_row(*(escape(written(value)) for value in row))
    out.print(drawn)


def written(value: Any) -> str:
    """A value as a person reads it."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.3f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Progress]:
    """Show a bar on standard error, with one task added; it vanishes when done.

    What the library logs meanwhile stands beside the task's name. Where standard error is no
    terminal there is no bar.
    """
    shown = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn() if total else TextColumn(""),
        TimeElapsedColumn(),
        console=aside,
        transient=True,
        disable=not aside.is_terminal,
    )
    logger = logging.getLogger("penchant")
    with shown:
        beside = Beside(shown, shown.add_task(what, total=total), what)
        level = logger.level
        logger.addHandler(beside)
        logger.setLevel(logging.INFO)
        try:
            yield shown
        finally:
            logger.removeHandler(beside)
            logger.setLevel(level)


class Beside(logging.Handler):
    """Puts what is logged beside the name of a task."""

    def __init__(self, shown: Progress, task: TaskID, what: str) -> None:
        super().__init__(logging.INFO)
        self._shown, self._task, self._what = shown, task, what

    def emit(self, record: logging.LogRecord) -> None:
        """Show a message."""
        self._shown.update(self._task, description=f"{self._what}: {record.getMessage()}")
