"""The job of point clouds, as a function and as the child program."""

import json
import subprocess
import sys
from pathlib import Path

import laspy
import msgspec
import pytest

from core.errors import InputRefused, StoreFull
from core.job import Event, JobSpec, Limits, Notice, Progress, Result
from pointcloud.ingest.points import copc_names, ingest_points
from tests.doubles import MemoryStore
from tests.pointcloud.clouds import make_las

ROOT = Path(__file__).parents[3]


def spec_of(tmp_path, *inputs, **more):
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    return JobSpec(
        kind="points",
        name="cloud",
        inputs=tuple(map(str, inputs)),
        prefix="layers/cloud/1",
        scratch=str(scratch),
        **more,
    )


@pytest.fixture
def two(tmp_path):
    return make_las(tmp_path / "b.laz", seed=2), make_las(tmp_path / "a.las", seed=1, point_format=7, points=1000)


def test_a_layer_of_two_files_is_stored_and_described(tmp_path, two):
    store, events = MemoryStore(), []
    result = ingest_points(spec_of(tmp_path, *two), events.append, store)
    assert result.objects == ("layers/cloud/1/a.copc.laz", "layers/cloud/1/b.copc.laz")
    assert set(store.objects) == set(result.objects)
    assert result.size == sum(map(len, store.objects.values()))
    source = result.source
    assert [(file.name, file.points) for file in source.files] == [("a.copc.laz", 1000), ("b.copc.laz", 3000)]
    assert [file.size for file in source.files] == [len(store.objects[file.href]) for file in source.files]
    assert (source.points, source.crs, source.point_format) == (4000, "EPSG:2154", 6)
    assert "red" not in source.dimensions  # one of the files has no colour
    assert sum(source.classes.values()) == 4000
    west, south, east, north = result.bbox
    assert west < result.sample[0] < east
    assert south < result.sample[1] < north
    assert not list((tmp_path / "scratch").iterdir())


def test_progress_grows_and_counts_points(tmp_path, two):
    events = []
    ingest_points(spec_of(tmp_path, *two), events.append, MemoryStore())
    done = [event.done for event in events if isinstance(event, Progress)]
    assert done == sorted(done)
    assert 0 <= done[0] <= done[-1] <= 1
    assert any("reading (3,000 of 3,000 points)" in event.step for event in events if isinstance(event, Progress))


def test_a_promotion_is_told(tmp_path):
    events = []
    ingest_points(spec_of(tmp_path, make_las(tmp_path / "old.las", point_format=3)), events.append, MemoryStore())
    assert Notice("old.las: points of format 3 become format 7") in events


def test_a_place_outside_the_area_of_the_crs_is_told(tmp_path):
    events = []
    spec = spec_of(tmp_path, make_las(tmp_path / "a.laz"), crs="EPSG:2975")
    ingest_points(spec, events.append, MemoryStore())
    told = [event.message for event in events if isinstance(event, Notice)]
    assert "a.laz is taken to be in EPSG:2975, as declared" in told
    assert any("outside the area of EPSG:2975" in message for message in told)


def test_files_of_two_systems_are_refused_before_anything_is_stored(tmp_path, two):
    store = MemoryStore()
    other = make_las(tmp_path / "c.laz", crs=3943)
    with pytest.raises(InputRefused, match="a layer have one CRS"):
        ingest_points(spec_of(tmp_path, *two, other), lambda _: None, store)
    assert not store.objects


def test_nothing_is_left_when_a_later_file_cannot_be_decoded(tmp_path, two):
    good, _ = two
    bad = make_las(tmp_path / "z.laz", points=2000)
    data = bytearray(bad.read_bytes())
    start = int.from_bytes(data[96:100], "little")
    data[start + 38 : start + 82] = b"\xff" * 44
    bad.write_bytes(data)
    store = MemoryStore()
    with pytest.raises(InputRefused, match=r"^z\.laz: LAZ chunk 1 of 1 claims"):
        ingest_points(spec_of(tmp_path, good, bad), lambda _: None, store)
    assert not store.objects
    assert not list((tmp_path / "scratch").iterdir())


def test_a_full_store_ends_the_job_without_a_rest(tmp_path, two):
    class Full(MemoryStore):
        async def put_file(self, key, path):
            if self.objects:
                raise StoreFull("no room left")
            return await super().put_file(key, path)

    store = Full()
    with pytest.raises(StoreFull):
        ingest_points(spec_of(tmp_path, *two), lambda _: None, store)
    assert not store.objects


@pytest.mark.parametrize(
    ("name", "copc"),
    [
        ("LHD_FXX_0770_6278_PTS_LAMB93_IGN69.laz", "LHD_FXX_0770_6278_PTS_LAMB93_IGN69.copc.laz"),
        ("LHD_FXX_0770_6278_PTS_LAMB93_IGN69.copc.laz", "LHD_FXX_0770_6278_PTS_LAMB93_IGN69.copc.laz"),
        ("A.LAS", "A.copc.laz"),
        ("forêt 1.laz", "forêt 1.copc.laz"),
    ],
)
def test_copc_files_keep_the_name_of_their_input(name, copc):
    assert copc_names([name]) == [copc]


def test_two_inputs_with_one_name_are_refused():
    with pytest.raises(InputRefused, match=r"2 files would become a\.copc\.laz"):
        copc_names(["a.las", "a.laz"])


def run(spec, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pointcloud.ingest"],
        input=msgspec.json.encode(spec),
        capture_output=True,
        cwd=ROOT,
        env={"GEOPF_DATA": str(tmp_path / "data"), "PATH": "/usr/bin:/bin"},
        timeout=120,
        check=False,
    )
    decode = msgspec.json.Decoder(Event).decode
    return done.returncode, [decode(line) for line in done.stdout.splitlines()]


def test_the_child_program_stores_a_layer_that_laspy_reads(tmp_path):
    source = make_las(tmp_path / "a.laz")
    status, events = run(spec_of(tmp_path, source), tmp_path)
    assert status == 0
    assert isinstance(events[-1], Result)
    stored = tmp_path / "data" / "objects" / events[-1].source.files[0].href
    assert laspy.read(stored).header.point_count == 3000


def test_the_child_program_says_in_one_line_why_it_refuses(tmp_path):
    source = make_las(tmp_path / "a.laz", crs=0)
    status, events = run(spec_of(tmp_path, source, limits=Limits(memory_bytes=4 << 30)), tmp_path)
    assert status == 1
    assert json.loads(msgspec.json.encode(events[-1])) == {
        "event": "failure",
        "message": "a.laz: it does not say its coordinate reference system",
        "remedy": "declare it with --crs, for example --crs EPSG:2154",
    }
