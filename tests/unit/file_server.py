"""An HTTP server with one file, which can be made to fail in the ways that servers do."""

import http.server
import threading
from collections import deque


class Site:
    """A web server of one file that misbehaves as told, one fault a request, and keeps a log of (range, bytes sent)."""

    def __init__(self, content):
        self.content, self.etag, self.modified = content, '"one"', "Mon, 01 Jan 2024 00:00:00 GMT"
        self.kind, self.ranges, self.faults, self.log, self.go_on = (
            "application/zip",
            True,
            deque(),
            [],
            threading.Event(),
        )
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                site.answer(self, site.faults.popleft() if site.faults else None)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/file.npz"

    def close(self):
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, handler, fault):
        asked, kind = handler.headers.get("Range"), fault[0] if fault else None
        index = len(self.log)
        self.log.append((asked, 0))
        if kind == "status":
            handler.send_response(fault[1])
            for name, value in fault[2].items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        condition = handler.headers.get("If-Range")
        honoured = asked and self.ranges and (kind == "careless" or condition in (self.etag, self.modified))
        start = int(asked.removeprefix("bytes=").rstrip("-")) if honoured else 0
        total = len(self.content)
        if honoured and start >= total:
            handler.send_error(416)
            return
        handler.send_response(206 if honoured else 200)
        handler.send_header("Content-Type", self.kind)
        if kind != "no length":
            handler.send_header("Content-Length", str(total - start))
        if honoured:
            handler.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        for name, value in (("ETag", self.etag), ("Last-Modified", self.modified)):
            if value:
                handler.send_header(name, value)
        handler.end_headers()
        end = min(total, start + fault[1]) if kind in ("cut", "stall", "reset") else total
        handler.wfile.write(self.content[start:end])
        handler.wfile.flush()
        self.log[index] = (asked, end - start)
        if kind == "stall":
            self.go_on.wait()

    @property
    def sent(self):
        return sum(n for _, n in self.log)
