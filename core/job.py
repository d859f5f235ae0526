"""The language between the control plane and the programs that decode users' files.

A job program (`python -m tiler.ingest`, `python -m pointcloud.ingest`) gets one
`JobSpec` as JSON on its standard input and answers on its standard output with
one JSON document a line: any number of `Progress` and `Notice`, then exactly one
`Result` (exit status 0) or `Failure` (exit status 1). Its standard error is a log.
"""

from typing import Literal

import msgspec

from core.layer import Bounds, Resampling, Source, VectorSource
from core.style import Style

MOST_NAMED = 1000
"""Most objects that a result names one by one."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a job program may use before it is stopped."""

    memory_bytes: int = 6 << 30
    """Private writable memory (RLIMIT_DATA)."""

    wall_s: float = 6 * 3600.0
    """Time from start to end, seconds; kept by the parent."""


Encoding = Literal["jpeg", "webp", "lerc", "zstd", "deflate"]
"""How blocks of pixels are compressed."""


class RasterStorage(msgspec.Struct, frozen=True, kw_only=True):
    """How the pixels of a raster layer are stored."""

    tile_matrix_sets: tuple[str, ...] = ("PM",)
    """Identifiers of the sets whose tiles are stored; the first answers for every other."""

    encoding: Encoding | None = None
    """None for what suits the data."""

    quality: int = 90
    """Of JPEG and WebP, 1 to 100."""

    max_error: float | None = None
    """How far a stored value may be off, units of the samples; None for what suits the data, 0 for nothing."""


class Compaction(msgspec.Struct, frozen=True, kw_only=True):
    """Changes that are to be put into the file they were made to."""

    base: VectorSource
    """The data as they are stored."""

    changes: str
    """Absolute path of the changes after `base.through`: a `core.changes.Changes` in MessagePack."""


class JobSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a job program has to do."""

    kind: Literal["raster", "vector", "points"]
    """Which kind of layer the inputs become."""

    name: str
    """Name of the layer."""

    inputs: tuple[str, ...]
    """Absolute paths of the producer's files."""

    prefix: str
    """Where the objects go: keys begin with `<prefix>/`. No other job writes there."""

    scratch: str
    """Folder of the job's own for intermediate files; the parent removes it afterwards."""

    crs: str = ""
    """CRS declared by the producer, as authority:code or WKT; overrides what the files say."""

    source_layer: str = ""
    """Layer to take from a file that holds several; empty for the only one."""

    as_is: bool = False
    """Rasters only: store Cloud-Optimized GeoTIFFs without changing them."""

    resampling: Resampling | None = None
    """Rasters only: how samples between pixels are found; None for what suits the data."""

    storage: RasterStorage = RasterStorage()
    """Rasters only: how pixels are stored that do not stay as they are."""

    reuse: tuple[str, ...] = ()
    """Prefixes of earlier jobs for the same layer, whose objects may be copied where they are what would be made."""

    compact: Compaction | None = None
    """Vectors only: what is to be made anew with its changes, in place of inputs."""

    styles: tuple[Style, ...] = ()
    """Rasters only: how the layer is to be shown; files that lack a band of theirs are refused at once."""

    limits: Limits = Limits()


class Progress(msgspec.Struct, frozen=True, tag="progress", tag_field="event"):
    """How far the work is."""

    done: float
    """From 0 to 1."""

    step: str
    """What is being done, for a person: `reading`, `writing overviews` ..."""


class Notice(msgspec.Struct, frozen=True, tag="notice", tag_field="event"):
    """Something the producer should know although the work goes on."""

    message: str


class Result(msgspec.Struct, frozen=True, kw_only=True, tag="result", tag_field="event"):
    """What the job made. All objects it names are stored."""

    source: Source
    """How an engine serves it."""

    bbox: Bounds
    """West, south, east, north in degrees (EPSG:4326)."""

    sample: tuple[float, float]
    """Longitude and latitude of a place that has data."""

    srs: str
    """CRS of the data as stored, as authority:code or WKT."""

    size: int
    """Bytes of all stored objects."""

    objects: tuple[str, ...]
    """Keys of all stored objects; one that ends with `/` stands for all that begin with it."""


class Failure(msgspec.Struct, frozen=True, tag="failure", tag_field="event"):
    """Why the job ended without a result."""

    message: str
    """What happened, with the offending value, in one line."""

    remedy: str = ""
    """What the producer can do about it."""


Event = Progress | Notice | Result | Failure
