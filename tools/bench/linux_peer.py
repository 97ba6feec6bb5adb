"""The peer that Minato is measured against: a Linux guest in the same QEMU, made of Debian 13's own packages.

Kernel, busybox and nginx are fetched once and kept in the user's cache; nothing of it is shipped. Needs no root: the
root file system is a cpio archive that is written here. As for the sysroot, what PINS knows is taken by its hash while
the mirror's lists are of no use.
"""
import gzip
import hashlib
import lzma
import pathlib
import re
import shutil
import stat
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import debian  # noqa: E402

SUITE = "trixie"
PACKAGES = ["busybox-static:riscv64", "nginx:riscv64", "nginx-common", "libc6:riscv64", "libssl3t64:riscv64",
            "libzstd1:riscv64", "zlib1g:riscv64", "libpcre2-8-0:riscv64", "libcrypt1:riscv64"]
# package: (its place in the archive, its SHA-256)
PINS = {
    "linux-image": ("pool/main/l/linux/linux-image-6.12.107+deb13-riscv64_6.12.107-1_riscv64.deb",
        "abe9f65d74b434692149482b031db7a2aaf832921e09f69f775293c0e0c5799c"),
    "busybox-static:riscv64": ("pool/main/b/busybox/busybox-static_1.37.0-6+b9_riscv64.deb",
        "4add476d2b185c5b487c285b38d790f0881a7e4a8e2ddde835f917e770eb8633"),
    "nginx:riscv64": ("pool/main/n/nginx/nginx_1.26.3-3+deb13u7_riscv64.deb",
        "a921db8c049686b9e9e91ff276b4709b89e2f85871ea90739a938b00a3b4d4dc"),
    "nginx-common": ("pool/main/n/nginx/nginx-common_1.26.3-3+deb13u7_all.deb",
        "212d3cccd493965a646b3ed11f3541c573b67f957b508703c1b55a8d8875f64d"),
    "libc6:riscv64": ("pool/main/g/glibc/libc6_2.41-12+deb13u4_riscv64.deb",
        "77f0da760da3eab6318917857669ec23556b4e1ee489218cb966884a11b0d967"),
    "libssl3t64:riscv64": ("pool/main/o/openssl/libssl3t64_3.5.7-1~deb13u2_riscv64.deb",
        "af87d01b79d4ff71e7d46a53341cbb480a4a72b58679d50bc8dff392ceaef154"),
    "libzstd1:riscv64": ("pool/main/libz/libzstd/libzstd1_1.5.7+dfsg-1_riscv64.deb",
        "5967f5f97bfb6e7a8036d4e615c0ecd6861a9bb686bd60ee0c81422581faf0ad"),
    "zlib1g:riscv64": ("pool/main/z/zlib/zlib1g_1.3.dfsg+really1.3.1-1+b1_riscv64.deb",
        "38c52eef58e5fc9b13d93f8a7d0a0549c32b4f00402a778d39a135254f554314"),
    "libpcre2-8-0:riscv64": ("pool/main/p/pcre2/libpcre2-8-0_10.46-1~deb13u2_riscv64.deb",
        "4c88d7f0b71ca696779681536e55b13761f3860e9add9b274c6f1329b2e28f10"),
    "libcrypt1:riscv64": ("pool/main/libx/libxcrypt/libcrypt1_4.4.38-1_riscv64.deb",
        "85ae0d868b2a27043249ca332dac782a1a67e3171139b0f57d63414eaf4ec887"),
}
MODULES = ["net/core/failover", "drivers/net/net_failover", "drivers/net/virtio_net", "drivers/virtio/virtio_mmio"]
PROMPT = "peer> "

NGINX = """daemon on; worker_processes 1; user root; error_log /dev/null;
events { worker_connections 1024; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; default_type application/octet-stream;
       server { listen 80 backlog=1024; root /srv/www; } }
"""

INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /usr/bin 2>/dev/null
export PATH=/usr/bin:/usr/sbin PS1='peer> '
for module in failover net_failover virtio_net virtio_mmio; do insmod /modules/$module.ko; done
ip link set lo up
while ! ip link set eth0 up 2>/dev/null; do sleep 0.01; done
address=10.0.2.15/24
for word in $(cat /proc/cmdline); do case $word in address=*) address=${word#address=};; esac; done
ip addr add $address dev eth0
ip route add default via 10.0.2.2 2>/dev/null
nginx -c /etc/nginx.conf
stty -echo
exec sh -i
"""


class Cpio:
    """Writes an archive in the `newc` form that Linux unpacks as its first file system."""

    def __init__(self, stream):
        self.stream, self.number, self.folders = stream, 0, set()

    def add(self, name, data=b"", mode=stat.S_IFREG | 0o644):
        parent = str(pathlib.PurePosixPath(name).parent)
        if parent != "." and parent not in self.folders:
            self.folder(parent)
        self._entry(name, data, mode)

    def folder(self, name):
        if name not in self.folders:
            self.folders.add(name)
            self.add(name, mode=stat.S_IFDIR | 0o755)

    def _entry(self, name, data, mode):
        self.number += 1
        fields = [self.number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        self.stream.write(head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4))

    def close(self):
        self._entry("TRAILER!!!", b"", 0)


def add_package(archive, deb):
    """Copies a package's files, without its documentation."""
    for tar, member in debian.members(deb):
        if member.name.startswith(("usr/share/doc", "usr/share/man", "usr/share/locale")):
            continue
        if member.isfile():
            archive.add(member.name, tar.extractfile(member).read(), stat.S_IFREG | (member.mode & 0o777))
        elif member.issym():
            archive.add(member.name, member.linkname.encode(), stat.S_IFLNK | 0o777)


def add_modules(archive, kernel_deb, folder):
    """Copies the drivers and takes the kernel out of its package."""
    wanted = {f"/kernel/{path}.ko.xz": f"modules/{pathlib.Path(path).name}.ko" for path in MODULES}
    for tar, member in debian.members(kernel_deb):
        target = next((wanted[end] for end in wanted if member.name.endswith(end)), None)
        if target:
            archive.add(target, lzma.decompress(tar.extractfile(member).read()))
        elif re.match(r"boot/vmlinu[xz]-", member.name):
            (folder / "kernel").write_bytes(tar.extractfile(member).read())


def make_initrd(folder, kernel_deb, debs, www):
    """Writes folder/kernel and folder/initrd.gz; www: {name: bytes} is what its web server serves."""
    with gzip.open(folder / "initrd.gz", "wb", compresslevel=1) as stream:
        archive = Cpio(stream)
        for name, target in (("lib", "usr/lib"), ("bin", "usr/bin"), ("sbin", "usr/sbin")):
            archive.add(name, target.encode(), stat.S_IFLNK | 0o777)
        for name in ("proc", "sys", "dev", "tmp", "run", "root", "var/log/nginx", "var/lib/nginx", "usr/bin"):
            archive.folder(name)
        for deb in debs:
            add_package(archive, deb)
        add_modules(archive, kernel_deb, folder)
        archive.add("etc/nginx.conf", NGINX.encode())
        archive.add("etc/passwd", b"root:x:0:0:root:/:/bin/sh\n")
        archive.add("etc/group", b"root:x:0:\n")
        archive.add("init", INIT.encode(), stat.S_IFREG | 0o755)
        for name, data in www.items():
            archive.add(f"srv/www/{name}", data)
        archive.close()


def kernel_package(view):
    """The package that linux-image-riscv64 stands for today."""
    listing = view.run("apt-cache", "depends", f"linux-image-riscv64:riscv64/{SUITE}")
    match = re.search(r"Depends: (linux-image-[^\s:]+)", listing)
    if not match:
        raise debian.Failure(f"{SUITE} has no linux-image-riscv64")
    return match[1]


def fetch(view, folder):
    """Downloads the kernel and the PACKAGES; returns their paths in this order."""
    try:
        view.update()
        names = [f"{kernel_package(view)}:riscv64", *PACKAGES]
        return view.download([f"{name}/{SUITE}" for name in names], folder)
    except debian.Failure as failure:
        print(f"  FETCH  by their hashes, for the lists are of no use: {failure}", flush=True)
        return [view.fetch_pinned(*PINS[name], folder) for name in ("linux-image", *PACKAGES)]


def build(www):
    """The folder with kernel and initrd.gz, made in the cache if it is not there."""
    recipe = repr((PACKAGES, MODULES, sorted((name, hashlib.sha256(data).hexdigest()) for name, data in www.items())))
    digest = hashlib.sha256((recipe + pathlib.Path(__file__).read_text(encoding="utf-8")).encode()).hexdigest()
    final = debian.cache_dir() / f"linux-peer-{digest[:16]}"
    with debian.locked("linux-peer"):
        if final.is_dir():
            return final
        print("  FETCH  Debian's riscv64 kernel, busybox and nginx (once)", flush=True)
        partial = final.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        kernel_deb, *debs = fetch(debian.Archive([(SUITE, ["riscv64"])]), partial / "debs")
        make_initrd(partial, kernel_deb, debs, www)
        shutil.rmtree(partial / "debs")
        partial.rename(final)
    return final


class LinuxMachine:
    """The guest's QEMU command line, in the place of qemu.Machine."""

    def __init__(self, folder, net, memory=512, cpus=1, append="", extra=()):
        self.folder, self.net, self.memory, self.cpus, self.extra = folder, net, memory, cpus, tuple(extra)
        self.append = f"console=ttyS0 quiet {append}"

    def command(self):
        kind, _, options = self.net.partition(",")
        return ["qemu-system-riscv64", "-machine", "virt", "-m", f"{self.memory}M", "-smp", str(self.cpus),
                "-global", "virtio-mmio.force-legacy=false", "-kernel", str(self.folder / "kernel"),
                "-initrd", str(self.folder / "initrd.gz"), "-append", self.append,
                "-netdev", f"{kind},id=net0,{options}", "-device", "virtio-net-device,netdev=net0", *self.extra]
