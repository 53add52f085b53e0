"""A wire in front of a registry that breaks in chosen ways. It passes bytes on as they are, TLS and all, except where it cuts
or waits; and for answers of its own it ends TLS itself."""
import http.client
import http.server
import socket
import ssl
import threading
import time

# Fault -> whether the scan must come to its end all the same.
FAULTS = {
    "one cut in a layer": True,
    "every layer cut": False,
    "two answers 500": True,
    "only answers 500": False,
    "one answer 429": True,
    "wrong bytes": False,
    "slow": True,
}
LAYER = 100_000


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def answers(port, process, limit=20):
    """Whether somebody listens there before the process ends."""
    until = time.monotonic() + limit
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return process.poll() is None
        except OSError:
            time.sleep(0.02)
    return False


class Proxy:
    """Ends TLS with the registry's own certificate, asks the registry, and answers as the fault says."""

    folder = None

    def __init__(self, upstream, fault):
        self.upstream, self.fault, self.broke, self.count = upstream, fault, 0, threading.Lock()
        self.silent = threading.Event()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                proxy.answer(self)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.silent.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def breaks(self, times):
        """Whether this answer is one of the first so many."""
        with self.count:
            if times is not None and self.broke >= times:
                return False
            self.broke += 1
            return True

    def fetch(self, request):
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        connection = http.client.HTTPSConnection("localhost", self.upstream, context=context, timeout=20)
        passed = {name: value for name, value in request.headers.items() if name.lower() not in ("host", "connection")}
        connection.request(request.command, request.path, headers=passed)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, answer.getheaders(), body

    def answer(self, request):
        status, headers, body = self.fetch(request)
        # The blobs of configurations are small; the layer of this image is not.
        layer = status in (200, 206) and "/blobs/" in request.path and len(body) > LAYER
        content = status in (200, 206) and request.command == "GET"
        cut = None
        if self.fault == "one cut in a layer" and layer and self.breaks(1):
            cut = len(body) // 2
        elif self.fault == "every layer cut" and layer and self.breaks(None):
            cut = 1000
        elif self.fault == "two answers 500" and content and self.breaks(2):
            status, headers, body = 500, [], b"{}"
        elif self.fault == "only answers 500" and content and self.breaks(None):
            status, headers, body = 500, [], b"{}"
        elif self.fault == "one answer 429" and content and self.breaks(1):
            status, headers, body = 429, [("Retry-After", "0")], b"{}"
        elif self.fault == "wrong bytes" and layer and self.breaks(None):
            body = body[:-100] + bytes(100)
        request.send_response(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date"):
                request.send_header(name, value)
        lengths = [value for name, value in headers if name.lower() == "content-length"]
        request.send_header("Content-Length", lengths[0] if lengths and request.command == "HEAD" else str(len(body)))
        request.end_headers()
        if request.command == "HEAD":
            return
        if self.fault == "slow" and layer and self.breaks(None):
            for at in range(0, len(body), len(body) // 8 + 1):
                request.wfile.write(body[at : at + len(body) // 8 + 1])
                request.wfile.flush()
                self.silent.wait(0.1)
            return
        request.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            request.close_connection = True
