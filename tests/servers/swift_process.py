"""The servers of Swift in one process: three for storage and the proxy before them.

Swift's own commands would be four processes that each take a second to import it.
"""

import sys
from pathlib import Path

import eventlet
from eventlet import wsgi
from swift.common.http_protocol import SwiftHttpProtocol
from swift.common.utils import monkey_patch
from swift.common.wsgi import get_socket, init_request_processor


def serve(path):
    """Serve what one configuration file describes, as `swift.common.wsgi.run_server` does."""
    app, conf, *_ = init_request_processor(str(path), path.stem)
    wsgi.server(
        get_socket(conf),
        app,
        log_output=False,
        protocol=SwiftHttpProtocol,
        capitalize_response_headers=False,
    )


if __name__ == "__main__":
    monkey_patch()
    servers = [eventlet.spawn(serve, path) for path in sorted(Path(sys.argv[1]).glob("*-server.conf"))]
    for server in servers:
        server.wait()
