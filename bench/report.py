"""What a bench run found: one JSON document, or a table for a person."""

from collections.abc import Sequence

import msgspec


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One pass of a race over one side."""

    race: str
    """Row the pass belongs to."""

    side: str
    """Name of the peer, ours included."""

    requests: int
    cpu_s: float
    """CPU time of the server and its children, seconds."""

    wall_s: float
    p50_ms: float
    p99_ms: float
    rss_bytes: int
    """Resident memory of the server and its children after the pass."""

    received: int
    """Bytes of all bodies."""

    gets: int | None = None
    """Requests for the source that the S3 server counted meanwhile; None where it lies in a folder."""

    @property
    def per_cpu_second(self) -> float:
        """Requests per CPU second of the server."""
        return self.requests / self.cpu_s


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One figure of ours beside the peer's."""

    id: str
    what: str
    unit: str
    ours: float | None
    """Median over the passes; None when it was not timed."""

    peer: str
    """Name of the strongest peer timed; else why none was."""

    peer_value: float | None
    ratio: float | None
    """Ours over the peer's."""

    target: str
    holds: bool | None
    """Whether the target is reached; None when there was no peer to tell by."""

    note: str = ""
    """What else was seen; not in the document when there is nothing to say."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The document that `geopf bench --json` prints."""

    scenario: str
    machine: dict[str, str | int]
    versions: dict[str, str]
    rows: tuple[Row, ...]


def format_table(report: Report, runs: Sequence[Run]) -> str:
    """Lay out a report, and under it what each side's passes looked like from the client."""
    head = ("id", "ours", "peer", "peer's", "ratio", "target", "holds", "what")
    body = [
        (
            row.id,
            _number(row.ours),
            row.peer,
            _number(row.peer_value),
            "-" if row.ratio is None else f"{row.ratio:.2f}x",
            row.target,
            "?" if row.holds is None else "yes" if row.holds else "no",
            row.what,
        )
        for row in report.rows
    ]
    notes = [f"{row.id}: {row.note}" for row in report.rows if row.note]
    passes = [
        (
            run.race,
            run.side,
            f"{run.requests}",
            f"{run.cpu_s:.2f}",
            f"{run.requests / run.wall_s:.0f}" if run.wall_s else "-",
            f"{run.p50_ms:.1f}",
            f"{run.p99_ms:.1f}",
            f"{run.rss_bytes / 2**20:.0f}",
        )
        for run in runs
    ]
    units = ", ".join(dict.fromkeys(row.unit for row in report.rows))
    seen = _columns(("id", "side", "requests", "CPU s", "req/s", "p50 ms", "p99 ms", "RSS MiB"), passes)
    return "\n".join(
        [f"{report.scenario}, {units}", _columns(head, body), *notes, *(["", "passes", seen] if passes else [])]
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"


def _columns(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in (head, *body)) for column in range(len(head))]
    lines = (head, ["-" * width for width in widths], *body)
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
