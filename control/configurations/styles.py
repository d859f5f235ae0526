"""How a published raster layer is shown: its styles, given by its producer, changed without storing data again."""

from control.configurations.store import find_named, set_styles
from control.db.pool import Pool, transaction
from control.offerings.store import read_published_layers
from control.publish import bump_revision, publish
from core.errors import BadRequest, LayerNotFound
from core.layer import PublishedLayer, RasterSource, kind_of
from core.storage import ObjectStore
from core.style import Style
from core.style_check import check_bands, check_styles


async def restyle(pool: Pool, store: ObjectStore, name: str, styles: tuple[Style, ...]) -> PublishedLayer:
    """Give a published layer other styles, and publish it; its version, and so every ETag of it, changes.

    Args:
        pool: The database.
        store: Where the publication is written.
        name: Name of the layer.
        styles: The styles, the default first; none for the engine's own ways of showing it.

    Raises:
        BadRequest: The layer is no raster, or a style cannot be drawn or does not fit it.
        LayerNotFound: No layer has this name.
        Unavailable: The database or the store does not answer.
        StoreFull: There is no room for the publication.
    """
    check_styles(styles)
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


def check_fit(styles: tuple[Style, ...], layer: PublishedLayer) -> None:
    """Check that styles can show a layer.

    Raises:
        BadRequest: The layer is no raster, or has not what a style takes.
    """
    if not isinstance(layer.source, RasterSource):
        raise BadRequest(f"{layer.name} is of kind {kind_of(layer)}: styles are for rasters", "leave them out")
    check_bands(styles, shown=layer.source.bands, count=layer.source.band_count)
