"""`geopf style`: how a published raster or vector layer is shown."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from control.configurations.store import AnyStyle
from control.configurations.styles import restyle
from control.delivery import list_layers
from core.errors import BadRequest, InputRefused, LayerNotFound
from core.layer import PublishedLayer
from core.map_style import MAX_MAP_STYLE_BYTES, MapStyle
from core.map_style_check import images_of
from core.map_style_read import looks_like_map_style, read_map_style
from core.style_read import read_style
from deploy.platform import open_platform


def style_layer(name: str, files: Sequence[str]) -> int:
    """Give a published layer the styles of files, or none for those that every layer of its sort has.

    Raises:
        BadRequest: A style cannot be drawn, or is for another kind of layer, or the layer has not what it takes.
        InputRefused: A file cannot be read.
        LayerNotFound: No layer has this name.
    """
    layer = asyncio.run(_restyle(name, read_style_files(files)))
    own: tuple[AnyStyle, ...] = layer.styles or layer.map_styles
    print(f"{name} is shown as {own[0].name if own else 'every layer of its sort'}")
    return 0


def list_styles(name: str) -> int:
    """Print the styles that a layer can be asked in, the default first.

    Raises:
        BadRequest: The layer is a point cloud, or an archive of pictures.
        LayerNotFound: No layer has this name.
    """
    from tiler.styles import style_summaries

    layer = asyncio.run(_find(name))
    styles = style_summaries(layer)
    if not styles:
        raise BadRequest(f"{name} has no styles", "geopf layers lists the layers and their kinds")
    own = {style.name for style in layer.styles} | {style.name for style in layer.map_styles}
    width = max(len(style.name) for style in styles)
    for at, style in enumerate(styles):
        marks = ", ".join(mark for mark, true in (("default", at == 0), ("its own", style.name in own)) if true)
        print(f"{style.name:<{width}}  {style.title}" + (f" ({marks})" if marks else ""))
    return 0


def read_style_files(files: Sequence[str]) -> tuple[AnyStyle, ...]:
    """Read style files of a producer, those of rasters and those of maps; say which icons they take in vain.

    Raises:
        BadRequest: One is no style, or cannot be drawn.
        InputRefused: One cannot be read.
    """
    styles = tuple(_style_of(_read(Path(file)), file) for file in files)
    for style in styles:
        if isinstance(style, MapStyle):
            _tell_images(style)
    return styles


def _style_of(data: bytes, file: str) -> AnyStyle:
    return read_map_style(data, file) if looks_like_map_style(data) else read_style(data, file)


def _tell_images(style: MapStyle) -> None:
    from tiler.maplibre.sprites import names_of_images

    here = names_of_images()
    missing = [name for name in images_of(style) if name not in here]
    if missing:
        told = ", ".join(missing[:10]) + (" ..." if len(missing) > 10 else "")
        print(
            f"style {style.name} takes {told}, which the sprite does not hold: nothing is drawn for them; "
            f"it holds {', '.join(sorted(here))}",
            file=sys.stderr,
        )


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_MAP_STYLE_BYTES + 1)
    except OSError as err:
        raise InputRefused(f"{path} cannot be read ({err.strerror})", "give the path of a style file") from err


async def _restyle(name: str, styles: tuple[AnyStyle, ...]) -> PublishedLayer:
    async with open_platform() as platform:
        return await restyle(platform.pool, platform.store, name, styles)


async def _find(name: str) -> PublishedLayer:
    async with open_platform() as platform:
        layers = await list_layers(platform.pool)
    for layer in layers:
        if layer.name == name:
            return layer
    raise LayerNotFound(f"no layer is named {name[:140]!r}", "geopf layers lists the layers")
