"""tiler.ingest.compact: after changes are put into the file, answers are what they were."""

import asyncio
import datetime as dt

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from pyproj import Transformer

from core.changes import Change, Changes
from core.directory import DirectoryStore
from core.errors import InputRefused
from core.job import Compaction, JobSpec, Progress
from tests.tiler.vector.sources import published
from tests.tiler.vector.test_overlay import CENTRE, CRS, History
from tiler.ingest.compact import compact_vector
from tiler.ingest.vector import ingest_vector
from tiler.matrix import tile_at, tile_bounds, tile_matrix_set
from tiler.vector.edition import edition_of
from tiler.vector.source import VectorSources
from tiler.vector.tile import encode_tile


class Works:
    """A store and what is made for it."""

    def __init__(self, folder):
        self.folder = folder
        self.store = DirectoryStore(folder / "objects")
        self.sources = VectorSources(self.store, folder / "copies", 1 << 30)
        self.jobs = 0

    def _spec(self, **options):
        self.jobs += 1
        scratch = self.folder / f"scratch-{self.jobs}"
        scratch.mkdir()
        given = {"kind": "vector", "name": "haies", "prefix": "data/1", "inputs": (), "scratch": str(scratch)}
        return JobSpec(**given | options)

    def ingest(self, history):
        """Store the rows of a history as they are."""
        path = self.folder / "haies.gpkg"
        rows = [properties for _, properties in history.rows]
        columns = {
            "nom": np.array([row["nom"] for row in rows], object),
            "cle": np.array([row["cle"] for row in rows], object),
            "h": np.array([row["h"] for row in rows]),
            "jour": np.array([np.datetime64("2024-02-29")] * len(rows)),
        }
        pyogrio.raw.write(
            path,
            geometry=shapely.to_wkb(np.array([geometry for geometry, _ in history.rows])),
            field_data=list(columns.values()),
            fields=list(columns),
            geometry_type="Unknown",
            crs=CRS,
        )
        return ingest_vector(self._spec(inputs=(str(path),)), lambda event: None, self.store).source

    def compact(self, source, changes, emit=lambda event: None):
        """Store a layer anew with changes."""
        path = self.folder / "changes.msgpack"
        path.write_bytes(msgspec.msgpack.encode(Changes("d", source.through + 1, tuple(changes))))
        spec = self._spec(compact=Compaction(base=source, changes=str(path)))
        return compact_vector(spec, spec.compact, emit, self.store)

    def open(self, source, changes=(), crs="EPSG:3857"):
        """Return what tiles are drawn from."""
        later = (Changes("d", source.through + 1, tuple(changes)),) if changes else ()

        async def wait():
            while True:
                found, settled = await self.sources.get(published(source, changes=later), crs)
                if settled:
                    return found

        return asyncio.run(wait())

    def rows(self, source):
        """Read the file."""
        return pq.read_table(self.folder / "objects" / source.href)


def in_order(history, source, works):
    """Give a history the order of the rows of its file."""
    names = works.rows(source)["cle"].to_pylist()
    by_name = {properties["cle"]: (geometry, properties) for geometry, properties in history.rows}
    history.rows = [by_name[name] for name in names]


def tiles(set_id):
    tms = tile_matrix_set(set_id)
    x, y = Transformer.from_crs(CRS, tms.crs, always_xy=True).transform(*CENTRE)
    for matrix in tms.matrices[:20]:
        col, row = tile_at(matrix, x, y)
        for dc in range(-4, 5):
            for dr in range(-4, 5):
                if 0 <= col + dc < matrix.width and 0 <= row + dr < matrix.height:
                    yield tms.crs, tile_bounds(matrix, col + dc, row + dr)


@pytest.mark.parametrize("kind", ["town", "mixed"])
def test_compaction_changes_no_tile_and_only_tiles_that_changes_touched_have_other_editions(kind, tmp_path):
    works, history = Works(tmp_path), History(kind, 5_000, seed=12)
    first = works.ingest(history)
    in_order(history, first, works)
    changes, more, later = history.edit(60), history.edit(40), history.edit(20)
    second = works.compact(first, changes).source
    third = works.compact(second, more).source
    assert (second.through, third.through) == (60, 100)
    assert third.rows == len(works.rows(third)) >= third.features
    for set_id in ("PM", "2154_10cm"):
        crs = tile_matrix_set(set_id).crs
        stored = works.open(first, crs=crs)
        before, after = works.open(first, [*changes, *more, *later], crs), works.open(third, later, crs)
        changed = 0
        for crs, bounds in tiles(set_id):
            one, other = (encode_tile(each, "l", bounds=bounds, crs=crs) for each in (before, after))
            assert one == other
            edition = edition_of(after, bounds, crs)
            if encode_tile(stored, "l", bounds=bounds, crs=crs) != other:
                assert edition
                changed += 1
            assert bool(edition) == bool(edition_of(before, bounds, crs))
        assert changed > 10


def test_rows_keep_their_numbers_and_values_their_types(tmp_path):
    works, history = Works(tmp_path), History("town", 300, seed=3)
    source = works.ingest(history)
    in_order(history, source, works)
    figure = shapely.box(*CENTRE, *(CENTRE + 9))
    values = {"nom": "neuf", "h": 2, "jour": "2025-12-01"}
    changes = [
        Change(7, shapely.to_wkb(figure), values),
        Change(11, b"", {}),
        Change(302, shapely.to_wkb(figure), {"nom": 5, "jour": "jamais"}),
    ]
    told = []
    result = works.compact(source, changes, told.append)
    table = works.rows(result.source)
    assert (table.num_rows, result.source.rows, result.source.features) == (303, 303, 300)
    geometry = shapely.from_wkb(table[source.geometry_column].to_numpy())
    assert geometry[7].equals(figure)
    assert shapely.is_missing(geometry[[11, 300, 301]]).all()
    assert table.slice(7, 1).select(["nom", "cle", "h", "jour"]).to_pylist() == [
        {"nom": "neuf", "cle": None, "h": 2.0, "jour": dt.date(2025, 12, 1)}
    ]
    assert table.slice(302, 1).select(["nom", "jour"]).to_pylist()[0]["jour"] is None
    assert table.slice(12, 1)["cle"].to_pylist() == [history.rows[12][1]["cle"]]
    assert table.schema.field("jour").type == works.rows(source).schema.field("jour").type
    west, south, east, north = result.bbox
    lon, lat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(*CENTRE)
    assert west <= lon <= east
    assert south <= lat <= north
    shares = [event.done for event in told if isinstance(event, Progress)]
    assert shares == sorted(shares)


def test_changes_that_do_not_follow_the_file_are_refused(tmp_path):
    works, history = Works(tmp_path), History("town", 50, seed=3)
    source = msgspec.structs.replace(works.ingest(history), through=9)
    path = tmp_path / "c"
    path.write_bytes(msgspec.msgpack.encode(Changes("d", 12, (Change(1, b"", {}),))))
    spec = works._spec(compact=Compaction(base=source, changes=str(path)))
    with pytest.raises(InputRefused, match="changes from 12 on do not follow 9"):
        compact_vector(spec, spec.compact, lambda event: None, works.store)
    path.write_bytes(b"nonsense")
    with pytest.raises(InputRefused, match="holds no changes"):
        compact_vector(spec, spec.compact, lambda event: None, works.store)
