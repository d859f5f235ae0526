"""`geopf style`: how a published raster layer is shown."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from control.configurations.styles import restyle
from control.delivery import list_layers
from core.errors import BadRequest, InputRefused, LayerNotFound
from core.layer import PublishedLayer
from core.style import Style
from core.style_read import MAX_STYLE_BYTES, read_style
from deploy.platform import open_platform


def style_layer(name: str, files: Sequence[str]) -> int:
    """Give a published layer the styles of files, or none for those that every layer of its sort has.

    Raises:
        BadRequest: A style cannot be drawn, or the layer is no raster or has not what a style takes.
        InputRefused: A file cannot be read.
        LayerNotFound: No layer has this name.
    """
    layer = asyncio.run(_restyle(name, read_style_files(files)))
    print(f"{name} is shown as {layer.styles[0].name if layer.styles else 'every layer of its sort'}")
    return 0


def list_styles(name: str) -> int:
    """Print the styles that a layer can be asked in, the default first.

    Raises:
        BadRequest: The layer is no raster.
        LayerNotFound: No layer has this name.
    """
    from tiler.styles import style_summaries

    layer = asyncio.run(_find(name))
    styles = style_summaries(layer)
    if not styles:
        raise BadRequest(f"{name} is no raster and has no styles", "geopf layers lists the layers and their kinds")
    own = {style.name for style in layer.styles}
    width = max(len(style.name) for style in styles)
    for at, style in enumerate(styles):
        marks = ", ".join(mark for mark, true in (("default", at == 0), ("its own", style.name in own)) if true)
        print(f"{style.name:<{width}}  {style.title}" + (f" ({marks})" if marks else ""))
    return 0


def read_style_files(files: Sequence[str]) -> tuple[Style, ...]:
    """Read style files of a producer.

    Raises:
        BadRequest: One is no style, or cannot be drawn.
        InputRefused: One cannot be read.
    """
    return tuple(read_style(_read(Path(file)), file) for file in files)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_STYLE_BYTES + 1)
    except OSError as err:
        raise InputRefused(f"{path} cannot be read ({err.strerror})", "give the path of a style file") from err


async def _restyle(name: str, styles: tuple[Style, ...]) -> PublishedLayer:
    async with open_platform() as platform:
        return await restyle(platform.pool, platform.store, name, styles)


async def _find(name: str) -> PublishedLayer:
    async with open_platform() as platform:
        layers = await list_layers(platform.pool)
    for layer in layers:
        if layer.name == name:
            return layer
    raise LayerNotFound(f"no layer is named {name[:140]!r}", "geopf layers lists the layers")
