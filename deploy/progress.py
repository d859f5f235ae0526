"""What a command tells while it works: a bar on a terminal, JSON lines elsewhere."""

import sys
from types import TracebackType
from typing import Self

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from core.job import Event, Failure, Notice
from core.job import Progress as ProgressEvent
from core.layer import PublishedLayer, kind_of


class ProgressReport:
    """Shows the events of one job on standard error, and JSON lines on standard output when it is no terminal."""

    def __init__(self, title: str, *, as_json: bool | None = None) -> None:
        self._title = title
        self._json = not sys.stderr.isatty() if as_json is None else as_json
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._last: tuple[str, int] = ("", -1)

    def __enter__(self) -> Self:
        if not self._json:
            self._bar = Progress(
                TextColumn("{task.description:<24}"),
                BarColumn(),
                TaskProgressColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[step]}"),
                console=Console(stderr=True),
            )
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=1.0, step="")
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if self._bar is not None and self._task is not None:
            if kind is None:
                self._bar.update(self._task, completed=1.0, step="done")
            self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Show an event; progress lines are kept to one a percent and step."""
        if self._bar is not None and self._task is not None:
            if isinstance(event, ProgressEvent):
                self._bar.update(self._task, completed=event.done, step=event.step)
            elif isinstance(event, Notice | Failure):
                self._bar.console.print(
                    f"{self._title}: {event.message}", style="yellow", markup=False, highlight=False
                )
            return
        if isinstance(event, ProgressEvent):
            mark = (event.step, int(event.done * 100))
            if mark == self._last:
                return
            self._last = mark
        line = msgspec.json.decode(msgspec.json.encode(event))
        line["layer"] = self._title
        print(msgspec.json.encode(line).decode(), flush=True)

    def published(self, layer: PublishedLayer) -> None:
        """Say that the layer is there."""
        if self._json:
            line = {"event": "published", "layer": layer.name, "kind": kind_of(layer), "version": layer.version}
            print(msgspec.json.encode(line).decode(), flush=True)
