"""What requests and tiles are counted in: plain numbers, made into metrics when Prometheus asks for them.

A counter of the client library takes a lock and walks through three functions each time,
which for a tile that is sent as it is stored was a tenth of all the work. These belong to
the event loop that answers, on which `/metrics` is answered too.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from core.telemetry import REGISTRY

BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper ends of the classes of times, seconds; what takes longer is in a last one."""


class RoomCounts:
    """Requests of one room: how they ended, how long they took, what was sent."""

    def __init__(self) -> None:
        self.answers: defaultdict[int, int] = defaultdict(int)
        """Answers by status."""
        self.sent = 0
        """Bytes of content."""
        self.seconds = 0.0
        """Time of all of them."""
        self.classes = [0] * (len(BOUNDS_S) + 1)
        """Requests by the class of their time."""

    def note(self, status: int, sent: int, seconds: float) -> None:
        """Count one request.

        Args:
            status: HTTP status of the answer.
            sent: Bytes of its content.
            seconds: Time from the request to the last byte handed over.
        """
        self.answers[status] += 1
        self.sent += sent
        self.seconds += seconds
        self.classes[bisect_left(BOUNDS_S, seconds)] += 1


class Counts(Collector):
    """The counts of a program: of its rooms, and of the plans that tiles were made by."""

    def __init__(self) -> None:
        self._rooms: dict[str, RoomCounts] = {}
        self._plans: defaultdict[str, int] = defaultdict(int)

    def room(self, name: str) -> RoomCounts:
        """Return the counts of a room, the same for the same name."""
        return self._rooms.setdefault(name, RoomCounts())

    def plan(self, name: str) -> None:
        """Count one tile made by a plan."""
        self._plans[name] += 1

    def collect(self) -> Iterator[Metric]:
        """Yield them as Prometheus wants them."""
        requests = CounterMetricFamily("geopf_requests", "Requests answered.", labels=("route", "status"))
        seconds = HistogramMetricFamily(
            "geopf_request_seconds", "Time from the request to the last byte handed over, seconds.", labels=("route",)
        )
        sent = CounterMetricFamily("geopf_sent_bytes", "Bytes of content sent.", labels=("route",))
        plans = CounterMetricFamily("geopf_tile_plans", "Tiles made, by the plan that made them.", labels=("plan",))
        for name, room in self._rooms.items():
            for status, count in room.answers.items():
                requests.add_metric((name, str(status)), count)
            ends = (*map(floatToGoString, BOUNDS_S), "+Inf")
            seconds.add_metric((name,), list(zip(ends, accumulate(room.classes), strict=True)), room.seconds)
            sent.add_metric((name,), room.sent)
        for plan, count in self._plans.items():
            plans.add_metric((plan,), count)
        yield from (requests, seconds, sent, plans)


@cache
def counts() -> Counts:
    """Return the counts of this program, which `/metrics` shows."""
    made = Counts()
    REGISTRY.register(made)
    return made
