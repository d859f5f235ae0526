"""Paints the cover of a window from the scene: fields, gardens, river, roads, buildings, trees."""

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio import features

from deploy.territory import surfaces as s
from deploy.territory.cover import Cover
from deploy.territory.crowns import stamp_trees
from deploy.territory.grid import Doubles, Floats, Window, corridor
from deploy.territory.network import BANK_M, RIVER_HALF_WIDTH_M, Road
from deploy.territory.roofs import stamp_box, stamp_building, stamp_flat
from deploy.territory.scene import Scene
from deploy.territory.village import SQUARES


def paint(scene: Scene, window: Window) -> Cover:
    """Compute the cover of a window.

    Args:
        scene: The truth.
        window: Pixels wanted; the scene's ground must reach around them.
    """
    shape = (window.rows, window.cols)
    cover = Cover(
        window=window,
        ground=scene.ground.over(window),
        surface=np.full(shape, s.VERGE, np.uint16),
        height=np.zeros(shape, np.float32),
        tone=np.full(shape, 0.5, np.float32),
        light=np.ones(shape, np.float32),
    )
    _fields(scene, cover)
    _rows(scene, cover)
    _gardens(scene, cover)
    _river(scene, cover)
    for road in sorted(scene.roads, key=lambda road: (road.nature == "Pont", road.marked, road.width_m)):
        _road(scene, cover, road)
    for x, y, heading, tone in scene.cars:
        stamp_box(cover, x, y, heading, (2.1, 0.9, 1.45), s.CAR, tone)
    for k, building in enumerate(scene.buildings):
        stamp_building(cover, building, scene.first_roof + k)
    stamp_trees(cover, scene.trees, len(s.COVERS))
    return cover


def _burn(cover: Cover, shapes: list[tuple[shapely.Geometry, int]]) -> None:
    """Set the surface inside polygons, the later over the earlier."""
    frame = shapely.box(*cover.window.bounds)
    met = [(shape, value) for shape, value in shapes if not shape.is_empty and shape.intersects(frame)]
    if met:
        features.rasterize(met, out=cover.surface, transform=cover.window.transform)


def _fields(scene: Scene, cover: Cover) -> None:
    frame = shapely.box(*cover.window.bounds)
    near = [(k, parcel) for k, parcel in enumerate(scene.parcels) if parcel.outline.intersects(frame)]
    narrow = {"wood": 0.0, "scrub": 0.0, "village": 0.0}
    shapes = [(parcel.outline.buffer(-narrow.get(parcel.crop, 1.1)), scene.first_parcel + k) for k, parcel in near]
    _burn(cover, shapes)


def _rows(scene: Scene, cover: Cover) -> None:
    """Draw rows and wheel tracks of the crops; plants stand on the rows."""
    table, at = scene.surfaces, cover.surface
    present = np.unique(at)
    if not (table.rows_per_m[present] > 0).any():
        return
    across = cover.window.y[:, None] * np.cos(table.heading)[at] - cover.window.x[None, :] * np.sin(table.heading)[at]
    wave = np.sin(np.float32(2 * np.pi) * across * table.rows_per_m[at])
    cover.tone[...] += table.row_strength[at] * wave * (table.rows_per_m * cover.window.cell < 0.5)[at]
    wheel = np.abs(np.mod(across, 24.0) - 12.0)
    tracks = (np.abs(wheel - 0.9) < 0.28).astype(np.float32)
    cover.tone[...] += table.tramlines[at] * tracks
    cover.height[...] = table.crop_m[at] * np.clip(wave * 1.6, 0, 1)


def _gardens(scene: Scene, cover: Cover) -> None:
    shapes: list[tuple[shapely.Geometry, int]] = []
    pools: list[shapely.Polygon] = []
    for k, building in enumerate(scene.buildings):
        if building.garden is not None:
            shapes.append((building.garden, s.LAWN if k % 5 else s.YARD))
            shapes.append((building.wings[0].outline.buffer(2.6), s.GRAVEL))
            pool = _pool(building.garden, building.footprint) if k % 5 in {1, 3} else None
            if pool is not None:
                pools.append(pool)
        elif building.settled == "hamlet":
            shapes.append((building.footprint.buffer(6.0), s.YARD))
        else:
            shapes.append((building.footprint.buffer(2.2), s.GRAVEL))
    shapes += [(square, s.SQUARE) for square in SQUARES]
    _burn(cover, shapes)
    _burn(cover, [(pool.buffer(1.1, join_style="mitre"), s.COPING) for pool in pools])
    _burn(cover, [(pool, s.POOL) for pool in pools])


