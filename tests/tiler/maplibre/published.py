"""Published vector layers, for tests of their styles."""

from core.layer import ArchiveSource, ArchiveVectorLayer, PublishedLayer, RasterSource, VectorSource
from core.map_style import MapStyle

OWN = MapStyle(
    name="sobre",
    title="Sobre",
    document='{"zoom":12,"layers":[{"id":"fond","type":"background","paint":{"background-color":"#fff"}},'
    '{"id":"murs","type":"fill","source-layer":"batiments","paint":{"fill-color":"#123456"}}]}',
)


def published(name, source, **changes):
    return PublishedLayer(
        **{
            "name": name, "title": name.title(), "offering": "o", "source": source, "bbox": (5.0, 45.0, 5.2, 45.1),
            "sample": (5.03, 45.02), "version": "v1", **changes,
        }
    )  # fmt: skip


def buildings(**changes):
    fields = {"nom": "String", "hauteur": "Number"}
    types = ("MultiPolygon",)
    source = VectorSource(
        href="b", geometry_column="g", crs="EPSG:2154", fields=fields, geometry_types=types, min_zoom=9, max_zoom=17
    )
    return published("batiments", source, **changes)


def archive(**changes):
    inside = (ArchiveVectorLayer(id="water", fields={"name": "String"}), ArchiveVectorLayer(id="lieux dits"))
    source = ArchiveSource(href="a", tile_type="mvt", vector_layers=inside, attribution="© IGN", max_zoom=14)
    return published("plan", source, **changes)


def ortho():
    return published("ortho", RasterSource(href="o", bands=(1, 2, 3), dtype="uint8"))
