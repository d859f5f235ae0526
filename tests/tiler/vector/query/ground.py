"""A layer of known features in several row groups, and the means to ask it."""

import datetime as dt
import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import CRS

from core.layer import VectorSource
from tests.doubles import MemoryStore
from tiler.vector.attributes import tile_fields
from tiler.vector.geoparquet import COVERING, KEY, encode_geo
from tiler.vector.query.pages import VectorQueries

HREF = "data/layer.parquet"
WORDS = ["Église", "école", "mairie", "100%", "a_b", "l'été", "", "Zoo", "ligne\nsuite"]


def features(count, seed=1):
    """Random attributes and squares in Lambert-93, sorted from west to east, as plain Python."""
    chance = random.Random(seed)

    def maybe(value):
        return None if chance.random() < 0.15 else value

    rows = []
    for number in range(count):
        x = 600_000 + number * 100.0
        y = 6_800_000 + chance.randrange(1000)
        side = chance.choice([10, 60, 250])
        rows.append(
            {
                "n": maybe(chance.randrange(-5, 6)),
                "big": maybe(chance.choice([1 << 60, (1 << 60) + 1, 7])),
                "h": maybe(chance.choice([0.1, 2.5, -1.0, 1e9])),
                "f": maybe(chance.choice([0.1, 0.2, 3.0])),
                "name": maybe(chance.choice(WORDS)),
                "ok": maybe(chance.random() < 0.5),
                "day": maybe(dt.date(2020, 1, 1) + dt.timedelta(days=chance.randrange(5))),
                "at": maybe(dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=chance.randrange(50))),
                "geometry": shapely.box(x, y, x + side, y + side),
            }
        )
    return rows


SCHEMA = pa.schema(
    [
        ("n", pa.int32()),
        ("big", pa.int64()),
        ("h", pa.float64()),
        ("f", pa.float32()),
        ("name", pa.string()),
        ("ok", pa.bool_()),
        ("day", pa.date32()),
        ("at", pa.timestamp("ms", "UTC")),
    ]
)


def write(path_or_sink, rows, *, schema=SCHEMA, crs="EPSG:2154", group_rows=20):
    """Write features as GeoParquet with a covering column."""
    geometries = np.array([row["geometry"] for row in rows], dtype=object)
    bounds = shapely.bounds(geometries).reshape(-1, 4)
    box = pa.StructArray.from_arrays(list(bounds.T), names=list(COVERING))
    table = pa.Table.from_pylist([{k: v for k, v in row.items() if k != "geometry"} for row in rows], schema=schema)
    table = table.append_column("geometry", pa.array(shapely.to_wkb(geometries), pa.binary()))
    table = table.append_column("bbox", box)
    total = [*bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0)]
    geo = encode_geo(
        column="geometry",
        covering="bbox",
        crs=CRS.from_user_input(crs),
        geometry_types=["Polygon"],
        bbox=[float(value) for value in total],
    )
    pq.write_table(table.replace_schema_metadata({KEY: geo}), path_or_sink, row_group_size=group_rows)


def store_of(rows, **options):
    """A store with the features, and the source that tells of it."""
    sink = pa.BufferOutputStream()
    write(sink, rows, **options)
    store = MemoryStore()
    store.objects[HREF] = sink.getvalue().to_pybytes()
    return store, source_of(**options)


def source_of(*, schema=SCHEMA, crs="EPSG:2154", **_):
    return VectorSource(href=HREF, geometry_column="geometry", crs=crs, fields=tile_fields(schema))


class Asking:
    """Queries to a store, closed at the end."""

    def __init__(self, store, **options):
        self.queries = VectorQueries(store, **options)

    def __enter__(self):
        return self.queries

    def __exit__(self, *_):
        self.queries.close()
