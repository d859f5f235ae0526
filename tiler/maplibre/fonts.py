"""The fonts that labels are set in: Source Sans Pro in its weights, which stands in for every other."""

import re
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from core.errors import BadRequest

FAMILY = "Source Sans Pro"
MAX_STACK = 512
"""Characters of a font stack."""

_SUFFIX = re.compile(r"^SourceSansPro-(?P<weight>(?!It$)[A-Za-z]+?)?(?P<italic>It)?$")
_WEIGHTS = (
    (("extralight", "ultralight", "thin", "hairline"), "ExtraLight"),
    (("light",), "Light"),
    (("semibold", "demi", "medium"), "Semibold"),
    (("black", "heavy", "extrabold", "ultrabold"), "Black"),
    (("bold",), "Bold"),
)
"""Words in the name of a font that call for a weight; the first that is there counts."""


@lru_cache(maxsize=1)
def fonts() -> dict[str, Path]:
    """Return the file of each font by its name, as `Source Sans Pro Semibold Italic`."""
    folder = Path(str(files("font_source_sans_pro"))) / "files"
    found = {}
    for path in sorted(folder.glob("*.ttf")):
        parts = _SUFFIX.match(path.stem)
        if parts is not None:
            weight, italic = parts["weight"] or "", "Italic" if parts["italic"] else ""
            found[" ".join(word for word in (FAMILY, weight, italic) if word)] = path
    return found


def fonts_of(stack: str) -> tuple[str, ...]:
    """Return the fonts of ours to take for a font stack, each once.

    A font that is not here is stood in for by the one of ours that is as heavy and as slanted: a label in other
    letters says what no label would not.

    Args:
        stack: Names of fonts, the one wanted first, parted by commas.

    Raises:
        BadRequest: It names no font, or is too long.
    """
    names = [name.strip() for name in stack.split(",") if name.strip()]
    if not names or len(stack) > MAX_STACK:
        raise BadRequest(f"{stack[:80]!r} is no font stack", f"name fonts, parted by commas: {', '.join(fonts())}")
    return tuple(dict.fromkeys(_font_for(name) for name in names))


def _font_for(name: str) -> str:
    letters = re.sub(r"[^a-z]", "", name.lower())
    weight = next((weight for words, weight in _WEIGHTS if any(word in letters for word in words)), "Regular")
    slanted = "italic" in letters or "oblique" in letters
    wanted = " ".join((FAMILY, *(() if slanted and weight == "Regular" else (weight,)), *(("Italic",) * slanted)))
    return wanted if wanted in fonts() else f"{FAMILY} Regular"
