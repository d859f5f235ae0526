"""Features of a layer in pages, one by one, counted, or as a stream: what routes are made of."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Iterator

import msgspec
import numpy as np
import pyarrow as pa

from core.changes import Changes
from core.errors import BadRequest, BadSource, Conflict, NotFound, TooLarge
from core.layer import VectorSource
from core.storage import ObjectReader
from tiler.pool import RenderPool
from tiler.vector.query.condition import Condition, Names, bind, both
from tiler.vector.query.filter_read import Language, parse_filter
from tiler.vector.query.footer import Footer, Footers
from tiler.vector.query.ranged import RangedFile
from tiler.vector.query.reference import CRS84, parse_bbox, parse_reference, place, stored_crs
from tiler.vector.query.selection import (
    ROW,
    Order,
    Selection,
    attributes,
    candidates,
    choose_properties,
    cost,
    scan,
    sort_rows,
    take,
)
from tiler.vector.query.spatial import Place, compare_places


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What one query may cost."""

    page_features: int = 10_000
    """Features of a page at most."""

    page_bytes: int = 64 << 20
    """Bytes of a page at most, as they stand in memory before they are encoded."""

    read_bytes: int = 2 << 30
    """Bytes that a query reads at most, as they are stored."""

    sorted_features: int = 2_000_000
    """Features that are sorted at most."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which features are wanted, in the words of OGC API Features."""

    bbox: str = ""
    """Lowest x, lowest y, highest x, highest y, in the order of the CRS; empty for everywhere."""

    bbox_crs: str = CRS84
    filter: str = ""
    """A filter in CQL2; empty for none."""

    filter_lang: Language = "cql2-text"
    filter_crs: str = CRS84
    properties: tuple[str, ...] | None = None
    """Attributes of the answer; None for all of them."""

    sort_by: tuple[Order, ...] = ()
    """Attributes to sort by, the first first; ties stand in the order of the file."""


