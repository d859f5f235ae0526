"""deploy.cli: words in, exit status and one line out."""

import pytest

from core import settings
from core.errors import Conflict
from core.job import RasterStorage
from deploy import cli


def ends(*words):
    """Exit status of a misused command."""
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    return caught.value.code


@pytest.fixture
def ingested(monkeypatch):
    """What `geopf ingest` hands on, without doing it."""
    seen = {}

    def record(**words):
        seen.update(words)
        return 0

    monkeypatch.setattr("deploy.ingest.ingest_files", record)
    return seen


def test_an_ingest_hands_its_words_on(ingested):
    words = [
        "ingest",
        "vector",
        "a.gpkg",
        "b.gpkg",
        "--name",
        "x",
        "--layer",
        "routes",
        "--crs",
        "EPSG:2154",
        "--replace",
    ]
    assert cli.main(words) == 0
    assert ingested == {
        "kind": "vector",
        "name": "x",
        "files": ("a.gpkg", "b.gpkg"),
        "title": "",
        "abstract": "",
        "crs": "EPSG:2154",
        "source_layer": "routes",
        "as_is": False,
        "resampling": None,
        "storage": None,
        "styles": (),
        "replace": True,
        "as_json": None,
    }


def test_how_a_raster_is_stored_is_handed_on(ingested):
    words = ["--tms", "PM", "--tms", "2154_10cm", "--encoding", "webp", "--quality", "80", "--max-error", "0"]
    assert cli.main(["ingest", "raster", "a.tif", "--name", "x", *words]) == 0
    assert ingested["storage"] == RasterStorage(
        tile_matrix_sets=("PM", "2154_10cm"), encoding="webp", quality=80, max_error=0.0
    )


@pytest.mark.parametrize(
    ("kind", "words", "named"),
    [
        ("vector", ["--tms", "PM"], "vector"),
        ("raster", ["--as-is", "--encoding", "zstd"], "as they are"),
        ("raster", ["--quality", "0"], "--quality 0"),
        ("raster", ["--max-error", "-1"], "--max-error -1"),
        ("raster", ["--max-error", "inf"], "--max-error inf"),
    ],
)
def test_a_way_of_storing_that_makes_no_sense_is_refused(kind, words, named, capsys, tmp_path):
    file = tmp_path / "a.tif"
    file.touch()
    assert cli.main(["ingest", kind, str(file), "--name", "x", *words]) == 1
    assert named in capsys.readouterr().err


def test_style_files_are_given_in_their_order(ingested):
    assert cli.main(["ingest", "raster", "a.tif", "--name", "x", "--style", "b.json", "--style", "a.sld"]) == 0
    assert ingested["styles"] == ("b.json", "a.sld")


def test_a_layer_is_styled_by_files_or_set_back_or_listed(monkeypatch):
    seen = []
    monkeypatch.setattr("deploy.style.style_layer", lambda name, files: seen.append((name, files)) or 0)
    monkeypatch.setattr("deploy.style.list_styles", lambda name: seen.append((name, "list")) or 0)
    assert cli.main(["style", "mnt", "b.json", "a.sld"]) == 0
    assert cli.main(["style", "mnt", "--default"]) == 0
    assert cli.main(["style", "mnt", "--list"]) == 0
    assert seen == [("mnt", ("b.json", "a.sld")), ("mnt", ()), ("mnt", "list")]


@pytest.mark.parametrize("words", [[], ["a.json", "--default"], ["a.json", "--list"]])
def test_styles_that_are_both_given_and_set_back_are_refused(words, capsys):
    assert cli.main(["style", "mnt", *words]) == 1
    assert "takes either files, --default or --list" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {}),
        (["--zooms", "5-14", "--bbox", "-5,42,8.5,51"], {"zooms": (5, 14), "bbox": (-5.0, 42.0, 8.5, 51.0)}),
        (["--zooms", "7", "--format", "jpg", "--quality", "60"], {"zooms": (7, 7), "extension": "jpg", "quality": 60}),
        (["--style", "slope", "--output", "a.mbtiles", "--jobs", "3", "--replace", "--tms", "WebMercatorQuad"],
         {"style": "slope", "output": "a.mbtiles", "jobs": 3, "replace": True, "tms": "WebMercatorQuad"}),
    ],
)  # fmt: skip
def test_a_seed_hands_its_words_on(monkeypatch, words, expected):
    from deploy.seed import SeedRequest

    seen = []
    monkeypatch.setattr("deploy.seed.seed", lambda request: seen.append(request) or 0)
    assert cli.main(["seed", "ortho", *words]) == 0
    assert seen == [SeedRequest(layer="ortho", **expected)]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["style"],
        ["style", "mnt", "--list", "--default"],
        ["ingest"],
        ["ingest", "raster", "--name", "x"],
        ["ingest", "raster", "f"],
        ["nonsense"],
        ["serve", "--port", "0"],
        ["serve", "--port", "x"],
        ["serve", "--port", "65536"],
        ["remove"],
        ["seed"],
        ["seed", "a", "--zooms", "5-"],
        ["seed", "a", "--zooms", "-5"],
        ["seed", "a", "--zooms", "a-b"],
        ["seed", "a", "--bbox", "1,2,3"],
        ["seed", "a", "--bbox", "8,42,-5,51"],
        ["seed", "a", "--bbox", "nan,1,2,3"],
        ["seed", "a", "--format", "gif"],
        ["seed", "a", "--quality", "high"],
    ],
)
def test_a_misused_command_ends_with_status_2_and_points_to_the_help(words, capsys):
    assert ends(*words) == 2
    said = capsys.readouterr().err
    assert len(said.strip().splitlines()) == 1
    assert "--help" in said


def test_an_error_of_ours_is_one_line_with_the_remedy_and_status_1(monkeypatch, capsys):
    def refuse(name):
        raise Conflict(f"{name} is busy", "try again")

    monkeypatch.setattr("deploy.ingest.remove", refuse)
    assert cli.main(["remove", "ortho"]) == 1
    assert capsys.readouterr().err == "geopf: ortho is busy: try again\n"


def test_ctrl_c_ends_with_status_130(monkeypatch, capsys):
    def interrupt(name):
        raise KeyboardInterrupt

    monkeypatch.setattr("deploy.ingest.remove", interrupt)
    assert cli.main(["remove", "ortho"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_options_become_settings_of_this_program_and_its_children(monkeypatch, tmp_path):
    for name in ("GEOPF_DATA", "GEOPF_PORT", "GEOPF_HOST"):
        monkeypatch.setenv(name, "")
    seen = {}

    def serve():
        from deploy.settings import ServeSettings

        seen["data"] = settings.read_settings(settings.CoreSettings).data
        seen["serve"] = settings.read_settings(ServeSettings)
        return 0

    monkeypatch.setattr("deploy.serve.serve", serve)
    assert cli.main(["--data", str(tmp_path), "serve", "--port", "9123", "--host", "0.0.0.0"]) == 0
    assert seen["data"] == tmp_path
    assert (seen["serve"].host, seen["serve"].port, seen["serve"].control_address) == (
        "0.0.0.0",
        9123,
        ("127.0.0.1", 9124),
    )
