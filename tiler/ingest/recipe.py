"""Recipes: what a shard is made of, as a digest. Equal recipes make equal pixels, so that nothing is made twice.

The digest is part of the object's name. A job that was cut off, and one whose files changed in
part, finds by the names alone what need not be made again.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from core.errors import InputRefused
from tiler.ingest.pyramid import Shard
from tiler.ingest.raster_input import RasterInput, open_dataset
from tiler.ingest.raster_profile import RasterProfile

_FORM = 1
"""Changed whenever the same inputs would make other pixels."""

_DIGITS = 20


def fingerprint(one: RasterInput) -> str:
    """Return what tells an input from another and from itself after a change: how it is placed, and its files' state.

    Raises:
        InputRefused: One of its files is gone.
    """
    with open_dataset(one.path) as dataset:
        files, placed = sorted(dataset.files or [one.path]), tuple(dataset.transform)
    try:
        states = [(Path(file).name, Path(file).stat().st_size, Path(file).stat().st_mtime_ns) for file in files]
    except OSError as err:
        raise InputRefused(f"{Path(one.path).name} went away ({err.strerror})", "put it back") from err
    return _digest((msgspec.structs.replace(one, path=Path(one.path).name), placed, states))


def drawn_name(shard: Shard, profile: RasterProfile, inputs: Iterable[str]) -> str:
    """Return the name of a shard drawn from inputs, given by their fingerprints in the order of drawing."""
    return _name(shard, ("drawn", profile, tuple(inputs)))


def reduced_name(shard: Shard, profile: RasterProfile, children: Iterable[str]) -> str:
    """Return the name of a shard made of those below, given by their names."""
    return _name(shard, ("reduced", profile, tuple(children)))


def _name(shard: Shard, made_of: object) -> str:
    tier = shard.tier
    digest = _digest((_FORM, tier, shard.col, shard.row, made_of))
    return f"{tier.tms}/{tier.matrices[0].id}/{shard.col}_{shard.row}.{digest}.tif"


def _digest(content: object) -> str:
    return hashlib.sha256(msgspec.msgpack.encode(content)).hexdigest()[:_DIGITS]