def _pool(garden: shapely.Polygon, house: shapely.Polygon) -> shapely.Polygon | None:
    """Return a pool at the back of a garden, or None when it has no room for one."""
    away = shapely.get_coordinates(garden)[:4]
    back = away[np.argsort([-house.distance(shapely.Point(corner)) for corner in away])[:2]].mean(axis=0)
    inward = np.array([garden.centroid.x, garden.centroid.y]) - back
    inward /= np.hypot(*inward)
    middle = back + 6.5 * inward
    aside = np.array([-inward[1], inward[0]])
    corners = [middle + a * 2.0 * inward + b * 4.0 * aside for a, b in ((-1, -1), (-1, 1), (1, 1), (1, -1))]
    pool = shapely.Polygon(corners)
    return pool if garden.contains(pool) and pool.distance(house) > 2.5 else None


def _river(scene: Scene, cover: Cover) -> None:
    distance, _ = corridor(scene.valley.river, cover.window, RIVER_HALF_WIDTH_M + BANK_M + 2)
    x, y = cover.window.x[None, :], cover.window.y[:, None]
    shore = RIVER_HALF_WIDTH_M + 0.7 * np.sin(x / 4.1 + np.sin(y / 6.3)) + 0.5 * np.sin(y / 2.9 - x / 7.7)
    bank = distance < shore + BANK_M
    water = distance < np.minimum(shore, RIVER_HALF_WIDTH_M + 0.4)
    clear = ~water & bank
    cover.surface[clear] = s.BANK
    cover.tone[clear] = (0.75 - 0.5 * np.clip((distance - shore) / BANK_M, 0, 1))[clear]
    cover.surface[water] = s.RIVER
    cover.tone[water] = (0.12 + 0.75 * np.clip(distance / shore, 0, 1) ** 4)[water]
    cover.height[bank] = 0


def _road(scene: Scene, cover: Cover, road: Road) -> None:
    half = road.width_m / 2
    if not shapely.LineString(road.line).buffer(half + 2).intersects(shapely.box(*cover.window.bounds)):
        return
    distance, along = corridor(road.line, cover.window, half + 1.8)
    near = distance < half + 1.6
    if not near.any():
        return
    bed = distance < half
    shoulder = near & ~bed & (cover.surface != s.ASPHALT) & (cover.surface != s.PAINT)
    if road.nature == "Pont":
        length = float(np.hypot(*(road.line[-1] - road.line[0])))
        near &= (along > 0) & (along < length)
        bed &= near
        _deck(scene, cover, road.line, near, along / np.float32(length))
    elif road.nature == "Chemin":
        cover.surface[bed] = s.TRACK
        cover.tone[bed] = (0.30 + 0.5 * np.exp(-(((distance - 0.85) / 0.38) ** 2)))[bed]
        cover.height[near] = 0
    else:
        cover.surface[shoulder] = s.GRAVEL if road.built_up else s.VERGE
        cover.tone[shoulder] = 0.55
        cover.surface[bed] = s.ASPHALT
        cover.tone[bed] = 0.42 + 0.25 * np.cos(np.abs(distance[bed] - half / 2) / 0.8) * (half > 3)
        cover.height[near] = 0
    if road.marked:
        dash = (distance < 0.11) & (np.mod(along, 13.0) < 3.0 if not road.built_up else np.mod(along, 5.0) < 2.5)
        edge = np.abs(distance - (half - 0.28)) < 0.1
        paint_here = (dash | (edge & (not road.built_up))) & bed
        cover.surface[paint_here] = s.PAINT
        cover.tone[paint_here] = 0.6


def _deck(scene: Scene, cover: Cover, line: Doubles, near: NDArray[np.bool_], share: Floats) -> None:
    ends = scene.ground.at(line[[0, -1], 0], line[[0, -1], 1])
    level = ends[0] * (1 - share) + ends[1] * share + 1.6 * share * (1 - share)
    stamp_flat(cover, near & (level > cover.ground), level - cover.ground, s.DECK)
