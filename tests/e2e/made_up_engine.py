"""A small engine for the tests of the page: the HTTP contract of the real one over an invented territory.

The territory is 2 x 2 km near Lambert-93 km (0770, 6277): patches of fields as imagery, a grey relief, some
buildings, roads and communes with accents. A COPC file, when given, is served by ranges as the engine does.
"""

import json
import math
import mimetypes
import re
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import mapbox_vector_tile
import numpy as np
from pyproj import Transformer
from shapely import transform
from shapely.geometry import LineString, Polygon, box
from shapely.geometry.base import BaseGeometry

WEST, SOUTH, SIDE = 769_000.0, 6_276_000.0, 2_000.0
"""Lower left corner and side of the territory, metres in Lambert-93."""

HALF_WORLD = 20_037_508.342789244
TILE = 256
"""Pixels of an image tile."""

TINTS = {"slope": (200, 40, 40), "tourisme": (30, 60, 200)}
"""Colour in which the relief is wholly shown, by style."""

EXTENT = 4096
"""Units of a vector tile."""

_TO_DEGREES = Transformer.from_crs(2154, 4326, always_xy=True)
_TO_MERCATOR = Transformer.from_crs(2154, 3857, always_xy=True)
_FROM_MERCATOR = Transformer.from_crs(3857, 2154, always_xy=True)

Feature = tuple[BaseGeometry, dict[str, Any]]


def degrees(x: float, y: float) -> tuple[float, float]:
    """Longitude and latitude of a place in Lambert-93."""
    longitude, latitude = _TO_DEGREES.transform(x, y)
    return longitude, latitude


TOWN_HALL = (WEST + 1_000.0, SOUTH + 1_000.0)
"""Centre of the building named « Hôtel de ville », Lambert-93."""


@cache
def features() -> dict[str, list[Feature]]:
    """Features by layer, in EPSG:3857."""
    dice = np.random.default_rng(7)
    buildings: list[Feature] = [
        (
            _block(*TOWN_HALL, 60, 40),
            {
                "nom": "Hôtel de ville",
                "nature": "Mairie",
                "hauteur": 14.25,
                "étages": 3,
                "classé": True,
                "note": "élevé à Saint-Çaumes",
            },
        ),
    ]
    for row in range(12):
        for column in range(12):
            x, y = WEST + 350 + 115 * column, SOUTH + 350 + 115 * row
            if math.hypot(x - TOWN_HALL[0], y - TOWN_HALL[1]) < 90 or dice.random() < 0.25:
                continue
            width, depth = dice.uniform(14, 48, 2)
            kind = str(dice.choice(["Indifférenciée", "Résidentiel", "Église", "Agricole"]))
            buildings.append(
                (_block(x, y, width, depth), {"nature": kind, "hauteur": round(float(dice.uniform(3, 15)), 1)})
            )
    roads: list[Feature] = []
    for number, name in enumerate(
        ["Rue de l’Évêché", "Avenue des Chênes", "Chemin du Pré-aux-Bœufs", "Route de Nîmes"]
    ):
        y = SOUTH + 292 + 460 * number
        line = [(WEST + step * 100, y + 25 * math.sin(step / 3 + number)) for step in range(21)]
        roads.append((LineString(line), {"nom": name, "importance": number + 1}))
    for number in range(4):
        x = WEST + 292 + 460 * number
        roads.append(
            (
                LineString([(x, SOUTH), (x + 40, SOUTH + 900), (x, SOUTH + SIDE)]),
                {"nom": f"Rue n° {number + 1}", "importance": 5},
            )
        )
    border = [(WEST + 1_300, SOUTH), (WEST + 1_100, SOUTH + SIDE)]
    left, right = [(WEST, SOUTH + SIDE), (WEST, SOUTH)], [(WEST + SIDE, SOUTH + SIDE), (WEST + SIDE, SOUTH)]
    communes: list[Feature] = [
        (Polygon([*border, *left]), {"nom": "Saint-Émilien-lès-Forêts", "insee": "34999"}),
        (Polygon([*border, *right]), {"nom": "Châteauneuf-sur-Hérault", "insee": "34998"}),
    ]
    layers = {"batiments": buildings, "routes": roads, "communes": communes}
    return {name: [(_mercator(shape), told) for shape, told in rows] for name, rows in layers.items()}


