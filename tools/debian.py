"""Fetches Debian packages without touching the machine's own apt state, as root or not.

The mirror is the one that the machine's apt already uses; signatures are checked against Debian's archive keyring.
Everything lands in the user's cache (see cache_dir), so that nothing is fetched twice.
"""
import contextlib
import fcntl
import io
import os
import pathlib
import re
import subprocess
import tarfile

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Failure(Exception):
    """Something that the user must be told in one line."""


def cache_dir():
    """The folder for downloads, made if it is not there."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = pathlib.Path(base) / "minato"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"cannot make the cache folder {path}: {error.strerror}") from None
    if not os.access(path, os.W_OK):
        raise Failure(f"cannot write to the cache folder {path}")
    return path


@contextlib.contextmanager
def locked(name):
    """Holds the cache's lock of that name, so that two builds do not fetch the same thing at once."""
    with open(cache_dir() / f"{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def os_release():
    """The variables of /etc/os-release."""
    pairs = re.findall(r'^(\w+)="?([^"\n]*)"?$', pathlib.Path("/etc/os-release").read_text(encoding="utf-8"), re.M)
    return dict(pairs)


def source_entries(etc):
    """Yields (uri, suites, components) of every binary source in a folder like /etc/apt."""
    lists = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list"))]
    for path in filter(pathlib.Path.is_file, lists):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            match = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(\S.*)", line)
            if match:
                yield match[1], [match[2]], match[3].split()
    for path in sorted((etc / "sources.list.d").glob("*.sources")):
        text = re.sub(r"^#.*\n", "", path.read_text(encoding="utf-8", errors="replace"), flags=re.M)
        for stanza in re.split(r"\n\s*\n", text):
            fields = {key.lower(): value.split() for key, value in
                      re.findall(r"^([\w-]+):((?:.*(?:\n[ \t].*)*))", stanza, re.M)}
            if "deb" in fields.get("types", []) and fields.get("enabled", ["yes"]) == ["yes"]:
                for uri in fields.get("uris", []):
                    yield uri, fields.get("suites", []), fields.get("components", [])


def mirror(etc=pathlib.Path("/etc/apt"), codename=None):
    """The URI of the Debian archive: of the source that offers `main` of the machine's own release."""
    codename = codename or os_release().get("VERSION_CODENAME", "")
    for uri, suites, components in source_entries(etc):
        if "main" in components and {codename, "stable"} & set(suites):
            return uri
    raise Failure(f"no apt source of this machine offers Debian {codename} main")


def host_architecture():
    """Debian's name of this machine's architecture."""
    return subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()


class Archive:
    """A private view of some suites of Debian: a list of (suite, [architecture, ...])."""

    def __init__(self, suites):
        self.folder = cache_dir() / "apt"
        for name in ("lists/partial", "cache/archives/partial", "none"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        self.uri = mirror().rstrip("/")
        lines = [f"deb [arch={','.join(architectures)} signed-by={KEYRING}] {self.uri} {suite} main\n"
                 for suite, architectures in suites]
        (self.folder / "sources.list").write_text("".join(lines), encoding="utf-8")
        known = list(dict.fromkeys([host_architecture(), *(a for _, several in suites for a in several)]))
        self.options = [
            f"-oDir::Etc::sourcelist={self.folder}/sources.list", f"-oDir::Etc::sourceparts={self.folder}/none",
            f"-oDir::Etc::preferences={self.folder}/no-file", f"-oDir::Etc::preferencesparts={self.folder}/none",
            f"-oDir::State::Lists={self.folder}/lists", f"-oDir::State::status={self.folder}/status",
            f"-oDir::Cache={self.folder}/cache", f"-oAPT::Architectures={','.join(known)}",
            "-oAPT::Sandbox::User=root", "-oAcquire::Languages=none", "-oAcquire::Retries=3",
            "-oAPT::Get::List-Cleanup=true",
        ]

    def run(self, tool, *arguments, cwd=None):
        """Runs apt's `tool` on this view; returns what it prints."""
        environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        done = subprocess.run([tool, "-q", *self.options, *arguments], cwd=cwd, env=environment, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode:
            reasons = re.findall(r"^E: (.*)", done.stderr, re.M) or [done.stderr.strip()]
            raise Failure(f"{tool} {arguments[0]} failed (no network?): {reasons[0]}")
        return done.stdout

    def update(self):
        """Fetches the lists of packages."""
        self.run("apt-get", "update", "-oAPT::Update::Error-Mode=any")

    def download(self, packages, folder):
        """Downloads packages (`name:architecture/suite`) into the folder; returns the paths in the same order."""
        folder.mkdir(parents=True, exist_ok=True)
        self.run("apt-get", "download", *packages, cwd=folder)
        return [self.downloaded(package, folder) for package in packages]

    def fetch_pinned(self, place, digest, folder):
        """Downloads the file at this place of the archive, checked against its SHA-256; returns its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / place.rsplit("/", 1)[1]
        self.run("/usr/lib/apt/apt-helper", "download-file", f"{self.uri}/{place}", str(path), f"SHA256:{digest}")
        return path

    @staticmethod
    def downloaded(package, folder):
        name = re.split("[:/]", package)[0]
        found = sorted(folder.glob(f"{name}_*{package_architecture(package)}.deb"))
        if not found:
            raise Failure(f"apt-get download did not bring {package}")
        return found[-1]


def package_architecture(package):
    """The architecture in `name:architecture/suite`, or `all`."""
    match = re.search(r":(\w+)", package)
    return match[1] if match else "all"


def members(deb):
    """Yields (tar file, member) for each file of a .deb, its path without the leading ./"""
    content = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(deb)], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for member in tar:
            member.name = member.name.removeprefix("./")
            yield tar, member


def version(deb):
    """`name version architecture` of a .deb."""
    form = "${Package} ${Version} ${Architecture}"
    return subprocess.run(["dpkg-deb", "-W", f"--showformat={form}", str(deb)], check=True, capture_output=True,
                          text=True).stdout.strip()
