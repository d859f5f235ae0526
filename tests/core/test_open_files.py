"""core.open_files: how many files are held open, and that none is held which is not under its name any more."""

import os
import shutil
import threading
from pathlib import Path

import pytest

from core.open_files import IDLE_S, MAX_OPEN, NAMED_S, SEEN_S, OpenFile, OpenFiles

DESCRIPTORS = Path("/proc/self/fd")
counted = pytest.mark.skipif(not DESCRIPTORS.exists(), reason="the system does not list descriptors")


class Clock:
    """A clock that is set."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def files(clock):
    made = OpenFiles(clock)
    yield made
    made.close()


@pytest.fixture
def kept(files, tmp_path):
    path = str(tmp_path / "folder" / "a")
    Path(path).parent.mkdir()
    Path(path).write_bytes(b"old")
    files.keep(path, files.open(path))
    return path


def read(file):
    return os.pread(file.descriptor, 100, 0)


def held(folder):
    """Files of a folder that this process holds open."""
    links = []
    for one in DESCRIPTORS.iterdir():
        try:
            links.append(str(one.readlink()))
        except OSError:
            continue
    return sum(link.startswith(str(folder)) for link in links)


def test_a_file_is_opened_once_as_long_as_it_stays(files, kept, clock):
    first = files.get(kept)
    clock.now += 5 * NAMED_S
    assert files.get(kept) is first
    assert read(first) == b"old"


def replace(path):
    aside = Path(path).with_name("aside")
    aside.write_bytes(b"new")
    aside.replace(path)


def write_within(path):
    Path(path).write_bytes(b"longer than it was")


def write_as_long(path):
    with Path(path).open("r+b") as file:
        file.write(b"new")
        file.flush()
        os.utime(path, ns=(1, 1))


def move(path):
    Path(path).rename(Path(path).with_name("elsewhere"))


@pytest.mark.parametrize("change", [replace, write_within, write_as_long, move, os.unlink])
def test_a_file_that_is_replaced_written_moved_or_removed_is_not_given_any_more(files, kept, change):
    os.utime(kept, ns=(5, 5))  # its state is of another moment than what follows
    files.keep(kept, files.open(kept))
    assert files.get(kept) is not None
    threading.Event().wait(0.02)  # the clock of a file system ticks every few milliseconds
    change(kept)
    assert files.get(kept) is None
    assert len(files) == 0


def test_a_file_looked_at_a_moment_ago_is_taken_as_it_was_and_looked_at_again_after(files, kept, clock):
    first = files.near(kept)
    assert read(first) == b"old"
    replace(kept)
    clock.now += SEEN_S / 2
    assert files.near(kept) is first
    clock.now += SEEN_S
    assert files.near(kept) is None
    assert files.near(kept) is None


def test_a_file_that_is_forgotten_is_not_near(files, kept):
    assert files.near(kept) is not None
    files.forget(kept)
    files.forget(kept)
    assert files.near(kept) is None


def test_a_replaced_or_removed_file_is_noticed_within_a_tick_too(files, kept):
    for _ in range(50):
        replace(kept)
        files.keep(kept, files.open(kept))
        replace(kept)
        assert files.get(kept) is None


def test_a_folder_put_in_the_place_of_another_is_noticed_after_a_second(files, kept, clock):
    folder = Path(kept).parent
    shutil.copytree(folder, folder.with_name("other"))
    folder.rename(folder.with_name("away"))
    folder.with_name("other").rename(folder)
    clock.now += 1.01 * NAMED_S
    assert files.get(kept) is None


def test_a_name_that_leads_nowhere_is_noticed_after_a_second(files, kept, clock):
    folder = Path(kept).parent
    folder.rename(folder.with_name("away"))
    clock.now += 1.01 * NAMED_S
    assert files.get(kept) is None
    assert len(files) == 0


@counted
def test_no_more_files_are_held_open_than_the_bound_and_the_last_used_stay(files, tmp_path):
    paths = [str(tmp_path / f"{number}") for number in range(MAX_OPEN + 20)]
    for path in paths:
        Path(path).write_bytes(path.encode())
        files.keep(path, files.open(path))
        assert files.get(paths[0]) is not None
    assert len(files) == held(tmp_path) == MAX_OPEN
    assert files.get(paths[1]) is None
    assert read(files.get(paths[-1])) == paths[-1].encode()


@counted
def test_a_file_that_nobody_uses_gives_its_room_back(files, kept, tmp_path, clock):
    other = tmp_path / "other"
    other.write_bytes(b"x")
    Path(kept).unlink()
    clock.now += IDLE_S / 2
    files.keep(str(other), files.open(str(other)))
    assert held(tmp_path) == 2
    clock.now += IDLE_S * 0.6
    files.open(str(other))
    assert held(tmp_path) == 1
    assert len(files) == 1


@counted
def test_a_file_in_use_stays_open_when_it_is_not_kept_any_more(files, kept, tmp_path):
    file = files.get(kept)
    files.close()
    assert held(tmp_path) == 1
    assert read(file) == b"old"
    del file
    assert held(tmp_path) == 0


@counted
@pytest.mark.parametrize("name", [".", "absent"])
def test_what_is_no_file_is_not_opened_nor_held(files, tmp_path, name):
    with pytest.raises(OSError, match=r"Is a directory|No such file"):
        files.open(str(tmp_path / name))
    assert held(tmp_path) == 0


def test_an_etag_changes_with_the_content(tmp_path):
    path = str(tmp_path / "a")
    tags = set()
    for _ in range(20):
        Path(path).with_name("aside").write_bytes(b"%d" % len(tags))
        os.utime(Path(path).with_name("aside"), ns=(len(tags), len(tags)))
        Path(path).with_name("aside").replace(path)
        tags.add(OpenFile(path, 0.0).etag)
    assert len(tags) == 20


def test_threads_that_open_look_up_and_let_go_do_not_disturb_each_other(files, tmp_path):
    paths = [str(tmp_path / f"{number}") for number in range(MAX_OPEN + 30)]
    for path in paths:
        Path(path).write_bytes(path.encode())
    failures = []

    def use(step):
        try:
            for turn in range(1500):
                path = paths[turn * step % len(paths)]
                file = files.get(path)
                if file is None:
                    file = files.open(path)
                    files.keep(path, file)
                assert read(file) == path.encode()
        except BaseException as error:  # noqa: BLE001 - the test tells it
            failures.append(error)

    threads = [threading.Thread(target=use, args=(step,)) for step in (1, 7, 11, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(files) <= MAX_OPEN