def _block(x: float, y: float, width: float, depth: float) -> Polygon:
    return box(x - width / 2, y - depth / 2, x + width / 2, y + depth / 2)


def _mercator(shape: BaseGeometry) -> BaseGeometry:
    return transform(shape, lambda places: np.column_stack(_TO_MERCATOR.transform(places[:, 0], places[:, 1])))


def tile_bounds(z: int, x: int, y: int) -> tuple[float, float, float, float]:
    """West, south, east, north of a tile in EPSG:3857."""
    side = 2 * HALF_WORLD / 2**z
    return x * side - HALF_WORLD, HALF_WORLD - (y + 1) * side, (x + 1) * side - HALF_WORLD, HALF_WORLD - y * side


def vector_tile(layer: str, z: int, x: int, y: int) -> bytes:
    """An MVT of one layer."""
    bounds = tile_bounds(z, x, y)
    margin = (bounds[2] - bounds[0]) / 32
    window = box(bounds[0] - margin, bounds[1] - margin, bounds[2] + margin, bounds[3] + margin)

    def in_tile(places: np.ndarray) -> np.ndarray:
        return np.rint((places - bounds[:2]) / (bounds[2] - bounds[0]) * EXTENT)

    rows = [
        {"geometry": transform(shape.intersection(window), in_tile), "properties": told, "id": number}
        for number, (shape, told) in enumerate(features()[layer], start=1)
        if shape.intersects(window)
    ]
    return bytes(mapbox_vector_tile.encode([{"name": layer, "features": rows}], default_options={"extents": EXTENT}))


def raster_tile(layer: str, z: int, x: int, y: int, style: str = "") -> bytes:
    """A PNG of 256 x 256 pixels: fields and hedges, or the grey relief; clear outside the territory."""
    west, _, east, north = tile_bounds(z, x, y)
    step = (east - west) / TILE
    columns, rows = np.meshgrid(west + (np.arange(TILE) + 0.5) * step, north - (np.arange(TILE) + 0.5) * step)
    places = _FROM_MERCATOR.transform(columns, rows)
    u, v = (places[0] - WEST) / SIDE, (places[1] - SOUTH) / SIDE
    height = 0.5 + 0.25 * np.sin(5 * u + 1) * np.cos(4 * v) + 0.25 * np.sin(9 * v - 4 * u)
    inside = (u >= 0) & (u <= 1) & (v >= 0) & (v <= 1)
    alpha = np.where(inside, 255, 0)
    if layer == "relief":
        if style in TINTS:
            return png(np.dstack([np.broadcast_to(TINTS[style], (TILE, TILE, 3)), alpha]))
        grey = np.clip(40 + 180 * height, 0, 255)
        return png(np.dstack([grey, grey, grey, alpha]))
    crops = np.array([[132, 150, 84], [176, 168, 106], [104, 132, 70], [150, 128, 92], [90, 118, 66], [190, 180, 128]])
    bent_u, bent_v = u + 0.02 * np.sin(11 * v), v + 0.02 * np.sin(9 * u)
    cell_u, cell_v = (
        np.floor(bent_u * 11).astype(int),
        np.floor(bent_v * 8 + 0.4 * (np.floor(bent_u * 11) % 2)).astype(int),
    )
    colour = crops[(cell_u * 7 + cell_v * 13 + cell_u * cell_v) % len(crops)].astype(float)
    furrows = 1 + 0.05 * np.sin((u * np.cos(cell_u) + v * np.sin(cell_u)) * 900)
    shade = 0.82 + 0.36 * (height - height.mean() + 0.5)
    near_edge = np.minimum((bent_u * 11) % 1, 1 - (bent_u * 11) % 1) < 0.035
    colour = np.where(near_edge[..., None], [62, 88, 50], colour) * (furrows * shade)[..., None]
    river = np.abs(v - 0.16 - 0.05 * np.sin(7 * u)) < 0.012
    colour = np.where(river[..., None], [66, 104, 124], colour)
    return png(np.dstack([np.clip(colour, 0, 255), alpha]))


