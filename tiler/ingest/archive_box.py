"""Where an archive has tiles, by its addresses, and the box of its layer."""

import math

import numpy as np

from core.job import Notice
from core.layer import Bounds
from core.program import Emit
from tiler.archive.tile_id import Ids, first_id, tile_place, tile_places, zoom_of
from tiler.matrix import TileLimits

LAST_LEVEL = 22
"""Last Web Mercator level that any set has."""

_SHORT_RUN = 64
"""Runs up to this length are looked at tile by tile, longer ones by whole quarters."""

_LIMIT = 85.0511287798066
"""Where Web Mercator ends, degrees of latitude."""

_INSIDE = 1e-3
"""How far a box reaches into a tile that it meets, tiles."""


class Extents:
    """First and last column and row of each level."""

    def __init__(self) -> None:
        self._by_level: dict[int, TileLimits] = {}

    def levels(self) -> list[int]:
        """Return the levels that have tiles."""
        return sorted(self._by_level)

    def of(self, zoom: int) -> TileLimits:
        """Return the tiles of a level that has some."""
        return self._by_level[zoom]

    def add(self, ids: Ids, runs: Ids) -> None:
        """Take account of runs of tiles, growing.

        Args:
            ids: First tile of each run, shape (n,).
            runs: Tiles of each run, shape (n,).
        """
        short = runs <= _SHORT_RUN
        starts, lengths = ids[short], runs[short]
        steps = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        self._add_tiles(np.repeat(starts, lengths) + steps)
        for start, length in zip(ids[~short].tolist(), runs[~short].tolist(), strict=True):
            self._add_run(start, length)

    def _add_tiles(self, ids: Ids) -> None:
        if not len(ids):
            return
        for zoom in range(zoom_of(int(ids[0])), zoom_of(int(ids[-1])) + 1):
            begin, end = np.searchsorted(ids, [first_id(zoom), first_id(zoom + 1)]).tolist()
            if begin < end:
                cols, rows = tile_places(zoom, ids[begin:end])
                self._reach(zoom, int(cols.min()), int(cols.max()), int(rows.min()), int(rows.max()))

    def _add_run(self, start: int, length: int) -> None:
        """Cut a run into quarters that are whole: the ids of one follow one another."""
        while length:
            zoom, above = zoom_of(start), 0
            place = start - first_id(zoom)
            while above < zoom and place % (4 << 2 * above) == 0 and 4 << 2 * above <= length:
                above += 1
            _, col, row = tile_place(first_id(zoom - above) + (place >> 2 * above))
            side = (1 << above) - 1
            self._reach(zoom, col << above, (col << above) + side, row << above, (row << above) + side)
            start, length = start + (1 << 2 * above), length - (1 << 2 * above)

    def _reach(self, zoom: int, min_col: int, max_col: int, min_row: int, max_row: int) -> None:
        before = self._by_level.get(zoom)
        if before is not None:
            min_col, max_col = min(min_col, before.min_col), max(max_col, before.max_col)
            min_row, max_row = min(min_row, before.min_row), max(max_row, before.max_row)
        self._by_level[zoom] = TileLimits(min_col, max_col, min_row, max_row)


def center_of(zoom: int, col: int, row: int) -> tuple[float, float]:
    """Return longitude and latitude of the middle of a tile, degrees."""
    return _degrees(zoom, col + 0.5, row + 0.5)


def find_box(claim: Bounds, extents: Extents, name: str, emit: Emit) -> Bounds:
    """Return the box of a layer: what its archive claims, stretched until it meets every tile.

    Nothing is served outside the box.

    Args:
        claim: West, south, east, north as the archive gives them, degrees.
        extents: Where its tiles are.
        name: What the producer calls it.
        emit: Told when the claim is of no use.
    """
    levels = [zoom for zoom in extents.levels() if zoom <= LAST_LEVEL]
    last = extents.of(levels[-1])
    if _is_box(claim):
        box = (claim[0], max(claim[1], -_LIMIT), claim[2], min(claim[3], _LIMIT))
    else:
        emit(Notice(f"{name} does not say where its data lie; the box around its tiles is taken"))
        west, north = _degrees(levels[-1], last.min_col, last.min_row)
        east, south = _degrees(levels[-1], last.max_col + 1, last.max_row + 1)
        box = (west, south, east, north)
    stretched, far = box, False
    for zoom in reversed(levels):
        stretched, missed = _stretch(stretched, zoom, extents.of(zoom))
        far = far or missed > 1
    if far:
        emit(Notice(f"{name} has tiles far outside the bounds it claims; its box is stretched to meet them"))
    return stretched


def _stretch(box: Bounds, zoom: int, tiles: TileLimits) -> tuple[Bounds, float]:
    """Return a box stretched so that it meets the outermost tiles of a level, and the most tiles it missed."""
    west, south, east, north = box
    left, top = _tiles(zoom, west, north)
    right, bottom = _tiles(zoom, east, south)
    new_left, new_top = min(left, tiles.min_col + 1 - _INSIDE), min(top, tiles.min_row + 1 - _INSIDE)
    new_right, new_bottom = max(right, tiles.max_col + _INSIDE), max(bottom, tiles.max_row + _INSIDE)
    missed = max(left - new_left, top - new_top, new_right - right, new_bottom - bottom)
    if missed <= 0:
        return box, 0.0
    far_west, far_north = _degrees(zoom, new_left, new_top)
    far_east, far_south = _degrees(zoom, new_right, new_bottom)
    return (min(west, far_west), min(south, far_south), max(east, far_east), max(north, far_north)), missed


def _is_box(claim: Bounds) -> bool:
    west, south, east, north = claim
    return -180 <= west < east <= 180 and -90 <= south < north <= 90 and south < _LIMIT and north > -_LIMIT


def _tiles(zoom: int, longitude: float, latitude: float) -> tuple[float, float]:
    """Return column and row of a place, with the part of the tile behind the point."""
    turn = math.asinh(math.tan(math.radians(latitude)))
    return (longitude + 180) / 360 * (1 << zoom), (1 - turn / math.pi) / 2 * (1 << zoom)


def _degrees(zoom: int, col: float, row: float) -> tuple[float, float]:
    """Return longitude and latitude of a place given in columns and rows."""
    turn = math.pi * (1 - 2 * row / (1 << zoom))
    return col / (1 << zoom) * 360 - 180, math.degrees(math.atan(math.sinh(turn)))
