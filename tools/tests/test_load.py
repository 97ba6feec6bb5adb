"""Many requests: one after the other and 64 at a time, a new connection each and keep-alive, without one failure."""
import concurrent.futures
import socket

import pytest

TEXT = b"hello, world\n" * 40
TOTAL, CLIENTS = 10_000, 64


class Client:
    """An HTTP client that counts every byte."""

    def __init__(self, door, keep_alive):
        self.door, self.keep_alive, self.link = door, keep_alive, None

    def get(self):
        """One request; fails unless the answer is the whole file."""
        if self.link is None:
            # QEMU gives the guest this side's port number, so it must differ also between doors: hence the bind.
            self.link = socket.create_connection(self.door, timeout=120, source_address=("127.0.0.1", 0))
        ending = b"" if self.keep_alive else b"Connection: close\r\n"
        self.link.sendall(b"GET /hello.txt HTTP/1.1\r\nHost: minato\r\n" + ending + b"\r\n")
        head, body = self.read_answer()
        assert head.startswith(b"HTTP/1.1 200 ") and body == TEXT, (head, body)
        if not self.keep_alive:
            assert self.link.recv(1) == b"", "bytes after the answer"
            self.close()

    def read_answer(self):
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.more()
        head, _, body = data.partition(b"\r\n\r\n")
        while len(body) < len(TEXT):
            body += self.more()
        return head, body

    def more(self):
        data = self.link.recv(65536)
        assert data, "the connection ended too early"
        return data

    def close(self):
        if self.link:
            self.link.close()
        self.link = None


def many(door, count, keep_alive):
    """`count` requests, one after the other."""
    client = Client(door, keep_alive)
    for _ in range(count):
        client.get()
    client.close()


@pytest.mark.parametrize("keep_alive", [True, False], ids=["keep-alive", "new-connection-each"])
@pytest.mark.parametrize("clients", [1, CLIENTS])
def test_load(make_guest, clients, keep_alive):
    guest = make_guest(doors=clients)
    guest.disk.write("/www/hello.txt", TEXT)
    guest.boot().serving()
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        def run(count):
            done = [pool.submit(many, door, count // clients, keep_alive) for door in guest.doors]
            for one in done:
                one.result()
        run(clients)            # whatever is made once, is made now
        before = guest.resources()
        run(TOTAL)
    guest.settles_to(before)


def test_256_connections_at_once(make_guest):
    guest = make_guest(doors=256)
    guest.disk.write("/www/hello.txt", TEXT)
    guest.boot().serving()
    clients = [Client(door, True) for door in guest.doors]
    for _ in range(3):
        for client in clients:
            client.get()
    for client in clients:
        client.close()