def png(pixels: np.ndarray) -> bytes:
    """Encode an RGBA image, (rows, cols, 4)."""
    rows, cols, _ = pixels.shape
    lines = np.concatenate([np.zeros((rows, 1), np.uint8), pixels.astype(np.uint8).reshape(rows, cols * 4)], axis=1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", cols, rows, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines.tobytes(), 1))
        + chunk(b"IEND", b"")
    )


@dataclass(frozen=True)
class Territory:
    """What a made-up engine serves."""

    page: Path
    """Folder of the built page."""

    copc: Path | None = None
    """A COPC file in Lambert-93, served as the layer `lidar`."""

    published: bool = True
    """False: an engine without any layer."""

    more_layers: int = 0
    """Vector layers listed beside the real ones, to make the list long."""

    broken_layer: bool = False
    """List a layer whose TileJSON answers 500."""

    @cached_property
    def bbox(self) -> list[float]:
        """West, south, east, north of the territory, degrees."""
        corners = [degrees(WEST + dx, SOUTH + dy) for dx in (0, SIDE) for dy in (0, SIDE)]
        longitudes, latitudes = zip(*corners, strict=True)
        return [min(longitudes), min(latitudes), max(longitudes), max(latitudes)]

    def layers(self) -> list[dict[str, Any]]:
        """The answer of `GET /layers`."""
        if not self.published:
            return []
        told = [
            self._layer("batiments", "vector", "Bâtiments", "Emprises des bâtiments, d’après le territoire inventé."),
            self._layer("routes", "vector", "Routes", "Axes des voies carrossables."),
            self._layer("communes", "vector", "Communes", "Limites administratives."),
            self._layer("ortho", "raster", "Orthophotographie 20 cm", "Image du sol, redressée."),
            self._layer("relief", "raster", "Modèle numérique de terrain", "Altitudes en niveaux de gris."),
        ]
        if self.copc is not None:
            told.append(self._layer("lidar", "points", "LiDAR HD", "Nuage de points classé."))
        if self.broken_layer:
            told.append(self._layer("cassee", "vector", "Couche cassée", "Répond par une erreur."))
        told += [self._layer(f"couche-{n}", "vector", f"Couche d’essai n° {n}", "") for n in range(self.more_layers)]
        return told

    def _layer(self, name: str, kind: str, title: str, abstract: str) -> dict[str, Any]:
        sample = {
            "raster": f"/tiles/{name}/PM/15/16737/11980.png",
            "vector": f"/tiles/{name}/PM/15/16737/11980.mvt",
            "points": f"/points/{name}/info",
        }
        zooms = {} if kind == "points" else {"min_zoom": 12, "max_zoom": 19 if kind == "raster" else 17}
        return {
            "name": name,
            "kind": kind,
            "title": title,
            "abstract": abstract,
            "bbox": self.bbox,
            "tile_matrix_sets": [] if kind == "points" else ["PM"],
            "samples": [sample[kind]],
            "styles": _styles(name) if kind == "raster" else [],
            **zooms,
        }

    def tilejson(self, name: str, root: str, style: str = "") -> dict[str, Any]:
        """The answer of `GET /tiles/{name}/PM/tilejson.json`."""
        vector = name in features()
        query = f"?style={style}" if style else ""
        told = {
            "tilejson": "3.0.0",
            "name": name,
            "tiles": [f"{root}/tiles/{name}/PM/{{z}}/{{x}}/{{y}}.{'mvt' if vector else 'png'}{query}"],
            "bounds": self.bbox,
            "minzoom": 12,
            "maxzoom": 17 if vector else 19,
        }
        if vector:
            keys = sorted({key for _, properties in features()[name] for key in properties})
            told["vector_layers"] = [{"id": name, "fields": dict.fromkeys(keys, "String")}]
        return told

    @cached_property
    def cloud(self) -> dict[str, Any]:
        """The answer of `GET /points/lidar/info`."""
        import laspy

        assert self.copc is not None
        points = laspy.read(self.copc)
        codes, counts = np.unique(np.asarray(points.classification), return_counts=True)
        bounds = [*map(float, points.header.mins), *map(float, points.header.maxs)]
        file = {
            "name": self.copc.name,
            "href": f"/points/lidar/copc/{self.copc.name}",
            "points": len(points.points),
            "bounds": bounds,
        }
        classes = [
            {"code": int(code), "name": f"class {code}", "count": int(count)}
            for code, count in zip(codes, counts, strict=True)
        ]
        return {"crs": "EPSG:2154", "points": file["points"], "bounds": bounds, "files": [file], "classes": classes}


