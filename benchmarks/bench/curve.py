"""A learning curve as an SVG picture: a line for each way to learn, a point for each amount."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 64, 130, 40, 36  # pixels
COLOURS = ("#555555", "#1f77b4", "#d1600b", "#2a8f3c", "#8a4fbf")
GAP = 14  # pixels between names
DASHED = ' stroke-dasharray="4 4"'


@dataclass(frozen=True)
class Curve:
    """What is drawn: a value for each amount that a way was tried at, in the order of `amounts`."""

    title: str
    amounts: Sequence[str]
    lines: Mapping[str, Mapping[str, float]]  # way -> amount -> value
    levels: Mapping[str, float]  # what doesn't depend on the amount


def drawn(curve: Curve) -> str:
    """The picture, whose names stand at the right, moved apart where they would meet."""
    values = [v for line in curve.lines.values() for v in line.values()]
    values += curve.levels.values()
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or 0.01
    low, high = low - margin, high + margin

    def x_of(amount: str) -> float:
        place = curve.amounts.index(amount) / max(1, len(curve.amounts) - 1)
        return LEFT + place * (WIDTH - LEFT - RIGHT)

    def y_of(value: float) -> float:
        return TOP + (high - value) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [_text(LEFT, 20, curve.title, size=14)]
    for tick in (low + (high - low) * share for share in (0.1, 0.3, 0.5, 0.7, 0.9)):
        parts.append(_line([(LEFT, y_of(tick)), (WIDTH - RIGHT, y_of(tick))], "#e3e3e3"))
        parts.append(_text(LEFT - 6, y_of(tick) + 4, f"{tick:.3f}", anchor="end"))
    parts += [_text(x_of(a), HEIGHT - 12, a, anchor="middle") for a in curve.amounts]
    names: list[tuple[float, str, str]] = []
    for colour, (name, line) in zip(COLOURS, curve.lines.items(), strict=False):
        points = [(x_of(amount), y_of(value)) for amount, value in line.items()]
        parts.append(_line(points, colour, width=2))
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        names.append((points[-1][1], name, colour))
    for name, value in curve.levels.items():
        ends = [(LEFT, y_of(value)), (WIDTH - RIGHT, y_of(value))]
        parts.append(_line(ends, "#999999", more=DASHED))
        names.append((y_of(value), name, "#777777"))
    limit = float(HEIGHT - BOTTOM)
    for y, name, colour in sorted(names, reverse=True):
        limit = min(y, limit - GAP)
        parts.append(_text(WIDTH - RIGHT + 8, limit + 4, name, colour=colour))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
    style = 'font-family="sans-serif"><rect width="100%" height="100%" fill="white"/>'
    return "\n".join([head + style, *parts, "</svg>\n"])


def _line(
    points: Sequence[tuple[float, float]], colour: str, width: int = 1, more: str = ""
) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{more}/>'


def _text(
    x: float, y: float, text: str, *, size: int = 11, anchor: str = "start", colour: str = "#333333"
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"'
    return f"<text {place}>{escape(text)}</text>"
