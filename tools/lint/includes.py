"""Who may include whom: downwards only, and never in a circle (ARCHITECTURE.md shows the layers)."""
import pathlib
import re

import sources

# What each part may include beside itself, by the first folder of the include.
LAYERS = {
    "kernel": {"base", "ipc"},
    "boot": {"base", "ipc", "kernel"},
    "libs/base": set(),
    "libs/ipc": {"base"},
    "libs/ring": {"base"},
    "libs/virtio": {"base"},
    "libs/virtio_fake": {"base", "virtio"},
    "libs/net": {"base"},
    "libs/netsim": {"base", "net"},
    "libs/relay": {"base", "net", "netsim"},
    "libs/nethost": {"base", "net"},
    "libs/nettap": {"nethost"},
    "libs/simulate": {"base", "net", "netsim"},
    "libs/http": {"base"},
    "libs/os": {"base", "ipc"},
    "libs/posix": {"base", "ipc", "os", "ring"},
}
# What never runs in Minato has the POSIX names of the build machine.
HOST_ONLY = {"libs/virtio_fake", "libs/netsim", "libs/relay", "libs/nethost", "libs/nettap", "libs/simulate"}
SERVER = {"base", "ipc", "os", "ring", "virtio", "net", "http", "posix"}

# Inside libs/net: a folder may include those of a lower rank. The files above the folders, which know the order of
# the layers, may include them all; only what is listed here is for everyone.
NET_RANK = {"wire": 0, "stream": 1, "path": 2, "icmp": 2, "udp": 2, "tcp": 2, "dhcp": 2, "dns": 2}
NET_VOCABULARY = {"types.h", "counters.h", "arena.h", "stream_info.h"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def part_of(path):
    """The part that a file belongs to, such as libs/net or servers/apps/http."""
    words = path.parts
    if words[0] == "servers":
        return "/".join(words[:3] if words[1] in ("apps", "tests") else words[:2])
    return words[0] if words[0] in ("kernel", "boot") else "/".join(words[:2])


def includes(path):
    """(kind, name) of each include: kind is < or a quote."""
    # Strings are blanked in bare text, so the names come from the original lines that are no comment.
    kept = sources.bare(sources.read(path)).splitlines()
    for number, line in enumerate(sources.read(path).splitlines()):
        match = INCLUDE.match(line)
        if match and kept[number].strip():
            yield match[1], match[2]


def resolve(path, kind, name):
    """The included file, relative to the top, or None when it is not one of ours."""
    candidates = []
    if kind == '"':
        candidates.append(path.parent / name)
        candidates.append(pathlib.Path(part_of(path)) / name)
        if path.parts[0] == "kernel":
            candidates.append(pathlib.Path("kernel/riscv64") / name)
    candidates += [pathlib.Path("libs") / name, pathlib.Path("kernel") / name]
    if part_of(path) not in HOST_ONLY:
        candidates.append(pathlib.Path("libs/posix/include") / name)
    for candidate in candidates:
        full = (sources.TOP / candidate).resolve()
        if full.is_file():
            return full.relative_to(sources.TOP)
    return None


def may_include(path, target):
    """Whether one of our files may include another."""
    own, other = part_of(path), part_of(target)
    if own == "libs/net" and other == "libs/net":
        return net_may_include(path, target)
    if own == other:
        return True
    if other.startswith("servers/"):
        return own.startswith("servers/tests/") and str(target) == "servers/tests/check.h"
    allowed = SERVER if own.startswith("servers/") else LAYERS.get(own, set())
    return other.split("/")[-1] in allowed


def net_may_include(path, target):
    """The order inside the engine."""
    if len(target.parts) == 3:
        return target.name in NET_VOCABULARY or len(path.parts) == 3
    if len(path.parts) == 3:
        return path.name not in NET_VOCABULARY
    own, other = path.parts[2], target.parts[2]
    return own == other or NET_RANK.get(other, 9) < NET_RANK.get(own, 9)


def circles(graph):
    """Yields each circle of includes once, found by a depth-first walk."""
    state = {}

    def walk(node, trail):
        state[node] = "open"
        for target in sorted(graph.get(node, ())):
            if state.get(target) == "open":
                yield trail[trail.index(target):] + [target] if target in trail else [node, target]
            elif target not in state:
                yield from walk(target, trail + [target])
        state[node] = "done"

    for node in sorted(graph):
        if node not in state:
            yield from walk(node, [node])


def check():
    graph = {}
    for path in sources.files(".c", ".h", ".S"):
        targets = {resolve(path, kind, name) for kind, name in includes(path)} - {None}
        graph[path] = targets - {path}
        if not sources.is_test(path):
            for target in sorted(targets):
                if not may_include(path, target):
                    yield f"{path}: may not include {target}"
    for circle in circles(graph):
        yield "circle of includes: " + " -> ".join(str(path) for path in circle)
