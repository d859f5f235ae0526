"""Imagery tiles: kept, stored, cut, warped and put together, JPEG and PNG."""

import random
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import drift, growth
from bench.imagery import LAMBERT, MERCATOR, MOSAIC, prepare_imagery, tiles
from bench.scenario import Race, Shows, Target, TileRequest, Trial
from bench.terrain import RAMP, RELIEF, prepare_relief, relief_tiles

PEERS = ("titiler", "bare", "mapproxy")

_REQUESTS = 256
"""Most requests of a race that makes tiles."""

_BUSY = 16
"""Requests under way where tiles are so cheap that fewer would measure how a server sleeps and wakes."""

_ROUNDS = 6
"""How often ours is sent them."""

_KEPT_REQUESTS = 20_000
"""Requests of a race that makes none."""

_AGAINST_GDAL = ("titiler",)


def prepare(folder: Path, say: Callable[[str], None]) -> Mapping[str, Path]:
    """Write the sources, once."""
    return {**prepare_imagery(folder, say), RELIEF: prepare_relief(folder, say)}


def races() -> tuple[Race, ...]:
    """Return the rows, those of `design/tiles.md` section 10 that are about imagery."""
    kept = _shuffled(tiles(MERCATOR, "19"))[:64]
    blocks = tiles(MERCATOR, "18", size=512)
    crops = tiles(MERCATOR, "19")
    nearest = tiles(LAMBERT, "19", resampling="nearest")
    warped = tiles(LAMBERT, "19")
    mosaic = tiles(MOSAIC, "17")
    pngs = tiles(MERCATOR, "18", size=512, extension="png")
    return (
        Race(
            id="cached",
            what="256 px JPEG tile that is kept, in memory; by a bare ASGI program too, by MapProxy as a file",
            target=Target(value=20_000.0, ratio=0.75),
            requests=_repeated(kept, _KEPT_REQUESTS),
            warmup=kept,
            bound=0.0,
            peers=("bare", "mapproxy"),
            connections=_BUSY,
        ),
        Race(
            id="passthrough-512",
            what="512 px JPEG tile that is a block of the COG",
            target=Target(value=8_000.0, ratio=150.0),
            requests=_shuffled(blocks),
            warmup=tiles(MERCATOR, "17", size=512)[:16],
            bound=2.0,
            peers=_AGAINST_GDAL,
            keeps="nothing",
            connections=_BUSY,
            rounds=40,
        ),
        Race(
            id="passthrough-s3",
            what="the same from an S3 server, directory of the COG known",
            target=Target(value=4_000.0, ratio=150.0),
            requests=_shuffled(tiles(MERCATOR, "18", size=512, s3=True)),
            warmup=tiles(MERCATOR, "17", size=512, s3=True)[:16],
            bound=2.0,
            peers=_AGAINST_GDAL,
            keeps="nothing",
            connections=_BUSY,
            rounds=20,
        ),
        Race(
            id="crop-256-cold",
            what="256 px JPEG tile, a quarter of a 512 px JPEG block that was not decoded before",
            target=Target(value=850.0, ratio=9.6),
            requests=_shuffled(crops),
            warmup=tiles(MERCATOR, "17")[:16],
            bound=4.0,
            peers=_AGAINST_GDAL,
            keeps="nothing",
            rounds=_ROUNDS,
        ),
        Race(
            id="crop-256-hot",
            what="256 px JPEG tile, a quarter of a block that was decoded for its neighbours",
            target=Target(value=2_600.0, ratio=30.0),
            requests=_shuffled(crops),
            warmup=crops,
            bound=4.0,
            peers=_AGAINST_GDAL,
            keeps="blocks",
            connections=_BUSY,
            rounds=_ROUNDS,
        ),
        Race(
            id="warp-256-cold",
            what="256 px JPEG tile of Web Mercator warped from Lambert-93, bilinear, no block decoded before",
            target=Target(value=340.0, ratio=13.5),
            requests=_shuffled(warped),
            warmup=tiles(LAMBERT, "18")[:16],
            bound=6.0,
            peers=_AGAINST_GDAL,
            keeps="nothing",
            rounds=_ROUNDS,
        ),
        _warp("warp-256-hot", "nearest", nearest, Target(value=1_100.0, ratio=40.0), bound=8.0),
        _warp("warp-256-hot-bilinear", "bilinear", warped, Target(value=600.0, ratio=24.0), bound=6.0),
        Race(
            id="mosaic-16-cold",
            what="256 px JPEG tile of level 17 from a mosaic of 16 COGs in Lambert-93, no block decoded before",
            target=Target(value=300.0, ratio=42.0),
            requests=mosaic,
            warmup=tiles(MOSAIC, "18")[:8],
            bound=6.0,
            peers=_AGAINST_GDAL,
            keeps="nothing",
            rounds=20,
        ),
        Race(
            id="mosaic-16-hot",
            what="the same, blocks decoded for the tiles beside",
            target=Target(value=700.0, ratio=100.0),
            requests=mosaic,
            warmup=mosaic,
            bound=6.0,
            peers=_AGAINST_GDAL,
            keeps="blocks",
            connections=_BUSY,
            rounds=20,
        ),
        _heights(
            "terrain-rgb",
            "terrain-rgb",
            "256 px PNG tile of heights as Terrain-RGB, of blocks decoded for others",
            Target(value=1_800.0, ratio=40.0),
            bound=0.1,
            shows="heights",
        ),
        _heights(
            "hillshade",
            "hillshade",
            "256 px PNG tile of light on heights (Horn's gradient; the peer's sees two neighbours of eight)",
            Target(value=1_400.0, ratio=50.0),
            bound=4.0,
            shows="light",
        ),
        _heights(
            "ramp",
            RAMP,
            "256 px PNG tile of heights as colours of a ramp (the peer's of 256 steps)",
            Target(value=3_500.0, ratio=50.0),
            bound=2.0,
            shows="colours",
        ),
        Race(
            id="png-512",
            what="512 px PNG tile of a block of the COG",
            target=Target(value=200.0, ratio=30.0),
            requests=_shuffled(pngs)[:64],
            warmup=tiles(MERCATOR, "17", size=512, extension="png")[:8],
            bound=2.0,
            peers=_AGAINST_GDAL,
            keeps="nothing",
        ),
    )