def _styles(name: str) -> list[dict[str, Any]]:
    """Styles of an image: the relief has some of the engine's, one of its producer's, and one for programs."""
    told = [("default", "As stored", False)]
    if name == "relief":
        told += [("slope", "Slope", False), ("tourisme", "Relief touristique", False), ("terrain-rgb", "RGB", True)]
    return [
        {"name": one, "title": title, "abstract": "", "lossless": lossless,
         "legend": f"/tiles/{name}/legend.svg?style={one}"}
        for one, title, lossless in told
    ]  # fmt: skip


def legend(style: str) -> bytes:
    """A square in the colour of a style."""
    colour = "#{:02x}{:02x}{:02x}".format(*TINTS.get(style, (128, 128, 128)))
    square = f'<rect width="60" height="30" fill="{colour}"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="60" height="30">{square}</svg>'.encode()


class _Handler(BaseHTTPRequestHandler):
    territory: Territory
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing."""

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        style = parse_qs(urlsplit(self.path).query).get("style", [""])[0]
        if path == "/layers":
            return self._json({"layers": self.territory.layers()})
        if path == "/api/health":
            return self._json({"status": "ok"})
        if match := re.fullmatch(r"/tiles/([\w-]+)/PM/tilejson.json", path):
            if match[1] == "cassee":
                return self._send(HTTPStatus.INTERNAL_SERVER_ERROR, b"{}", "application/problem+json")
            return self._json(self.territory.tilejson(match[1], f"http://{self.headers['Host']}", style))
        if re.fullmatch(r"/tiles/[\w-]+/legend.svg", path):
            return self._send(HTTPStatus.OK, legend(style), "image/svg+xml")
        if match := re.fullmatch(r"/tiles/([\w-]+)/PM/(\d+)/(\d+)/(\d+)\.(png|mvt)", path):
            address = int(match[2]), int(match[3]), int(match[4])
            if match[5] == "mvt":
                return self._send(HTTPStatus.OK, vector_tile(match[1], *address), "application/vnd.mapbox-vector-tile")
            return self._send(HTTPStatus.OK, raster_tile(match[1], *address, style), "image/png")
        if self.territory.copc is not None and path == "/points/lidar/info":
            return self._json(self.territory.cloud)
        if self.territory.copc is not None and path == f"/points/lidar/copc/{self.territory.copc.name}":
            return self._range(self.territory.copc.read_bytes())
        return self._static(path)

    def _static(self, path: str) -> None:
        file = (self.territory.page / path.lstrip("/")).resolve()
        if file == self.territory.page.resolve():
            file /= "index.html"
        if not file.is_relative_to(self.territory.page.resolve()) or not file.is_file():
            return self._send(HTTPStatus.NOT_FOUND, b"", "text/plain")
        return self._send(
            HTTPStatus.OK, file.read_bytes(), mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        )

    def _range(self, data: bytes) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked is None:
            return self._send(HTTPStatus.OK, data, "application/vnd.laszip+copc")
        first, last = int(asked[1]), min(int(asked[2]), len(data) - 1)
        told = {"Content-Range": f"bytes {first}-{last}/{len(data)}"}
        return self._send(HTTPStatus.PARTIAL_CONTENT, data[first : last + 1], "application/vnd.laszip+copc", told)

    def _json(self, value: object) -> None:
        self._send(HTTPStatus.OK, json.dumps(value).encode(), "application/json")

    def _send(self, status: HTTPStatus, body: bytes, media_type: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": media_type, "Content-Length": str(len(body)), **(more or {})}.items():
            self.send_header(name, value)
        with suppress(ConnectionError):  # a map gives up the tiles that moved out of sight
            self.end_headers()
            self.wfile.write(body)


@contextmanager
def made_up_engine(territory: Territory) -> Iterator[str]:
    """Serve a territory on a free port of 127.0.0.1 and give its address."""
    handler = type("Handler", (_Handler,), {"territory": territory})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