class Page(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """Some of the features that match."""

    features: pa.Table
    """Attributes, the geometry (WKB in the CRS of the layer) and `ROW`, the id."""

    next: str
    """Token of the page that follows; empty when this is the last."""


class _Token(msgspec.Struct, frozen=True, array_like=True):
    digest: str
    """Of the version of the file and the query."""
    at: int
    """Number of the feature to begin with; of sorted answers, how many were given."""


class VectorQueries:
    """Answers queries to vector layers; belongs to one event loop.

    Its threads wait for ranges that the event loop fetches, in the executor of the loop
    among others, so they are no threads of that executor: it would wait for itself.
    """

    def __init__(self, store: ObjectReader, bounds: Bounds | None = None, *, threads: int = 2, queue: int = 64) -> None:
        self._store = store
        self._bounds = bounds or Bounds()
        self._reading = RenderPool(threads, queue)
        self.writing = RenderPool(threads, 2 * threads)
        """Threads that write files, which wait for those that read."""
        self._footers = Footers(store, self._reading)

    def close(self) -> None:
        """End the threads."""
        self._reading.close()
        self.writing.close()

    async def page(
        self,
        source: VectorSource,
        query: Query,
        *,
        limit: int = 10,
        offset: int = 0,
        token: str = "",
        changes: tuple[Changes, ...] = (),
    ) -> Page:
        """Return the features that match, from a place on.

        Args:
            source: The layer.
            query: What is asked.
            limit: Features at most, 1 to `Bounds.page_features`.
            offset: Features that match and are passed over; slower than a token.
            token: `Page.next` of the page before, of the same query.
            changes: What has changed since the source was stored.

        Raises:
            BadRequest: The query cannot be understood.
            Conflict: The layer has changed since the token was given.
            TooLarge: The query reads or sorts too much, or the page is too heavy.
            BadSource: The file is missing or damaged.
            Unavailable: The store does not answer.
        """
        if not 1 <= limit <= self._bounds.page_features or not 0 <= offset < 1 << 62:
            raise BadRequest(
                f"limit={limit} and offset={offset} are out of bounds",
                f"ask 1 to {self._bounds.page_features:,} features from an offset of 0 or more",
            )
        selection, file = await self._open(source, query, changes)
        digest = _digest(selection.footer, query, changes)
        start = _read_token(token, digest) if token else None
        step = self._sorted_page if query.sort_by else self._plain_page
        table, following = await self._reading.run(step, file, selection, query, limit, offset, start)
        return Page(features=table, next="" if following is None else _write_token(digest, following))

    async def stream(
        self, source: VectorSource, query: Query, changes: tuple[Changes, ...] = ()
    ) -> tuple[pa.Schema, AsyncIterator[pa.Table]]:
        """Return all features that match, in the order of the file, with the schema of the tables.

        What it costs is looked at before anything is given.

        Raises:
            BadRequest: The query cannot be understood, or asks for an order.
            TooLarge: It reads too much.
            BadSource: The file is missing or damaged.
            Unavailable: The store does not answer.
        """
        if query.sort_by:
            raise BadRequest(
                "a stream of all features has the order of the layer", "leave the sorting out or ask pages"
            )
        selection, file = await self._open(source, query, changes)
        groups = self._affordable(selection)
        schema = pa.schema([selection.footer.schema.field(name) for name in selection.answer])
        return schema.append(pa.field(ROW, pa.int64())), self._stepwise(scan(file, selection, groups))

    async def feature(
        self,
        source: VectorSource,
        identifier: int,
        properties: tuple[str, ...] | None = None,
        changes: tuple[Changes, ...] = (),
    ) -> pa.Table:
        """Return one feature by its id, which is its number in the file.

        Raises:
            NotFound: The layer has none of this id.
            BadRequest: The layer has no such attribute.
            BadSource: The file is missing or damaged.
            Unavailable: The store does not answer.
        """
        selection, file = await self._open(source, Query(properties=properties), changes)
        end = selection.first_rows[-1]
        if not 0 <= identifier < end:
            raise NotFound(f"the layer has no feature {identifier}", f"ids are 0 to {end - 1}")
        found = await self._reading.run(take, file, selection, np.array([identifier]))
        if found[selection.footer.geo.name].null_count and selection.sparse:
            raise NotFound(f"the layer has no feature {identifier} any more", "it was removed")
        return found

    async def count(self, source: VectorSource, query: Query, changes: tuple[Changes, ...] = ()) -> int:
        """Return how many features match.

        Raises:
            BadRequest: The query cannot be understood.
            TooLarge: It reads too much.
            BadSource: The file is missing or damaged.
            Unavailable: The store does not answer.
        """
        selection, file = await self._open(source, query, changes)
        if not query.bbox and not query.filter and not selection.sparse:
            return selection.footer.first_rows[-1]
        bare = msgspec.structs.replace(selection, answer=())
        groups = self._affordable(bare)
        return await self._reading.run(lambda: sum(table.num_rows for table in scan(file, bare, groups)))

    async def _open(
        self, source: VectorSource, query: Query, changes: tuple[Changes, ...]
    ) -> tuple[Selection, RangedFile]:
        try:
            footer = await self._footers.get(source.href)
        except NotFound as err:
            raise BadSource(f"{source.href} is not in the store") from err
        selection = await self._reading.run(select, source, footer, query)
        last = {change.id: change for part in changes for change in part.changes}
        sparse = bool(last) or source.rows > source.features
        selection = msgspec.structs.replace(selection, changes=last, sparse=sparse)
        return selection, RangedFile(self._store, footer.info, asyncio.get_running_loop())

    async def _stepwise(self, tables: Iterator[pa.Table]) -> AsyncIterator[pa.Table]:
        """Yield what an iterator gives that works in threads."""
        while (table := await self._reading.run(_next, tables)) is not None:
            yield table

    def _affordable(self, selection: Selection) -> list[int]:
        groups = candidates(selection)
        self._check_cost(cost(selection, groups))
        return groups

    def _check_cost(self, read: int) -> None:
        if read > self._bounds.read_bytes:
            raise TooLarge(
                f"the query reads {read:,} bytes and {self._bounds.read_bytes:,} are allowed",
                "ask a smaller bbox, or take the file of the layer",
            )

    def _plain_page(
        self, file: RangedFile, selection: Selection, _query: Query, limit: int, offset: int, start: int | None
    ) -> tuple[pa.Table, int | None]:
        found, wanted, skipped, taken, read = [], limit + 1, 0, 0, 0
        passed = 0 if start is not None else offset
        for group in candidates(selection):
            if selection.first_rows[group + 1] <= (start or 0):
                continue
            read += cost(selection, [group])
            self._check_cost(read)
            for table in scan(file, selection, [group], first_row=start or 0):
                rest = table.slice(min(passed - skipped, table.num_rows))
                skipped += table.num_rows - rest.num_rows
                rest = rest.slice(0, wanted)
                found.append(rest)
                wanted -= rest.num_rows
                taken += rest.nbytes
                self._check_weight(taken)
                if wanted == 0:
                    page = pa.concat_tables(found)
                    return page.slice(0, limit), int(page[ROW][limit].as_py())
        return (pa.concat_tables(found) if found else take(file, selection, np.empty(0, np.int64))), None

    def _sorted_page(
        self, file: RangedFile, selection: Selection, query: Query, limit: int, offset: int, start: int | None
    ) -> tuple[pa.Table, int | None]:
        groups = candidates(selection)
        names = tuple(dict.fromkeys(order.name for order in query.sort_by))
        self._check_cost(cost(msgspec.structs.replace(selection, answer=names), groups))
        rows = sum(selection.first_rows[group + 1] - selection.first_rows[group] for group in groups)
        if rows > self._bounds.sorted_features:
            raise TooLarge(
                f"the query sorts up to {rows:,} features and {self._bounds.sorted_features:,} are allowed",
                "ask a smaller bbox or leave the sorting out",
            )
        order = sort_rows(file, selection, groups, query.sort_by)
        at = offset if start is None else start
        chosen = order[at : at + limit]
        page = take(file, selection, chosen)
        self._check_weight(page.nbytes)
        return page, at + limit if at + limit < len(order) else None

    def _check_weight(self, taken: int) -> None:
        if taken > self._bounds.page_bytes:
            raise TooLarge(
                f"the page has over {self._bounds.page_bytes:,} bytes", "ask fewer features at a time, or all as a file"
            )


def select(source: VectorSource, footer: Footer, query: Query) -> Selection:
    """Return a query bound to a version of a file.

    Raises:
        BadRequest: The query cannot be understood.
    """
    schema, crs = attributes(footer), stored_crs(source.crs)
    choose_properties(schema, [order.name for order in query.sort_by])
    conditions: list[Condition] = []
    if query.bbox:
        reference = parse_reference(query.bbox_crs)
        figure = place(parse_bbox(query.bbox, reference), reference, crs)
        test = compare_places("s_intersects", figure)
        conditions.append(
            Condition(
                columns=frozenset({footer.geo.name}),
                holds=lambda rows: pa.array(test.holds(rows)),
                may=test.may,
                box=test.box,
            )
        )
    if query.filter:
        where = Place(column=footer.geo.name, crs=crs, reference=parse_reference(query.filter_crs))
        tree = parse_filter(query.filter, query.filter_lang)
        conditions.append(bind(tree, Names(schema=schema, place=where)))
    answer = (*choose_properties(schema, query.properties), footer.geo.name)
    return Selection(footer=footer, condition=both(conditions), answer=answer)


def _digest(footer: Footer, query: Query, changes: tuple[Changes, ...]) -> str:
    """Return what a token is bound to: places in a sorted answer move with every change, numbers of features do not."""
    moved = changes[-1].first + len(changes[-1].changes) if changes and query.sort_by else 0
    asked = msgspec.json.encode(msgspec.structs.replace(query, properties=None))
    return hashlib.sha256(f"{moved} {footer.info.etag} ".encode() + asked).hexdigest()[:16]


def _write_token(digest: str, at: int) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(_Token(digest, at))).decode().rstrip("=")


def _read_token(text: str, digest: str) -> int:
    try:
        padded = text[:200] + "=" * (-len(text[:200]) % 4)
        token = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=_Token)
    except (ValueError, msgspec.DecodeError):
        token = None
    if token is None or not 0 <= token.at < 1 << 62:
        raise BadRequest(f"the token {text[:60]!r} is none of ours", "take it as it stands in the link `next`")
    if token.digest != digest:
        raise Conflict("the layer or the query has changed since this page was linked", "begin with the first page")
    return token.at


def _next(tables: Iterator[pa.Table]) -> pa.Table | None:
    return next(tables, None)
