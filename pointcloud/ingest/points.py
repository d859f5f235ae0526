"""Producers' LAS and LAZ files become the COPC files of one layer."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from core.errors import InputRefused
from core.job import JobSpec, Notice, Progress, Result
from core.layer import Bounds, PointCloudFile, PointCloudSource
from core.open_store import given_or_own
from core.program import Emit
from core.storage import ObjectInfo, ObjectStore, check_key
from pointcloud.copc.promote import HAS_WAVEFORM, PROMOTED
from pointcloud.ingest.convert import Input, Made, convert, look_at
from pointcloud.ingest.crs import DECLARE, is_out_of_area

_STORED = "storing"


def ingest_points(spec: JobSpec, emit: Emit, store: ObjectStore | None = None) -> Result:
    """Make one layer of any number of LAS and LAZ files.

    All files are looked at before the first one is converted. They are converted one after the
    other: decoding and encoding use every core already, and memory holds one file at a time.

    Args:
        spec: What to do.
        emit: Told of progress and of what the producer should know.
        store: Where the COPC files go; None for the platform's own store.

    Raises:
        InputRefused: A file cannot be taken; nothing is stored then.
        StoreFull: There is no room for the result.
        BadSource: A file came out wrong.
    """
    emit(Progress(0.0, "looking at the files"))
    inputs = [look_at(Path(path), spec.crs, spec.limits.memory_bytes) for path in spec.inputs]
    names = copc_names([one.path.name for one in inputs])
    crs = _same_crs(inputs)
    for one in inputs:
        _tell_changes(one, spec, emit)
    keys = [check_key(f"{spec.prefix}/{name}") for name in names]
    made, infos = asyncio.run(_convert_all(spec, emit, store, inputs, keys))
    for copc in made:
        if is_out_of_area(crs, copc.bbox):
            emit(Notice(f"{copc.path.name} lies outside the area of {crs[:80]}: is that its CRS? {DECLARE}"))
    files = [_describe(one, info) for one, info in zip(made, infos, strict=True)]
    bbox = _union([one.bbox for one in made])
    return Result(
        source=PointCloudSource(
            files=tuple(sorted(files, key=lambda file: file.name)),
            crs=crs,
            point_format=min(one.header.point_format & 0x3F for one in made),
            points=sum(file.points for file in files),
            dimensions=_shared_dimensions(made),
            classes=_sum(one.classes for one in made),
        ),
        bbox=bbox,
        sample=_nearest([one.sample for one in made], bbox),
        srs=crs,
        size=sum(info.size for info in infos),
        objects=tuple(sorted(keys)),
    )


def copc_names(names: list[str]) -> list[str]:
    """Return the name of the COPC file of each input: `X.laz` gives `X.copc.laz`.

    Raises:
        InputRefused: Two inputs would have the same.
    """
    made = []
    for name in names:
        stem = name
        for suffix in (".las", ".laz", ".copc"):
            if stem.lower().endswith(suffix):
                stem = stem[: -len(suffix)]
        made.append(f"{stem}.copc.laz")
    for name, count in Counter(made).items():
        if count > 1:
            raise InputRefused(f"{count} files would become {name}", "give each file of a layer its own name")
    return made


async def _convert_all(
    spec: JobSpec, emit: Emit, given: ObjectStore | None, inputs: list[Input], keys: list[str]
) -> tuple[list[Made], list[ObjectInfo]]:
    """Convert and store file after file; take back what was stored when one fails."""
    total = sum(one.las.header.points for one in inputs)
    made: list[Made] = []
    infos: list[ObjectInfo] = []
    before = 0
    async with given_or_own(given) as store:
        try:
            for one, key in zip(inputs, keys, strict=True):
                points = one.las.header.points

                def tell(share: float, step: str, done: int, one: Input = one, before: int = before) -> None:
                    text = f"{one.path.name}: {step} ({done:,} of {one.las.header.points:,} points)"
                    emit(Progress((before + share * one.las.header.points) / total, text))

                copc = Path(spec.scratch) / key.rpartition("/")[2]
                try:
                    made.append(convert(one, copc, tell))
                    tell(0.99, _STORED, points)
                    infos.append(await store.put_file(key, copc))
                finally:
                    copc.unlink(missing_ok=True)
                before += points
        except BaseException:
            for key in keys[: len(made)]:
                await store.delete(key)
            raise
    return made, infos


def _same_crs(inputs: list[Input]) -> str:
    """Return the CRS that all files are in.

    Raises:
        InputRefused: They are not all in the same one.
    """
    first = inputs[0]
    for one in inputs[1:]:
        if one.crs.name != first.crs.name:
            raise InputRefused(
                f"{one.path.name} is in {one.crs.name[:80]} and {first.path.name} in {first.crs.name[:80]}",
                "the files of a layer have one CRS: make two layers, or declare it with --crs",
            )
    return first.crs.name


def _tell_changes(one: Input, spec: JobSpec, emit: Emit) -> None:
    point_format = one.las.header.point_format
    if point_format in HAS_WAVEFORM:
        emit(Notice(f"{one.path.name}: its waveforms are left out, which COPC cannot hold"))
    if PROMOTED[point_format] != point_format:
        emit(Notice(f"{one.path.name}: points of format {point_format} become format {PROMOTED[point_format]}"))
    if spec.crs:
        emit(Notice(f"{one.path.name} is taken to be in {spec.crs[:80]}, as declared"))


def _describe(made: Made, info: ObjectInfo) -> PointCloudFile:
    return PointCloudFile(
        name=made.path.name, href=info.key, size=info.size, points=made.header.points, bounds=made.bounds
    )


def _shared_dimensions(made: list[Made]) -> tuple[str, ...]:
    return tuple(name for name in made[0].dimensions if all(name in one.dimensions for one in made))


def _sum(counts: Iterable[dict[int, int]]) -> dict[int, int]:
    total: Counter[int] = Counter()
    for one in counts:
        total.update(one)
    return dict(sorted(total.items()))


def _union(boxes: list[Bounds]) -> Bounds:
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def _nearest(places: list[tuple[float, float]], bbox: Bounds) -> tuple[float, float]:
    """Return the place nearest to the middle of the box."""
    lon, lat = (bbox[0] + bbox[2]) / 2, (bbox[1] + bbox[3]) / 2
    return min(places, key=lambda place: (place[0] - lon) ** 2 + (place[1] - lat) ** 2)
