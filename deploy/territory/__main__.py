"""`python -m deploy.territory FOLDER`: make the demo's territory in a process that gives its memory back."""

import signal
import sys
from pathlib import Path

from core.job import Progress
from deploy.cli import exit_status
from deploy.lifeline import die_with_parent
from deploy.progress import ProgressReport
from deploy.territory.make import make_territory
from deploy.territory.product import write_stamp


def main(folder: Path) -> int:
    """Make the files in `folder`, show how far it is, stamp the folder when all is there; return the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted too, says so, and takes this one along
    die_with_parent()
    return exit_status(lambda: _make(folder))


def _make(folder: Path) -> int:
    with ProgressReport("territory") as report:
        territory = make_territory(folder, lambda done, step: report(Progress(done, step)))
    write_stamp(folder, territory)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
