"""The command `geopf`."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from core.errors import BadRequest, GeoplateformeError
from core.settings import CoreSettings, read_settings
from core.telemetry import configure_logging

Command = Callable[[argparse.Namespace], int]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line, and where help is."""
        self.exit(2, f"geopf: {message} (see `{self.prog} --help`)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status: 0 done, 1 refused or failed, 2 misused, 130 interrupted."""
    arguments = _parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
    for name in ("data", "host", "port"):
        value = getattr(arguments, name, None)
        if value is not None:
            os.environ[f"GEOPF_{name.upper()}"] = str(value)
    run: Command = arguments.run
    return exit_status(lambda: run(arguments))


def _joined(words: Sequence[str]) -> list[str]:
    """Write `--bbox -5,42,8,51` as one word: argparse takes what begins with a minus for an option."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == "--bbox":
            joined[-1] = f"--bbox={word}"
        else:
            joined.append(word)
    return joined


def exit_status(run: Callable[[], int]) -> int:
    """Run a program and turn what it raises into one line on standard error and an exit status."""
    try:
        configure_logging(os.environ.get("GEOPF_LOG_LEVEL") or "WARNING")
        return run()
    except GeoplateformeError as error:
        print(f"geopf: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("geopf: interrupted; nothing was published", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 1
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        print(f"geopf: {error.strerror or error}{where}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="geopf", description="Publish and serve geodata: tiles, LiDAR, terrain.")
    parser.add_argument("--data", type=Path, help="data folder (GEOPF_DATA; default: ./data)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    ingest = commands.add_parser("ingest", help="publish files as a layer")
    ingest.add_argument("kind", choices=("raster", "vector", "points"))
    ingest.add_argument("files", nargs="+", metavar="FILE")
    ingest.add_argument("--name", required=True, help="name of the layer in URLs")
    ingest.add_argument("--title", default="", help="what people read (default: the name)")
    ingest.add_argument("--abstract", default="", help="a sentence or two on the data")
    ingest.add_argument("--crs", default="", help="CRS of the files when they do not say it, for instance EPSG:2154")
    ingest.add_argument("--layer", default="", help="layer to take from a file that holds several")
    ingest.add_argument(
        "--as-is", action="store_true", help="keep Cloud-Optimized GeoTIFFs as they are, on their own grid"
    )
    ingest.add_argument(
        "--resampling",
        choices=("nearest", "bilinear", "cubic", "average"),
        help="how raster values between pixels are found (default: nearest for classes, bilinear for the rest)",
    )
    ingest.add_argument(
        "--tms",
        action="append",
        metavar="SET",
        help="tile matrix set whose tiles are stored, repeatable; the first answers for all others (default: PM)",
    )
    ingest.add_argument(
        "--encoding",
        choices=("jpeg", "webp", "lerc", "zstd", "deflate"),
        help="how pixels are compressed (default: jpeg for imagery, lerc for measures, deflate or zstd for the rest)",
    )
    ingest.add_argument("--quality", type=int, help="of jpeg and webp, 1 to 100 (default: 90)")
    ingest.add_argument(
        "--max-error",
        type=float,
        help="how far a measure may be off, in its own units (default: 0.01 where values span 10 or more, else 0)",
    )
    ingest.add_argument(
        "--style",
        action="append",
        default=[],
        metavar="FILE",
        dest="styles",
        help="how a raster is shown (ROK4 JSON, SLD or our JSON) or vectors are drawn (MapLibre JSON); repeat it for "
        "more, the first is the default",
    )
    ingest.add_argument("--replace", action="store_true", help="put the files in place of the layer's present data")
    ingest.add_argument("--json", action="store_true", default=None, help="JSON lines even on a terminal")
    ingest.set_defaults(run=_ingest)

    layers = commands.add_parser("layers", help="list the layers")
    layers.add_argument("--json", action="store_true", help="as JSON")
    layers.set_defaults(run=_layers)

    remove = commands.add_parser("remove", help="take a layer off and delete its data")
    remove.add_argument("name", metavar="LAYER")
    remove.set_defaults(run=_remove)

    seed = commands.add_parser("seed", help="write a layer's tiles into a PMTiles or MBTiles archive")
    seed.add_argument("name", metavar="LAYER")
    seed.add_argument("--zooms", type=_zooms, help="levels, for instance 5-14 (default: those of the layer)")
    seed.add_argument("--tms", default="PM", help="tile matrix set, one in Web Mercator (default: PM)")
    seed.add_argument("--bbox", type=_bbox, metavar="W,S,E,N", help="degrees (default: the whole layer)")
    seed.add_argument(
        "--format",
        choices=("webp", "jpg", "png", "avif", "mvt"),
        default="",
        help="default: webp for imagery, png for values, mvt for vectors",
    )
    seed.add_argument("--style", default="", help="style of a raster (default: its first)")
    seed.add_argument("--quality", type=int, default=0, metavar="1-100", help="of webp, jpg and avif")
    seed.add_argument("--output", default="", help="FILE.pmtiles or FILE.mbtiles (default: LAYER.pmtiles)")
    seed.add_argument("--jobs", type=int, default=0, help="tiles made at a time (default: one a core)")
    seed.add_argument("--replace", action="store_true", help="replace an archive that exists")
    seed.set_defaults(run=_seed)
    style = commands.add_parser("style", help="say how a published raster or vector layer is shown")
    style.add_argument("name", metavar="LAYER")
    style.add_argument(
        "files", nargs="*", metavar="FILE", help="ROK4 JSON, SLD, our JSON or MapLibre JSON; the first is the default"
    )
    instead = style.add_mutually_exclusive_group()
    instead.add_argument("--default", action="store_true", help="show it in the ways every layer of its sort has")
    instead.add_argument("--list", action="store_true", help="list the styles it can be asked in")
    style.set_defaults(run=_style)

    edit = commands.add_parser("edit", help="change features of a published vector layer")
    edit.add_argument("name", metavar="LAYER")
    edit.add_argument(
        "file",
        metavar="FILE",
        help="GeoJSON: a feature with an id takes the place of that one, with no geometry it removes it, "
        "without an id it is added",
    )
    edit.add_argument("--crs", default="", help="CRS of the coordinates (default: longitude and latitude)")
    edit.set_defaults(run=_edit)

    compact = commands.add_parser("compact", help="put the changes of a layer into its data now")
    compact.add_argument("name", metavar="LAYER")
    compact.set_defaults(run=_compact)

    serve = commands.add_parser("serve", help="run the platform")
    demo = commands.add_parser("demo", help="make a synthetic territory, publish it and run the platform")
    demo.add_argument("--no-serve", action="store_true", help="stop when the layers are published")
    demo.set_defaults(run=_demo)
    for one in (serve, demo):
        one.add_argument("--host", help="address to listen on (GEOPF_HOST; default: 127.0.0.1)")
        one.add_argument("--port", type=_port, help="port to listen on (GEOPF_PORT; default: 8080)")
    serve.set_defaults(run=_serve)

    doctor = commands.add_parser("doctor", help="check versions, ports, storage and database")
    doctor.set_defaults(run=_doctor)

    bench = commands.add_parser("bench", help="measure ours and the peers side by side")
    bench.add_argument("scenario", metavar="SCENARIO", nargs="?", default="")
    bench.add_argument("--json", action="store_true", help="print one JSON document")
    bench.add_argument("--peers", help="comma-separated names; default: all of the scenario")
    bench.add_argument("--only", metavar="ROW,...", help="comma-separated rows to measure; default: all")
    bench.set_defaults(run=_bench)
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65534):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (1 to 65534)")
    return int(text)


def _zooms(text: str) -> tuple[int, int]:
    low, dash, high = text.partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) <= 2 for part in (low, high if dash else low)):
        raise argparse.ArgumentTypeError(f"{text!r} are not levels (write 5-14, or 7)")
    return int(low), int(high if dash else low)


def _bbox(text: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a box (write west,south,east,north in degrees)") from None
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise argparse.ArgumentTypeError(f"{text!r} is not a box (west below east, south below north, in degrees)")
    return west, south, east, north


def _ingest(arguments: argparse.Namespace) -> int:
    from core.job import RasterStorage
    from deploy.ingest import ingest_files

    given = {
        "tile_matrix_sets": tuple(arguments.tms) if arguments.tms else None,
        "encoding": arguments.encoding,
        "quality": arguments.quality,
        "max_error": arguments.max_error,
    }
    given = {name: value for name, value in given.items() if value is not None}
    return ingest_files(
        kind=arguments.kind,
        name=arguments.name,
        files=tuple(arguments.files),
        title=arguments.title,
        abstract=arguments.abstract,
        crs=arguments.crs,
        as_is=arguments.as_is,
        resampling=arguments.resampling,
        storage=RasterStorage(**given) if given else None,
        source_layer=arguments.layer,
        styles=tuple(arguments.styles),
        replace=arguments.replace,
        as_json=arguments.json,
    )


def _layers(arguments: argparse.Namespace) -> int:
    from deploy.ingest import show_layers

    return show_layers(as_json=arguments.json)


def _remove(arguments: argparse.Namespace) -> int:
    from deploy.ingest import remove

    return remove(arguments.name)


def _seed(arguments: argparse.Namespace) -> int:
    from deploy.seed import SeedRequest, seed

    if arguments.jobs < 0:
        raise BadRequest(f"{arguments.jobs} tiles cannot be made at a time", "give --jobs 1 or more")
    return seed(
        SeedRequest(
            layer=arguments.name,
            tms=arguments.tms,
            zooms=arguments.zooms,
            bbox=arguments.bbox,
            extension=arguments.format,
            style=arguments.style,
            quality=arguments.quality,
            output=arguments.output,
            jobs=arguments.jobs,
            replace=arguments.replace,
        )
    )


def _style(arguments: argparse.Namespace) -> int:
    from deploy.style import list_styles, style_layer

    files = tuple(arguments.files)
    if bool(files) == (arguments.default or arguments.list):
        raise BadRequest("geopf style takes either files, --default or --list", "see `geopf style --help`")
    return list_styles(arguments.name) if arguments.list else style_layer(arguments.name, files)


def _edit(arguments: argparse.Namespace) -> int:
    from deploy.edit import edit_layer

    return edit_layer(arguments.name, arguments.file, arguments.crs)


def _compact(arguments: argparse.Namespace) -> int:
    from deploy.edit import compact

    return compact(arguments.name)


def _serve(_: argparse.Namespace) -> int:
    from deploy.serve import serve

    return serve()


def _demo(arguments: argparse.Namespace) -> int:
    from deploy.demo import run_demo

    return run_demo(serve_after=not arguments.no_serve)


def _doctor(_: argparse.Namespace) -> int:
    from deploy.doctor import run_doctor

    return run_doctor()


def _bench(arguments: argparse.Namespace) -> int:
    try:
        from bench.run import main as run_bench
    except ImportError as err:
        raise BadRequest(
            f"the bench needs {err.name}", "install the extra: pip install 'geoplateforme[bench]'"
        ) from err
    return run_bench(
        arguments.scenario,
        as_json=arguments.json,
        peers=_listed(arguments.peers) if arguments.peers else None,
        data=read_settings(CoreSettings).data.resolve(),
        only=_listed(arguments.only or ""),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


if __name__ == "__main__":
    sys.exit(main())
