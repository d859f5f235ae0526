"""A server that uses a known CPU time for every answer: `busy_server.py PORT CPU_MS IMAGE`."""

import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer

PORT, CPU_MS, IMAGE = int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]).read_bytes()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one segment, or each answer waits 40 ms for an acknowledgement

    def do_GET(self):
        if self.path != "/ready":
            until = time.thread_time() + CPU_MS / 1000.0
            while time.thread_time() < until:
                pass
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("Content-Length", str(len(IMAGE)))
        self.end_headers()
        self.wfile.write(IMAGE)

    def log_message(self, *_):
        pass


class Server(ThreadingTCPServer):  # an HTTPServer would look its own name up, which may take seconds
    allow_reuse_address = True
    daemon_threads = True


Server(("127.0.0.1", PORT), Handler).serve_forever()
