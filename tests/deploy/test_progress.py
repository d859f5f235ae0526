"""deploy.progress: JSON lines where nobody watches a bar."""

import json

from core.job import Notice, Progress
from core.layer import PublishedLayer, RasterSource
from deploy.progress import ProgressReport


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_events_are_json_lines_that_name_their_layer(capsys):
    with ProgressReport("ortho", as_json=True) as report:
        report(Progress(0.5, "drawing"))
        report(Notice("no CRS in one file"))
    assert lines(capsys) == [
        {"event": "progress", "done": 0.5, "step": "drawing", "layer": "ortho"},
        {"event": "notice", "message": "no CRS in one file", "layer": "ortho"},
    ]


def test_progress_is_told_once_a_percent_and_step(capsys):
    with ProgressReport("ortho", as_json=True) as report:
        for done in (0.101, 0.102, 0.109, 0.111):
            report(Progress(done, "drawing"))
        report(Progress(0.111, "storing"))
    assert [line["done"] for line in lines(capsys)] == [0.101, 0.111, 0.111]


def test_the_published_layer_is_the_last_line(capsys):
    layer = PublishedLayer(
        name="ortho", title="O", offering="o", source=RasterSource(href="h", bands=(1,), dtype="uint8"),
        bbox=(0.0, 0.0, 1.0, 1.0), sample=(0.5, 0.5), version="v7",
    )  # fmt: skip
    with ProgressReport("ortho", as_json=True) as report:
        report.published(layer)
    assert lines(capsys) == [{"event": "published", "layer": "ortho", "kind": "raster", "version": "v7"}]


def test_a_bar_goes_to_standard_error_and_leaves_standard_output_alone(capsys):
    with ProgressReport("ortho", as_json=False) as report:
        report(Progress(0.5, "drawing"))
        report(Notice("[not markup]"))
    said = capsys.readouterr()
    assert said.out == ""
    assert "[not markup]" in said.err
