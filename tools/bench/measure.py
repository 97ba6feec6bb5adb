"""Single measurements of a guest that runs."""
import hashlib
import re
import select
import socket
import subprocess
import time


def first_byte(doors, path, limit=120):
    """When the first byte of an answer to GET came from one of the doors (on the monotonic clock).

    User-mode networking accepts connections before the guest is there, one at a time on each door. So a new one is
    tried on the next door every 10 ms, or after a hundredth of the time so far, which keeps the links of a slow
    guest few; whichever is answered first counts.
    """
    request = f"GET {path} HTTP/1.0\r\n\r\n".encode()
    start = time.monotonic()
    links, tries = {}, 0
    try:
        while (now := time.monotonic()) < start + limit:
            link = attempt(doors[tries % len(doors)])
            links[link] = request
            tries += 1
            if len(links) > 400:
                oldest = next(iter(links))
                del links[oldest]
                oldest.close()
            ready, writable, _ = select.select(links, [one for one in links if links[one]], [], 0.01)
            if any(answered(one) for one in ready):
                return time.monotonic()
            for one in set(ready):
                del links[one]
                one.close()
            for one in writable:
                if one in links:
                    links[one] = b"" if sent(one, request) else request
            time.sleep(max(0.01, (now - start) / 100))
        raise AssertionError(f"no answer within {limit} s")
    finally:
        for link in links:
            link.close()


def attempt(door):
    """A connection under way; its own port is one that no other connection has (the guest sees only that)."""
    link = socket.socket()
    link.setblocking(False)
    link.bind(("127.0.0.1", 0))
    link.connect_ex(door)
    return link


def sent(link, data):
    """Whether data could be sent."""
    try:
        return link.send(data) == len(data)
    except OSError:
        return False


def answered(link):
    """Whether a readable connection has a byte, rather than an end."""
    try:
        return bool(link.recv(1))
    except OSError:
        return False


def tool(*words):
    """Runs a client on this machine; returns what it prints."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{words[0]}: {done.stderr or done.stdout}"
    return done.stdout


def wrk(url, connections, seconds=5):
    """Keep-alive requests per second."""
    output = tool("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", url)
    assert "Socket errors" not in output and "Non-2xx" not in output, output
    return float(re.search(r"Requests/sec:\s*([\d.]+)", output)[1])


def connections(url, count):
    """Requests per second, one after the other, with a connection each."""
    return apache_bench(url, count)


def keep_alive(url, count):
    """Requests per second, one after the other, all over one connection."""
    return apache_bench(url, count, "-k")


def apache_bench(url, count, *options):
    output = tool("ab", "-q", "-n", str(count), "-c", "1", *options, url)
    assert re.search(r"Failed requests:\s*0\b", output) and "Non-2xx" not in output, output
    return float(re.search(r"Requests per second:\s*([\d.]+)", output)[1])


def fetch(url, data):
    """Seconds until curl has the file, which must be `data`."""
    start = time.monotonic()
    done = subprocess.run(["curl", "-sS", "--max-time", "600", url], capture_output=True, check=False)
    seconds = time.monotonic() - start
    assert done.returncode == 0, done.stderr.decode()
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest(), "the file came with other bytes"
    return seconds


def download(guest, command):
    """Seconds that a command takes in the guest's shell."""
    start = time.monotonic()
    guest.ok(command)
    return time.monotonic() - start


def flush_count(guest):
    """The TLB flushes so far. QEMU counts each of the eight MMU modes."""
    text = guest.monitor("info jit")
    counts = {kind: int(number) for kind, number in re.findall(r"TLB (\w+) flushes\s+(\d+)", text)}
    return counts.get("full", 0) + (counts.get("partial", 0) + counts.get("elided", 0)) / 8


def instruction_count(path):
    """The guest's instructions so far, from the counting plugin's file."""
    return int.from_bytes(path.read_bytes()[:8], "little")


def per_unit(count, units, work):
    """By how much count() grows in the work, per unit of it."""
    before = count()
    work()
    return (count() - before) / units
