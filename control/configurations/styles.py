"""How a published layer is shown: its styles, given by its producer, changed without storing data again."""

from control.configurations.store import AnyStyle, find_named, set_styles
from control.db.pool import Pool, transaction
from control.offerings.store import read_published_layers
from control.publish import bump_revision, publish
from core.errors import BadRequest, LayerNotFound
from core.layer import PublishedLayer, RasterSource, kind_of
from core.map_style import MapStyle
from core.map_style_check import check_map_fit, check_map_styles
from core.storage import ObjectStore
from core.style import Style
from core.style_check import check_bands, check_styles


async def restyle(pool: Pool, store: ObjectStore, name: str, styles: tuple[AnyStyle, ...]) -> PublishedLayer:
    """Give a published layer other styles, and publish it; its version, and so every ETag of it, changes.

    Args:
        pool: The database.
        store: Where the publication is written.
        name: Name of the layer.
        styles: The styles, the default first; none for the engine's own ways of showing it.

    Raises:
        BadRequest: The layer cannot have such styles, or one cannot be drawn or does not fit it.
        LayerNotFound: No layer has this name.
        Unavailable: The database or the store does not answer.
        StoreFull: There is no room for the publication.
    """
    check_any(styles)
    async with transaction(pool) as db:
        found = await find_named(db, name, lock=True)
        layers = await read_published_layers(db, name)
        if found is None or not layers:
            raise LayerNotFound(f"no layer is named {name[:140]!r}", "geopf layers lists the layers")
        check_fit(styles, layers[0])
        await set_styles(db, found.id, styles)
        await bump_revision(db)
        (layer,) = await read_published_layers(db, name)
    await publish(pool, store)
    return layer


def check_any(styles: tuple[AnyStyle, ...]) -> None:
    """Check that styles can be drawn, whatever the layer.

    Raises:
        BadRequest: One cannot be drawn, two have one name, or there is too much of them.
    """
    check_styles(_of_rasters(styles))
    check_map_styles(_of_maps(styles))


def check_fit(styles: tuple[AnyStyle, ...], layer: PublishedLayer) -> None:
    """Check that styles can show a layer.

    Raises:
        BadRequest: The layer is not of the kind that a style is for, or has not what it takes.
    """
    plain, maps = _of_rasters(styles), _of_maps(styles)
    if plain and not isinstance(layer.source, RasterSource):
        told = "an archive of pictures" if kind_of(layer) == "raster" else f"of kind {kind_of(layer)}"
        remedy = "give MapLibre styles" if kind_of(layer) == "vector" else "leave them out"
        raise BadRequest(f"{layer.name} is {told}: such styles are for rasters", remedy)
    if maps and kind_of(layer) != "vector":
        raise BadRequest(f"{layer.name} is of kind {kind_of(layer)}: MapLibre styles are for vectors", "leave them out")
    if isinstance(layer.source, RasterSource):
        check_bands(plain, shown=layer.source.bands, count=layer.source.band_count)
    check_map_fit(maps, layer)


def _of_rasters(styles: tuple[AnyStyle, ...]) -> tuple[Style, ...]:
    return tuple(style for style in styles if isinstance(style, Style))


def _of_maps(styles: tuple[AnyStyle, ...]) -> tuple[MapStyle, ...]:
    return tuple(style for style in styles if isinstance(style, MapStyle))
