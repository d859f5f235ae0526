"""The object store as a folder: one file an object, under its own name, so that any GIS opens it."""

import asyncio
import errno
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import uuid4

from core.errors import ObjectNotFound, PreconditionFailed, RangeNotSatisfiable, StoreFull, Unavailable
from core.open_files import OpenFile, OpenFiles, etag_of
from core.storage import ObjectInfo, StoredObject, check_key

INLINE_BYTES = 256 * 1024
"""Reads up to this length happen on the event loop: from the page cache they cost less than a thread hop."""

_INCOMING = ".incoming"
"""Folder of files being written, in the same filesystem as the objects; no key may begin with it."""

_STALE_S = 24 * 3600.0
"""Age after which a file being written belongs to nobody."""

_MOVES = 20

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG})


class DirectoryStore:
    """Objects as files under a root folder.

    A file is written aside and moved into place, so a reader sees the old object or
    the new one. The ETag is made of inode, time and length, which a move always changes.
    A key that is a folder of other keys cannot be an object too: writing it is refused.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._prefix = f"{self._root}/"
        self._files = OpenFiles()
        self._incoming = self._root / _INCOMING
        self._incoming.mkdir(parents=True, exist_ok=True)
        _forget_stale(self._incoming)

    def __reduce__(self) -> tuple[type["DirectoryStore"], tuple[Path]]:
        """Go to another program as what it was made of: files stay open where they are."""
        return DirectoryStore, (self._root,)

    def location(self, key: str) -> str:
        """Return the absolute path of an object."""
        return str(self._path(key))

    async def head(self, key: str) -> ObjectInfo:
        """Return size and ETag of an object."""
        return _info(key, self._open(key))

    async def get(self, key: str, *, if_none_match: str = "") -> StoredObject | None:
        """Return an object, or None when its ETag still equals `if_none_match`."""
        file = self._open(key)
        if if_none_match == file.etag:
            return None
        return StoredObject(_info(key, file), await _read(file, 0, file.size))

    async def get_start(self, key: str, length: int) -> StoredObject:
        """Return the first bytes of an object, with its size and ETag."""
        file = self._open(key)
        return StoredObject(_info(key, file), await _read(file, 0, min(length, file.size)))

    async def get_range(self, key: str, offset: int, length: int, *, if_match: str = "") -> bytes:
        """Return `length` bytes from `offset`, fewer when the object ends before."""
        path = self._prefix + key
        file = self._files.get(path)
        if file is None:
            file = self._open(key)
            self._files.keep(path, file)
        if if_match and if_match != file.etag:
            raise PreconditionFailed(f"{key} has changed")
        if offset >= file.size:
            raise RangeNotSatisfiable(f"{key} ends at byte {file.size}, before {offset}", size=file.size)
        return await _read(file, offset, min(length, file.size - offset))

    def near_range(self, key: str, offset: int, length: int, *, if_match: str) -> bytes | None:
        """Return a short stretch of a file that is open already."""
        file = self._files.near(self._prefix + key)
        if file is None or file.etag != if_match or length > INLINE_BYTES:
            return None
        try:
            data = os.pread(file.descriptor, length, offset)
        except OSError:
            return None
        return data if len(data) == length else None

    async def put(self, key: str, data: bytes) -> ObjectInfo:
        """Store `data` under `key`, replacing what was there."""
        target = self._path(key)
        if len(data) <= INLINE_BYTES:
            return self._write(key, target, lambda path: path.write_bytes(data))
        return await asyncio.to_thread(self._write, key, target, lambda path: path.write_bytes(data))

    async def put_file(self, key: str, path: Path) -> ObjectInfo:
        """Store a copy of a local file under `key`."""
        return await asyncio.to_thread(self._copy, key, self._path(key), path)

    async def copy(self, key: str, target: str) -> ObjectInfo:
        """Store the content of `key` under `target` as well: one file under two names, as objects never change."""
        self._open(key)  # says what is wrong when it is not there
        return await asyncio.to_thread(self._link, self._path(key), target)

    async def delete(self, key: str) -> None:
        """Remove an object and the folders it leaves empty."""
        path = self._path(key)
        try:
            path.unlink()
        except OSError as err:
            if err.errno not in _ABSENT:
                raise _unavailable(err) from err
            return
        self._files.forget(str(path))
        for folder in path.parents:
            if folder == self._root:
                return
            try:
                folder.rmdir()
            except OSError:
                return

    async def list(self, prefix: str) -> AsyncIterator[ObjectInfo]:
        """Yield the objects whose key begins with `prefix`, sorted by key."""
        folder = prefix.rpartition("/")[0]
        if folder and not self._is_folder(folder):
            return
        for key, status in await asyncio.to_thread(lambda: list(self._walk(folder, prefix))):
            yield _info_of(key, status)

    async def close(self) -> None:
        """Close the files that are held open."""
        self._files.close()

    def _path(self, key: str) -> Path:
        check_key(key)
        if key.split("/", 1)[0] == _INCOMING:
            msg = f"{key!r} begins with {_INCOMING}, which the store keeps for itself"
            raise ValueError(msg)
        return self._root / key

    def _open(self, key: str) -> OpenFile:
        try:
            return self._files.open(str(self._path(key)))
        except OSError as err:
            if err.errno in _ABSENT:
                raise ObjectNotFound(f"nothing is stored under {key}") from None
            raise _unavailable(err) from err

    def _copy(self, key: str, target: Path, path: Path) -> ObjectInfo:
        with path.open("rb"):  # opened before, so that a source that cannot be read is not taken for a store that fails
            return self._write(key, target, lambda made: shutil.copyfile(path, made))

    def _link(self, source: Path, target: str) -> ObjectInfo:
        path = self._path(target)
        aside = self._incoming / f"{uuid4().hex}.link"
        try:
            aside.hardlink_to(source)
        except OSError:  # a file system without second names, or no more of them
            return self._copy(target, path, source)
        try:
            _move(aside, path)
            self._files.forget(str(path))
            return _info_of(target, path.stat())
        except OSError as err:
            raise _write_error(target, err) from err
        finally:
            aside.unlink(missing_ok=True)  # a move onto a name of the same file leaves both

    def _write(self, key: str, target: Path, fill: Callable[[Path], object]) -> ObjectInfo:
        """Fill a file aside, make it durable and move it into place."""
        try:
            handle, name = tempfile.mkstemp(dir=self._incoming)
        except OSError as err:
            raise _write_error(key, err) from err
        aside = Path(name)
        try:
            fill(aside)
            os.fsync(handle)
            os.fchmod(handle, 0o644)
            now = time.time_ns()
            os.utime(handle, ns=(now, now))  # the kernel's own clock ticks every 4 ms, and inodes come back
            _move(aside, target)
            self._files.forget(str(target))
            return _info_of(key, os.fstat(handle))
        except OSError as err:
            raise _write_error(key, err) from err
        finally:
            os.close(handle)
            aside.unlink(missing_ok=True)

    def _is_folder(self, folder: str) -> bool:
        """Tell whether keys may begin with a folder; `..` leads out of the store."""
        try:
            return self._path(folder).is_dir()
        except (ValueError, OSError):
            return False

    def _walk(self, folder: str, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
        """Yield keys and states below a folder, in the order of the keys' UTF-8 bytes."""
        found = []
        for place, folders, files in os.walk(self._root / folder):
            if Path(place) == self._root:
                folders[:] = [name for name in folders if name != _INCOMING]
            for name in files:
                path = Path(place) / name
                key = path.relative_to(self._root).as_posix()
                if key.startswith(prefix):
                    found.append((key, path))
        for key, path in sorted(found, key=lambda pair: pair[0].encode()):
            try:
                yield key, path.stat()
            except FileNotFoundError:
                continue


