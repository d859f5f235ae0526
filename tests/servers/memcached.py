"""A memcached that knows what Swift asks of one: without it Swift reads its databases for every request."""

import asyncio
import sys


class Memcached:
    """Values in a dictionary; expiry and eviction are left out, a test does not live that long."""

    def __init__(self):
        self.values: dict[bytes, tuple[bytes, bytes]] = {}

    async def serve(self, reader, writer):
        try:
            while line := await reader.readline():
                word, *rest = line.split()
                answer = await getattr(self, f"do_{word.decode()}")(reader, *rest)
                if rest[-1:] != [b"noreply"]:
                    writer.write(answer)
                    await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def do_get(self, _reader, *keys):
        found = [(key, *self.values[key]) for key in keys if key in self.values]
        return b"".join(
            b"VALUE %s %s %d\r\n%s\r\n" % (key, flags, len(value), value) for key, flags, value in found
        ) + (b"END\r\n")

    async def do_set(self, reader, key, flags, _expires, length, *_):
        value = (await reader.readexactly(int(length) + 2))[:-2]
        self.values[key] = (flags, value)
        return b"STORED\r\n"

    async def do_add(self, reader, key, flags, expires, length, *_):
        if key in self.values:
            await reader.readexactly(int(length) + 2)
            return b"NOT_STORED\r\n"
        return await self.do_set(reader, key, flags, expires, length)

    async def do_incr(self, _reader, key, delta, *_, sign=1):
        if key not in self.values:
            return b"NOT_FOUND\r\n"
        flags, value = self.values[key]
        number = b"%d" % max(0, int(value) + sign * int(delta))
        self.values[key] = (flags, number)
        return number + b"\r\n"

    async def do_decr(self, reader, key, delta, *_):
        return await self.do_incr(reader, key, delta, sign=-1)

    async def do_delete(self, _reader, key, *_):
        return b"DELETED\r\n" if self.values.pop(key, None) else b"NOT_FOUND\r\n"


async def main(port):
    server = await asyncio.start_server(Memcached().serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
