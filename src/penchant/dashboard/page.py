"""From sections to one HTML file that opens offline: templates, style, scripts, chart options.

Everything is inlined. A content security policy forbids all loading and every script but the two
inlined ones, by hash, so that nothing in the data could run even if an escape failed.
"""

import base64
import hashlib
import json
import math
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from penchant.dashboard.block import Chart, Group, Leaf, Picker, Section

ASSETS = files("penchant.dashboard") / "assets"
ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def render(title: str, sections: Sequence[Section]) -> str:
    """One HTML text with everything in it."""
    charts = [chart for section in sections for chart in charts_of(section)]
    return _filled("report.html.j2", charts, title=title, sections=sections)


def render_figure(figure: Chart | Picker) -> str:
    """One HTML text of a chart or a choice of charts, without a report around it."""
    charts = _charts([figure])
    title = charts[0].title if isinstance(figure, Chart) else figure.label
    return _filled("figure.html.j2", charts, title=title, figure=figure)


def write_page(page: str, path: Path) -> None:
    """Write a page to a file, which appears under its name only when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(path.suffix + ".partial")
    partial.write_text(page, encoding="utf-8")
    partial.replace(path)


def _filled(template: str, charts: Sequence[Chart], **parts: Any) -> str:
    environment = Environment(
        loader=PackageLoader("penchant.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    scripts = [_script(name) for name in ("echarts.min.js", "report.js")]
    return environment.get_template(template).render(
        **parts,
        style=Markup(_asset("report.css")),
        scripts=[Markup(script) for script in scripts],
        script_hashes=[_hash(script) for script in scripts],
        options=Markup(to_json({chart.id: chart.option for chart in charts})),
    )


def charts_of(section: Section) -> list[Chart]:
    """Every chart of a section, in order."""
    found: list[Chart] = []
    for block in section.blocks:
        found += _charts(block.blocks if isinstance(block, Group) else (block,))
    return found


def _charts(leaves: Sequence[Leaf]) -> list[Chart]:
    found: list[Chart] = []
    for leaf in leaves:
        if isinstance(leaf, Chart):
            found.append(leaf)
        elif isinstance(leaf, Picker):
            found += [chart for _, chart in leaf.charts]
    return found


def to_json(value: Any) -> str:
    """JSON that is safe inside a `<script>` element, with null for NaN and infinities."""
    text = json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character, escape in ESCAPES.items():
        text = text.replace(character, escape)
    return text


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _script(name: str) -> str:
    """A script's text, unable to close the element that holds it."""
    return _asset(name).replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
