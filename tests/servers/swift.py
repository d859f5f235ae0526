"""OpenStack Swift with its S3 interface: a real object store, written by others, to test against."""

import asyncio
import contextlib
import getpass
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from swift.common.ring import RingBuilder

from core.errors import Unavailable
from core.s3 import S3Store
from core.s3_settings import s3_settings

ROOT = Path(__file__).parent.parent.parent
MAKE = ROOT / ".make"
STORAGE = ("account", "container", "object")
START_S = 30

SWIFT_CONF = """
[swift-hash]
swift_hash_path_suffix = geopf
swift_hash_path_prefix = geopf

[storage-policy:0]
name = only
default = yes
"""

STORAGE_CONF = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {root}
devices = {root}/devices
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
workers = 0
log_name = {kind}
log_level = WARNING
log_address = {root}/no-syslog

[pipeline:main]
pipeline = {kind}-server

[app:{kind}-server]
use = egg:swift#{kind}
"""

PROXY_CONF = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {root}
workers = 0
log_name = proxy
log_level = WARNING
log_address = {root}/no-syslog

[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats s3api tempauth copy slo symlink proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true

[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = {region}
s3_acl = false
allow_multipart_uploads = true
min_segment_size = 1
max_bucket_listing = 10
[filter:tempauth]
use = egg:swift#tempauth
user_{account}_{name} = {secret} .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
rate_limit_after_segment = 1000000
[filter:symlink]
use = egg:swift#symlink
"""


class Swift:
    """Where a running Swift is and how to sign for it."""

    access_key = "geopf:tester"
    secret_key = "not-a-secret"
    region = "gra"
    bucket = "bucket"

    def __init__(self, port):
        self.endpoint = f"http://127.0.0.1:{port}"

    def environ(self):
        """The variables that S3 tools read."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }


@contextmanager
def running_swift(folder):
    """Run Swift with an empty bucket; its files and logs go below `folder` when that can hold them.

    Raises:
        RuntimeError: No folder takes the extended attributes that Swift needs, or it does not start.
    """
    with contextlib.ExitStack() as stack:
        root = stack.enter_context(_roomy_folder(Path(folder)))
        ports = _free_ports(("memcached", *STORAGE, "proxy"))
        _write_configuration(root, ports)
        _write_rings(root, ports)
        programs = {
            "memcached": ["tests.servers.memcached", str(ports["memcached"])],
            "swift": ["tests.servers.swift_process", str(root)],
        }
        running = {
            name: stack.enter_context(_process([sys.executable, "-m", *program], root, name))
            for name, program in programs.items()
        }
        swift = Swift(ports["proxy"])
        _wait_until_healthy(swift, running, root)
        asyncio.run(_create_bucket(swift))
        yield swift


@contextmanager
def _roomy_folder(folder):
    """Yield a new folder whose files take extended attributes, below `folder` or else below `.make`."""
    for parent in (folder, MAKE):
        parent.mkdir(parents=True, exist_ok=True)
        if _takes_attributes(parent):
            with tempfile.TemporaryDirectory(prefix="swift-", dir=parent) as made:
                yield Path(made)
            return
    raise RuntimeError(f"neither {folder} nor {MAKE} takes the extended attributes that Swift needs")


def _takes_attributes(folder):
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        try:
            os.setxattr(file.name, "user.swift.metadata", b"x" * 2000)
        except OSError:
            return False
        return True


def _free_ports(kinds):
    """A free port for each kind of server; all are held until the last is known, so none is given twice."""
    with contextlib.ExitStack() as stack:
        ports = {}
        for kind in kinds:
            held = stack.enter_context(socket.socket())
            held.bind(("127.0.0.1", 0))
            ports[kind] = held.getsockname()[1]
        return ports


def _write_configuration(root, ports):
    (root / "devices" / "disk").mkdir(parents=True)
    (root / "swift.conf").write_text(SWIFT_CONF)
    user = getpass.getuser()
    for kind in STORAGE:
        text = STORAGE_CONF.format(kind=kind, port=ports[kind], user=user, root=root)
        (root / f"{kind}-server.conf").write_text(text)
    account, name = Swift.access_key.split(":")
    text = PROXY_CONF.format(
        port=ports["proxy"],
        memcached=ports["memcached"],
        user=user,
        root=root,
        region=Swift.region,
        account=account,
        name=name,
        secret=Swift.secret_key,
    )
    (root / "proxy-server.conf").write_text(text)


def _write_rings(root, ports):
    """Place every account, container and object on one device: one partition would do, Swift wants some."""
    for kind in STORAGE:
        builder = RingBuilder(part_power=2, replicas=1, min_part_hours=0)
        builder.add_dev(
            {
                "id": 0,
                "region": 1,
                "zone": 1,
                "weight": 1.0,
                "ip": "127.0.0.1",
                "port": ports[kind],
                "replication_ip": "127.0.0.1",
                "replication_port": ports[kind],
                "device": "disk",
                "meta": "",
            }
        )
        builder.rebalance(seed=1)
        builder.get_ring().save(str(root / f"{kind}.ring.gz"))


@contextmanager
def _process(program, root, name):
    with (root / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(program, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_healthy(swift, running, root):
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        ended = [name for name, process in running.items() if process.poll() is not None]
        if ended:
            raise RuntimeError(f"{ended[0]} ended: {(root / f'{ended[0]}.log').read_text()[-2000:]}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{swift.endpoint}/healthcheck", timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"Swift does not answer after {START_S} s; its logs are in {root}")


async def _create_bucket(swift):
    """Create the bucket; the servers behind the proxy may still be starting, so it is tried again."""
    store = S3Store(swift.bucket, "", s3_settings(swift.environ()))
    deadline = time.monotonic() + START_S
    try:
        while True:
            try:
                await store.ensure_bucket()
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)
            else:
                return
    finally:
        await store.close()
