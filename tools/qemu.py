"""How Minato's machine looks: the QEMU command line shared by `make run`, the tests and the benchmarks."""
import dataclasses
import pathlib
import socket
import urllib.parse

TOP = pathlib.Path(__file__).resolve().parent.parent


def escape(value):
    """A value in the form that QEMU's option lists want: commas doubled."""
    return str(value).replace(",", ",,")


def run_option(commands):
    """The kernel option that lets the shell run these commands and then power off."""
    return "run=" + urllib.parse.quote(commands, safe="")


def with_id(net, name):
    """A whole -netdev value with its id."""
    kind, _, options = net.partition(",")
    return f"{kind},id={name}" + (f",{options}" if options else "")


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def port_is_free(port):
    """Whether 127.0.0.1:port can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclasses.dataclass
class Machine:
    """One virtual machine. `net` is a whole -netdev value without its id; None leaves the network out."""
    build: str = "release"
    memory: int = 128           # MiB
    cpus: int = 1
    append: str = ""            # the kernel's command line
    disk: str | None = None     # a raw image, written to
    net: str | None = "user"
    second_net: str | None = None       # the same for a second network card
    device: str = ""            # further options of the network device, with a comma in front
    pcap: str | None = None
    extra: tuple = ()           # further QEMU arguments
    top: pathlib.Path = TOP

    def output(self):
        """The folder of this machine's build."""
        return self.top / "build" / self.build

    def command(self):
        """The QEMU command line; what serial port and display are connected to is left to the caller."""
        words = ["qemu-system-riscv64", "-machine", "virt", "-m", f"{self.memory}M", "-smp", str(self.cpus),
                 "-global", "virtio-mmio.force-legacy=false",
                 "-kernel", str(self.output() / "minato.elf"), "-initrd", str(self.output() / "boot.tar"),
                 "-append", self.append]
        if self.net:
            words += ["-netdev", with_id(self.net, "net0"), "-device", f"virtio-net-device,netdev=net0{self.device}"]
            if self.second_net:
                words += ["-netdev", with_id(self.second_net, "net1"), "-device", "virtio-net-device,netdev=net1"]
            if self.pcap:
                words += ["-object", f"filter-dump,id=pcap,netdev=net0,file={escape(self.pcap)}"]
        if self.disk:
            words += ["-drive", f"file={escape(self.disk)},format=raw,if=none,id=disk0",
                      "-device", "virtio-blk-device,drive=disk0"]
        return words + list(self.extra)


def user_net(*forwards, options=""):
    """User-mode networking with TCP forwards: (address of this machine, its port, the guest's port)."""
    words = [f"hostfwd=tcp:{address}:{outer}-:{inner}" for address, outer, inner in forwards]
    return ",".join(["user", *words, *([options] if options else [])])