def trials() -> tuple[Trial, ...]:
    """Return the rows that are measured beside ours alone."""
    return growth.trial(), drift.trial()


def _warp(identifier: str, resampling: str, wanted: tuple[TileRequest, ...], target: Target, *, bound: float) -> Race:
    return Race(
        id=identifier,
        what=f"256 px JPEG tile of Web Mercator warped from Lambert-93, {resampling}, of blocks decoded for others",
        target=target,
        requests=_shuffled(wanted),
        warmup=_shuffled(wanted),
        bound=bound,
        peers=_AGAINST_GDAL,
        keeps="blocks",
        connections=_BUSY,
        rounds=_ROUNDS,
    )


def _heights(identifier: str, style: str, what: str, target: Target, *, bound: float, shows: Shows) -> Race:
    wanted = relief_tiles(style)
    return Race(
        id=identifier,
        what=what,
        target=target,
        requests=_shuffled(wanted),
        warmup=_shuffled(wanted),
        bound=bound,
        shows=shows,
        peers=_AGAINST_GDAL,
        keeps="blocks",
        connections=_BUSY,
        rounds=20,
    )


def _shuffled(wanted: tuple[TileRequest, ...]) -> tuple[TileRequest, ...]:
    return tuple(random.Random(7).sample(wanted, min(len(wanted), _REQUESTS)))


def _repeated(wanted: tuple[TileRequest, ...], count: int) -> tuple[TileRequest, ...]:
    return tuple(random.Random(11).choices(wanted, k=count))