def _move(aside: Path, target: Path) -> None:
    """Move a file into place; a concurrent delete may take the emptied folder away in between."""
    for attempt in range(1, _MOVES + 1):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            aside.replace(target)
        except (FileNotFoundError, FileExistsError):  # gone after it was made, or between being seen and looked at
            if attempt == _MOVES:
                raise
        else:
            return


async def _read(file: OpenFile, offset: int, length: int) -> bytes:
    try:
        if length <= INLINE_BYTES:
            return os.pread(file.descriptor, length, offset)
        return await asyncio.to_thread(_read_long, file, offset, length)
    except OSError as err:
        raise _unavailable(err) from err


def _read_long(file: OpenFile, offset: int, length: int) -> bytes:
    """Read all of a stretch: one pread gives 2 GiB at most."""
    pieces, end = [], offset + length
    while offset < end:
        piece = os.pread(file.descriptor, min(end - offset, 1 << 30), offset)
        if not piece:
            break
        pieces.append(piece)
        offset += len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _info(key: str, file: OpenFile) -> ObjectInfo:
    return ObjectInfo(key=key, size=file.size, etag=file.etag)


def _info_of(key: str, status: os.stat_result) -> ObjectInfo:
    return ObjectInfo(key=key, size=status.st_size, etag=etag_of(status))


def _write_error(key: str, error: OSError) -> StoreFull | Unavailable | ValueError:
    if error.errno in _FULL:
        return StoreFull(f"no room left to store {key} ({error.strerror})", "free disk space or raise the quota")
    if error.errno in {errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY}:
        return ValueError(f"{key!r} cannot be an object: a folder of keys and an object would have one name")
    if error.errno == errno.ENAMETOOLONG:
        return ValueError(f"{key!r} cannot be a file: a name between two `/` has 255 bytes at most")
    return _unavailable(error)


def _unavailable(error: OSError) -> Unavailable:
    return Unavailable(
        f"the object store cannot be used ({error.strerror}: {error.filename})", "check GEOPF_STORAGE_URL"
    )


def _forget_stale(incoming: Path) -> None:
    oldest = time.time() - _STALE_S
    for path in incoming.iterdir():
        try:
            if path.stat().st_mtime < oldest:
                path.unlink()
        except OSError:
            continue
