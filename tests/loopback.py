"""An HTTP server on loopback that knows ranges, and counts what it is asked for."""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Request(NamedTuple):
    """What was asked for, and how many bytes were the answer."""

    method: str
    name: str
    start: int
    count: int


class Server(ThreadingHTTPServer):
    """Serves the files of a folder; what is asked of it is in `requests`.

    Parameters
    ----------
    folder : Path
        What it serves.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requests: list[Request] = []
        self.ranges = True
        self.head = True
        #: Whether it heeds "If-Match"; what it gives in place of what was asked for lies so far on.
        self.heeds = True
        self.astray = 0
        #: Answered in place of the file from the request of that number on.
        self.status: int | None = None
        self.fails_after = 0
        #: What has to be in a request's header "Authorization".
        self.key: str | None = None
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def bytes(self) -> int:
        """How many bytes of files it has given."""
        return sum(one.count for one in self.requests)

    def stop(self) -> None:
        """Answer no more."""
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_HEAD(self) -> None:
        self._answer(405 if not self.server.head else None)

    def do_GET(self) -> None:
        self._answer()

    def _answer(self, status: int | None = None) -> None:
        server = self.server
        path = server.folder / self.path.partition("?")[0].lstrip("/")
        known = path.stat() if path.is_file() else None
        tag = f'"{known.st_size:x}-{known.st_mtime_ns:x}"' if known else ""
        if server.key and self.headers.get("Authorization") != server.key:
            status = 401
        elif server.status and len(server.requests) >= server.fails_after:
            status = server.status
        elif known is None:
            status = 404
        elif server.heeds and self.headers.get("If-Match", tag) != tag:
            status = 412
        if status or known is None:
            server.requests.append(Request(self.command, path.name, 0, 0))
            self.send_response(status or 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        wanted = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        ranged = wanted is not None and server.ranges
        start = int(wanted[1]) + server.astray if ranged else 0
        stop = min(int(wanted[2] or known.st_size) + 1, known.st_size) if ranged else known.st_size
        body = self.command == "GET"
        server.requests.append(Request(self.command, path.name, start, (stop - start) * body))
        self.send_response(206 if ranged else 200)
        if ranged:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{known.st_size}")
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        if body:
            with path.open("rb") as file:
                file.seek(start)
                try:
                    self.wfile.write(file.read(stop - start))
                except OSError:  # who asked has seen enough
                    self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""
