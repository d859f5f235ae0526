"""The machine the figures come from."""

import os
import platform
from pathlib import Path


def describe_machine(proc: Path = Path("/proc")) -> dict[str, str | int]:
    """Return processor, cores usable, memory in bytes and system."""
    return {
        "processor": _processor(proc / "cpuinfo") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": platform.platform(),
    }


def _processor(cpuinfo: Path) -> str:
    if not cpuinfo.is_file():
        return ""
    for line in cpuinfo.read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return ""
