"""deploy.style: style files read, and what a producer is told."""

import json

import pytest

from core.errors import BadRequest, InputRefused, LayerNotFound
from core.layer import PointCloudSource, PublishedLayer, RasterSource, VectorSource
from core.map_style import MapStyle
from core.style import Slope, Style
from core.style_read import MAX_STYLE_BYTES
from deploy import style as command
from deploy.ingest import ingest_files
from deploy.style import list_styles, read_style_files, style_layer


def layer(name, source, styles=()):
    return PublishedLayer(
        name=name, title=name, offering="o", source=source, bbox=(0, 0, 1, 1), sample=(0, 0), version="v", styles=styles
    )


@pytest.fixture
def layers(monkeypatch):
    heights = RasterSource(href="h", bands=(1,), dtype="float32", rescale=(0.0, 9.0))
    roads = VectorSource(href="v", geometry_column="g", crs="EPSG:2154", fields={})
    cloud = PointCloudSource(files=(), crs="", point_format=6, points=0)
    published = (
        layer("mnt", heights, (Style(name="pente", title="Pente", relief=Slope()),)),
        layer("routes", roads),
        layer("nuage", cloud),
    )

    class NoPlatform:
        pool = None

        async def __aenter__(self):
            return self

        async def __aexit__(self, *_):
            pass

    async def listed(pool):
        return published

    monkeypatch.setattr(command, "open_platform", NoPlatform)
    monkeypatch.setattr(command, "list_layers", listed)


def test_files_are_read_in_their_order(tmp_path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.json").write_text(f'{{"name": "{name}"}}')
    styles = read_style_files([str(tmp_path / "b.json"), str(tmp_path / "a.json")])
    assert [style.name for style in styles] == ["b", "a"]


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    for path, told in ((tmp_path / "none.json", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(InputRefused, match=told):
            read_style_files([str(path)])
    (tmp_path / "large.json").write_bytes(b" " * (MAX_STYLE_BYTES + 1))
    with pytest.raises(BadRequest, match=r"large.json: has 262145 bytes"):
        read_style_files([str(tmp_path / "large.json")])


def test_the_styles_of_a_layer_are_listed_the_default_first(layers, capsys):
    assert list_styles("mnt") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(maxsplit=1) == ["pente", "Pente (default, its own)"]
    assert lines[1].split() == ["hillshade", "Hillshade"]


def test_layers_without_styles_and_without_name_are_told(layers):
    with pytest.raises(BadRequest, match="nuage has no styles"):
        list_styles("nuage")
    with pytest.raises(LayerNotFound, match="'nowhere'"):
        list_styles("nowhere")


@pytest.mark.parametrize(("names", "said"), [(["b"], "mnt is shown as b"), ([], "as every layer of its sort")])
def test_what_is_shown_afterwards_is_said(monkeypatch, tmp_path, capsys, names, said):
    async def restyle(name, styles):
        return layer(name, RasterSource(href="h", bands=(1,), dtype="uint8"), styles)

    monkeypatch.setattr(command, "_restyle", restyle)
    for name in names:
        (tmp_path / f"{name}.json").write_text(f'{{"name": "{name}"}}')
    assert style_layer("mnt", [str(tmp_path / f"{name}.json") for name in names]) == 0
    assert said.removeprefix("mnt is shown ") in capsys.readouterr().out


def test_styles_of_points_are_refused_before_any_file_is_read():
    with pytest.raises(BadRequest, match="--style is for rasters and vectors, not for points"):
        ingest_files(kind="points", name="nuage", files=("nowhere.laz",), styles=("nowhere.json",))


def map_style(*layers):
    sources = {"plan": {"type": "vector", "url": "https://elsewhere.example"}}
    return json.dumps({"version": 8, "sources": sources, "layers": layers})


ROADS = {"id": "r", "type": "symbol", "source": "plan", "source-layer": "routes"}


def test_map_styles_and_raster_styles_are_told_apart_by_what_is_in_them(tmp_path, capsys):
    (tmp_path / "sobre.json").write_text(map_style(ROADS))
    (tmp_path / "a.json").write_text('{"name": "a"}')
    sober, plain = read_style_files([str(tmp_path / "sobre.json"), str(tmp_path / "a.json")])
    assert isinstance(sober, MapStyle)
    assert isinstance(plain, Style)
    assert capsys.readouterr().err == ""


def test_icons_that_the_sprite_does_not_hold_are_told(tmp_path, capsys):
    layers = ({**ROADS, "layout": {"icon-image": "hopital"}}, {**ROADS, "id": "b", "layout": {"icon-image": "pin"}})
    (tmp_path / "sobre.json").write_text(map_style(*layers))
    read_style_files([str(tmp_path / "sobre.json")])
    said = capsys.readouterr().err
    assert "style sobre takes hopital, which the sprite does not hold" in said
    assert "star" in said


def test_the_styles_of_a_vector_layer_are_listed(layers, capsys):
    assert list_styles("routes") == 0
    assert capsys.readouterr().out.split() == ["standard", "Standard", "(default)"]
