"""Figures: one chart, or a choice of charts, with its tables, as a page or in a notebook.

`Chart` and `Picker` show themselves in a notebook through `notebook_html`.
"""

from html import escape
from pathlib import Path

from penchant.dashboard.block import Chart, Picker
from penchant.dashboard.page import render_figure, write_page

ROOM = 280  # pixels of a notebook's frame for the words above and below a chart


def write_figure(figure: Chart | Picker, path: str | Path) -> Path:
    """Write a figure as an HTML page that needs nothing else, about 1.1 MB; returns its path."""
    write_page(render_figure(figure), Path(path))
    return Path(path)


def notebook_html(figure: Chart | Picker) -> str:
    """A frame that holds the figure's page, for a notebook's output cell."""
    charts = [chart for _, chart in figure.charts] if isinstance(figure, Picker) else [figure]
    height = ROOM + max(chart.height for chart in charts)
    style = f"width:100%;height:{height}px;border:0"
    return f'<iframe srcdoc="{escape(render_figure(figure))}" style="{style}"></iframe>'
