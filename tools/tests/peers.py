"""Real peers on this machine that the guest talks to: Python's http.server, nginx, and raw sockets with bad manners."""
import functools
import http.server
import pathlib
import random
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import qemu  # noqa: E402


def pattern(size, seed=1):
    """`size` bytes that look random and are the same each time."""
    return random.Random(seed).randbytes(size)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files without a log line per request; also takes POST and PUT and says how much came."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        length = int(self.headers.get("Content-Length", "0"))
        self.server.received = self.rfile.read(length)
        answer = f"{length} bytes\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_PUT = do_POST


class FileServer:
    """Python's own web server over a folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        handler = functools.partial(QuietHandler, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.received = None
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Nginx:
    """nginx with a configuration of its own, on a free port of 127.0.0.1."""

    CONFIG = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off; sendfile on; default_type application/octet-stream; client_max_body_size 100m;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    server {{
        listen 127.0.0.1:{port}; root {www};
        location /moved {{ return 301 /hello.txt; }}
        location /gzip {{ gzip on; }}
    }}
}}
"""

    def __init__(self, folder, www):
        folder.mkdir(parents=True, exist_ok=True)
        self.port = qemu.free_port()
        config = folder / "nginx.conf"
        config.write_text(self.CONFIG.format(folder=folder, port=self.port, www=www), encoding="ascii")
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-p", folder, "-c", config], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not answers(self.port):
            assert time.monotonic() < deadline and self.process.poll() is None, "nginx does not come up"
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Scripted:
    """A server that treats each connection with a function of the test's: `script(connection)`."""

    def __init__(self, script):
        self.script = script
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection):
        with connection:
            try:
                self.script(connection)
            except OSError:
                pass

    def stop(self):
        self.listener.close()


def answers(port):
    """Whether something accepts connections on 127.0.0.1:port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False
