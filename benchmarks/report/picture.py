"""Bars as SVG, for pages: the same numbers give the same text, and light and dark pages can show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

WIDTH: Final = 720
LABELS: Final = 250
NUMBERS: Final = 90
BAR: Final = 22
STEP: Final = 32
TOP: Final = 44
COLOUR: Final = "#5b8def"
HIGHLIGHT: Final = "#e07a3f"
"""Mid-tones, which stand out from white as from black."""


@dataclass(frozen=True)
class Bar:
    """One of them: what it is, how long, and whether it is the one that matters."""

    label: str
    value: float
    highlighted: bool = False


def picture(title: str, unit: str, bars: Sequence[Bar]) -> str:
    """Return an SVG with horizontal bars, each with its label and its number."""
    height, most = TOP + STEP * len(bars) + 8, max((bar.value for bar in bars), default=0) or 1
    room = WIDTH - LABELS - NUMBERS
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" font-family="system-ui, sans-serif" font-size="14" fill="currentColor">',
        f"<title>{escape(title)}</title>",
        # An image on its own has no page that gives it a colour.
        "<style>svg { color: #57606a } @media (prefers-color-scheme: dark) { svg { color: #c9d1d9 } }</style>",
        f'<text x="8" y="24" font-size="16" font-weight="600">{escape(title)}</text>',
    ]
    for number, bar in enumerate(bars):
        top, length = TOP + STEP * number, max(1, round(room * bar.value / most))
        middle, colour = top + BAR - 6, HIGHLIGHT if bar.highlighted else COLOUR
        lines += [
            f'<text x="{LABELS - 10}" y="{middle}" text-anchor="end">{escape(bar.label)}</text>',
            f'<rect x="{LABELS}" y="{top}" width="{length}" height="{BAR}" rx="3" fill="{colour}"/>',
            f'<text x="{LABELS + length + 8}" y="{middle}">{bar.value:.0f} {escape(unit)}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
