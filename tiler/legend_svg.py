"""A legend as SVG 1.1: text that can be read aloud, searched and scaled, and no font of ours."""

import base64
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from tiler.legend import Legend, LegendRow

SVG = "image/svg+xml"

_MARGIN, _LINE, _FONT = 8, 20, 12
"""Pixels: around all, from row to row, of the letters."""
_SWATCH_W, _SWATCH_H, _GAP = 24, 14, 8
_LETTER = 7.2
"""Width of a letter, pixels: no sans-serif of 12 pixels has a wider average."""
_EDGE = 'stroke="#8a939e" stroke-width="0.5"'
_HILL = 96
_COLUMN = 24
"""Rows of a column."""
_LABELS = 24
"""Labels beside a bar; of more colours some are told."""


def draw_legend(legend: Legend) -> bytes:
    """Return the SVG of a legend."""
    parts: list[str] = []
    y, width = _MARGIN, 0.0
    for note in legend.notes:
        parts.append(_text(_MARGIN, y, note))
        y, width = y + _LINE, max(width, _width(note))
    if legend.picture:
        data = base64.b64encode(legend.picture).decode()
        parts.append(
            f'<image x="{_MARGIN}" y="{y}" width="{_HILL}" height="{_HILL}" href="data:image/png;base64,{data}"/>'
        )
        y, width = y + _HILL + _GAP, max(width, _HILL)
    if legend.bar:
        parts.extend(_bar(legend.bar, y))
        y += _bar_height(legend.bar) + _LINE
        width = max(width, _labelled(legend.bar))
    rows = [*legend.rows, *([LegendRow((0, 0, 0, 0), f"… + {legend.left_out}")] if legend.left_out else [])]
    if rows:
        columns = [rows[at : at + _COLUMN] for at in range(0, len(rows), _COLUMN)]
        wide = _labelled(rows) + 2 * _GAP
        for number, column in enumerate(columns):
            parts.extend(_row(row, _MARGIN + number * wide, y + at * _LINE) for at, row in enumerate(column))
        y += len(columns[0]) * _LINE
        width = max(width, len(columns) * wide - 2 * _GAP)
    return _document(legend.title, parts, round(width + 2 * _MARGIN), y + _MARGIN).encode()


def _document(title: str, parts: Sequence[str], width: int, height: int) -> str:
    checks = (
        '<pattern id="nothing" width="8" height="8" patternUnits="userSpaceOnUse">'
        '<rect width="8" height="8" fill="#fff"/><path d="M0 0h4v4H0zM4 4h4v4H4z" fill="#d4d8dd"/></pattern>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label={quoteattr(_plain(title))} font-family="sans-serif" font-size="{_FONT}" fill="#1c2530">'
        f"<title>{escape(_plain(title))}</title><defs>{checks}</defs>"
        f'<rect width="{width}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>'
    )


def _bar(rows: Sequence[LegendRow], top: int) -> Iterator[str]:
    """Draw a bar of mixed colours, the highest value at the top, each colour as far from the next."""
    height, last = _bar_height(rows), len(rows) - 1
    stops = "".join(
        f'<stop offset="{at / max(last, 1):.5g}" stop-color="{_hex(row)}" stop-opacity="{row.colour[3] / 255:.4g}"/>'
        for at, row in enumerate(reversed(rows))
    )
    yield f'<defs><linearGradient id="bar" x1="0" y1="0" x2="0" y2="1">{stops}</linearGradient></defs>'
    y = top + _LINE // 2
    area = f'x="{_MARGIN}" y="{y}" width="{_SWATCH_W}" height="{height}"'
    yield f'<rect {area} fill="url(#nothing)"/><rect {area} fill="url(#bar)" {_EDGE}/>'
    every = -(-len(rows) // _LABELS)
    for at, row in enumerate(reversed(rows)):
        if at % every and at != last:
            continue
        place = y + (height * at / last if last else 0)
        x = _MARGIN + _SWATCH_W
        yield f'<path d="M{x} {place:.5g}h4" stroke="#1c2530"/>'
        yield _text(x + _GAP, place - _LINE / 2, row.label)


def _bar_height(rows: Sequence[LegendRow]) -> int:
    return _LINE * max(min(len(rows), _LABELS) - 1, 1) * (3 if len(rows) == 2 else 1)


def _row(row: LegendRow, x: float, y: float) -> str:
    top = y + (_LINE - _SWATCH_H) / 2
    opacity = f' {{}}-opacity="{row.colour[3] / 255:.4g}"' if row.colour[3] < 255 else ""
    if row.line:
        swatch = (
            f'<path d="M{x:.5g} {y + _LINE / 2:.5g}h{_SWATCH_W}" stroke="{_hex(row)}" stroke-width="{row.line:.4g}"'
            f"{opacity.format('stroke')}/>"
        )
    else:
        area = f'x="{x:.5g}" y="{top:.5g}" width="{_SWATCH_W}" height="{_SWATCH_H}"'
        under = f'<rect {area} fill="url(#nothing)"/>' if opacity else ""
        swatch = f'{under}<rect {area} fill="{_hex(row)}"{opacity.format("fill")} {_EDGE}/>'
    return swatch + _text(x + _SWATCH_W + _GAP, y, row.label)


def _text(x: float, y: float, text: str) -> str:
    """Write a line of text in the middle of a row that begins at y."""
    return f'<text x="{x:.5g}" y="{y + _LINE / 2 + _FONT * 0.36:.5g}">{escape(_plain(text))}</text>'


def _plain(text: str) -> str:
    return " ".join(text.split())


def _hex(row: LegendRow) -> str:
    return "#{:02x}{:02x}{:02x}".format(*row.colour[:3])


def _labelled(rows: Sequence[LegendRow]) -> float:
    return _SWATCH_W + _GAP + max(_width(row.label) for row in rows)


def _width(text: str) -> float:
    return _LETTER * len(_plain(text))
