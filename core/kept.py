"""What is kept in memory of what was used last, bounded by what it weighs."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """The values used last, none of them None; belongs to one event loop."""

    def __init__(self, capacity: int, weigh: Callable[[V], int]) -> None:
        """Keep nothing yet.

        Args:
            capacity: What all values may weigh together, in the unit of `weigh`: mostly bytes.
            weigh: Tells what a value weighs, the same each time.
        """
        self.weight = 0
        """What all values weigh at this moment."""
        self._capacity = capacity
        self._weigh = weigh
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return the value of `key` if it is kept, as used just now."""
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def keep(self, key: K, value: V) -> int:
        """Keep a value in place of the one that `key` had; one that weighs more than all may is not kept.

        Returns:
            How many were dropped to make room.
        """
        self.drop(key)
        weight = self._weigh(value)
        if weight > self._capacity:
            return 0
        dropped = 0
        while self.weight + weight > self._capacity:
            self.weight -= self._weigh(self._values.popitem(last=False)[1])
            dropped += 1
        self._values[key] = value
        self.weight += weight
        return dropped

    def drop(self, key: K) -> None:
        """Keep the value of `key` no more."""
        value = self._values.pop(key, None)
        if value is not None:
            self.weight -= self._weigh(value)
