"""A packed R-tree over boxes that are already in the order of a curve, so that nodes are runs of neighbours.

The tree holds, level above level, the box around every `NODE` boxes of the level
below; the boxes themselves are level 0 and stand apart. The root is the last node.
"""

import numpy as np
from numba import njit, types, void

from kernels.signature import BYTES, KINDS, LIST, PAIRS, VERTICES

QUERIES = types.Array(types.int64, 2, "C", readonly=True)

NODE = 16
"""Children of a node at most."""

_DEEPEST = 16
"""Levels a tree can have: enough for 16^16 boxes."""


def tree_nodes(count: int) -> int:
    """Return how many nodes the tree of `count` boxes has."""
    nodes = 0
    while count > 1 or (count == 1 and nodes == 0):
        count = -(-count // NODE)
        nodes += count
    return nodes


@njit(void(VERTICES, PAIRS), cache=True, nogil=True)
def build_tree(boxes, tree):
    """Write the nodes of a tree.

    Args:
        boxes: Lowest x, lowest y, highest x, highest y of each item, shape (n, 4).
        tree: The same of each node, shape (`tree_nodes(n)`, 4). Modified.
    """
    count, level, below, at = boxes.shape[0], 0, 0, 0
    while at < tree.shape[0]:
        nodes = (count + NODE - 1) // NODE
        for node in range(nodes):
            first = node * NODE
            last = min(first + NODE, count)
            for child in range(first, last):
                for side in range(4):
                    value = boxes[child, side] if level == 0 else tree[below + child, side]
                    known = tree[at + node, side]
                    if child == first or (value < known if side < 2 else value > known):
                        tree[at + node, side] = value
        below, count, level = at, nodes, level + 1
        at += nodes


@njit(
    types.int64(VERTICES, VERTICES, KINDS, types.int64, types.int64, types.int64, types.int64, LIST),
    cache=True,
    nogil=True,
)
def search_tree(boxes, tree, shown, low_x, low_y, high_x, high_y, found):
    """Write the numbers of the items whose box meets another, edges included, lowest first; return how many there are.

    Args:
        boxes: Lowest x, lowest y, highest x, highest y of each item, shape (n, 4).
        tree: What `build_tree` made of them.
        shown: 0 for items that are passed over, shape (n,); empty where there are none of these.
        low_x: Lowest x of the box.
        low_y: Lowest y.
        high_x: Highest x.
        high_y: Highest y.
        found: Receives the numbers; when there are more than it holds, only the first. Modified.
    """
    firsts = np.empty(_DEEPEST + 1, np.int64)  # where each level of nodes begins
    counts = np.empty(_DEEPEST + 1, np.int64)
    levels, count, at = 0, boxes.shape[0], 0
    counts[0] = count
    while at < tree.shape[0]:
        count = (count + NODE - 1) // NODE
        levels += 1
        firsts[levels], counts[levels] = at, count
        at += count
    if levels == 0:
        return 0
    stack = np.empty((levels + 1) * NODE * 2, np.int64)
    stack[0], stack[1] = levels, 0
    height, total = 2, 0
    while height > 0:
        height -= 2
        level, node = stack[height], stack[height + 1]
        place = firsts[level] + node
        if tree[place, 0] > high_x or tree[place, 1] > high_y or tree[place, 2] < low_x or tree[place, 3] < low_y:
            continue
        first = node * NODE
        last = min(first + NODE, counts[level - 1])
        if level > 1:
            for child in range(last - 1, first - 1, -1):
                stack[height], stack[height + 1] = level - 1, child
                height += 2
            continue
        for item in range(first, last):
            if (
                boxes[item, 0] <= high_x
                and boxes[item, 1] <= high_y
                and boxes[item, 2] >= low_x
                and boxes[item, 3] >= low_y
                and (shown.size == 0 or shown[item] != 0)
            ):
                if total < found.size:
                    found[total] = item
                total += 1
    return total


@njit(
    types.int64(VERTICES, VERTICES, QUERIES, types.int64, LIST, BYTES, LIST),
    cache=True,
    nogil=True,
)
def search_many(boxes, tree, queries, patience, scratch, marks, found):
    """Write the numbers of the items that meet any of several boxes, each once; return how many.

    Args:
        boxes: As for `search_tree`.
        tree: As for `search_tree`.
        queries: Lowest x, lowest y, highest x, highest y of each box, edges included, shape (q, 4).
        patience: When more items were met than this, the same ones again and again included, the answer is -1.
        scratch: Room for the numbers of all items. Modified.
        marks: Zeros, one for each item: 1 for those that were found. Modified.
        found: Receives the numbers, in no order; room for all items. Modified.
    """
    nothing = marks[:0]
    total, met = np.int64(0), np.int64(0)
    for k in range(queries.shape[0]):
        count = search_tree(boxes, tree, nothing, queries[k, 0], queries[k, 1], queries[k, 2], queries[k, 3], scratch)
        met += count
        if met > patience:
            return -1
        for i in range(count):
            item = scratch[i]
            if marks[item] == 0:
                marks[item] = np.uint8(1)
                found[total] = item
                total += 1
    return total
