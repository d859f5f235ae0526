"""The trial `freshness-s`: how long after a change the tiles show it."""

from collections.abc import Callable
from pathlib import Path

from bench.scenario import Figure, Target, Trial

Say = Callable[[str], None]


def trial() -> Trial:
    """Return the trial."""
    return Trial(
        id="freshness-s",
        what="time from a change of a feature to the first tile that shows it, in one process",
        unit="seconds",
        target=Target(value=1.0, at_most=True),
        run=run,
    )


def run(home: Path, say: Say) -> Figure:
    """Say that there is nothing to measure yet."""
    del home, say
    return Figure(value=None, note="changes are not served yet")
