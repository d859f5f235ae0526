"""Tiles by one statement of SQL, as pg_tileserv and Martin ask for them, behind the least ASGI program."""

import os

from isal import igzip

from bench.asgi import Make, TileApp, place_of
from bench.postgis import TABLE, URL
from tiler.vector.grid import EXTENT
from tiler.vector.space import BUFFER

_CONNECTIONS = 4

_TILE = f"""
    select ST_AsMVT(found, '{TABLE}', {EXTENT}, 'geom', 'id')
    from (
        select ST_AsMVTGeom(geom, ST_TileEnvelope($1, $2, $3), {EXTENT}, {BUFFER}, true) as geom,
            id, cleabs, nature, usage_1, hauteur, nombre_d_etages, nombre_de_logements
        from {TABLE}
        where geom && ST_TileEnvelope($1, $2, $3, margin => {BUFFER / EXTENT})
    ) as found
"""


def create_app() -> TileApp:
    """Build the program; the database is named by the environment."""

    async def begin() -> Make:
        import asyncpg

        pool = await asyncpg.create_pool(os.environ[URL], min_size=_CONNECTIONS, max_size=_CONNECTIONS)

        async def make(path: str) -> bytes:
            async with pool.acquire() as connection:
                return bytes(igzip.compress(await connection.fetchval(_TILE, *place_of(path)), 1, mtime=0))

        return make

    return TileApp(begin)
