"""Features of a layer are changed while it is served: tiles follow, and stay as they are through a compaction."""

import json
import threading
import time

import mapbox_vector_tile
import pytest
import shapely
from pyproj import Transformer

from tests.e2e.territory import NORTH, WEST, write_buildings
from tests.servers.platform import running_platform
from tiler.matrix import tile_at, tile_matrix_set

SOON_S = 5.0
"""A change is served after so many seconds, on whatever host."""


def path_of(x, y, level):
    """Return the address of the tile of a place in Lambert-93."""
    lon, lat = Transformer.from_crs("EPSG:2154", "EPSG:3857", always_xy=True).transform(x, y)
    col, row = tile_at(tile_matrix_set("PM").by_id[str(level)], lon, lat)
    return f"/tiles/batiments/PM/{level}/{col}/{row}.mvt"


NEAR = path_of(WEST + 10, NORTH - 25, 17)
NEW = path_of(WEST + 10, NORTH - 55, 17)
FAR = path_of(WEST + 90, NORTH - 25, 19)


def write_edits(path, *features):
    """Write edits: an identifier or None, a figure in Lambert-93 or None, and attributes."""
    found = []
    for identifier, figure, properties in features:
        geometry = None if figure is None else json.loads(shapely.to_geojson(figure))
        one = {"type": "Feature", "geometry": geometry, "properties": properties}
        found.append(one if identifier is None else one | {"id": identifier})
    path.write_text(json.dumps({"type": "FeatureCollection", "features": found}))
    return path


def names(body):
    found = mapbox_vector_tile.decode(body)["batiments"]["features"] if body else []
    return {one["id"]: one["properties"].get("nom") for one in found}


def wait_for(platform, path, expected):
    """Wait until a tile shows what is expected; return the seconds it took."""
    start = time.monotonic()
    while True:
        status, _, body = platform.get(path)
        assert status in {200, 204}
        if expected(names(body)):
            return time.monotonic() - start
        assert time.monotonic() - start < SOON_S, names(body)
        time.sleep(0.02)


@pytest.mark.xdist_group("changes")
def test_a_layer_is_changed_while_it_is_served(tmp_path):
    def prepare(platform):
        platform.ingest("vector", "batiments", write_buildings(tmp_path / "b.gpkg"), title="Bâtiments")

    with running_platform(tmp_path / "data", prepare=prepare) as platform:
        _, far, _ = platform.get(FAR)
        before = names(platform.get(NEAR)[2])
        (mairie,) = [number for number, name in before.items() if name == "Mairie"]
        edits = write_edits(
            tmp_path / "edits.geojson",
            (mairie, shapely.box(WEST + 5, NORTH - 30, WEST + 15, NORTH - 20), {"nom": "Hôtel de ville"}),
            (None, shapely.box(WEST + 5, NORTH - 60, WEST + 15, NORTH - 50), {"nom": "Lavoir", "hauteur": 4}),
        )
        done = platform.run("edit", "batiments", edits, "--crs", "EPSG:2154")
        assert done.stdout == f"batiments: changes 1 to 2, features {mairie}, 5\n"
        wait_for(platform, NEAR, lambda found: found.get(mairie) == "Hôtel de ville")
        wait_for(platform, NEW, lambda found: found.get(5) == "Lavoir")
        status, _, _ = platform.get(FAR, If_None_Match=far["etag"])
        assert status == 304

        refused = platform.run("edit", "batiments", write_edits(edits, (77, None, {})), check=False)
        assert refused.returncode == 1
        assert (
            refused.stderr == ("geopf: edit 1: batiments has no feature 77: leave the id out to add a feature\n")
            or "has no feature 77" in refused.stderr
        )

        seen, wrong, ended = {path: platform.get(path)[2] for path in (NEAR, NEW, FAR)}, [], threading.Event()

        def look():
            while not ended.is_set():
                for path, body in seen.items():
                    status, _, answer = platform.get(path)
                    if status != 200 or answer != body:
                        wrong.append((path, status, names(answer) if status == 200 else answer))

        looking = [threading.Thread(target=look) for _ in range(2)]
        for thread in looking:
            thread.start()
        try:
            compacted = platform.run("compact", "batiments")
            time.sleep(1.5)  # until the engine has followed
        finally:
            ended.set()
            for thread in looking:
                thread.join()
        assert "2 changes are in the data" in compacted.stdout
        assert wrong == []
        assert len(list((tmp_path / "data" / "objects" / "stored-data").rglob("*.2.parquet"))) == 1
        status, _, _ = platform.get(FAR, If_None_Match=far["etag"])
        assert status == 304

        platform.run("edit", "batiments", write_edits(edits, (5, None, {})))
        wait_for(platform, NEW, lambda found: 5 not in found)
        assert platform.complaints() == []
