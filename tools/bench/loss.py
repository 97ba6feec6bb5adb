"""Goodput through loss: each guest against this machine's Linux TCP, over the relay (libs/relay).

All guests are measured side by side, over cables of their own with the same seeds: what happens to the nth frame of one
happens to the nth frame of the other. One number is the median of several seeds (SEEDS=3). Luck with a few of a hundred
frames makes more difference than any guest; so the ratio is also given seed by seed, as a mean with its error."""
import concurrent.futures
import itertools
import math
import os
import pathlib
import statistics
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1]), str(pathlib.Path(__file__).resolve().parents[1] / "tests")]
import linux_end  # noqa: E402
import measure  # noqa: E402
import relay  # noqa: E402
from peers import pattern  # noqa: E402

SEEDS = range(1, int(os.environ.get("SEEDS") or 3) + 1)
LOSSES, ROUND_TRIPS = (1, 3), (20, 100)          # %, ms
SIZES = {20: 4 << 20, 100: 2 << 20}              # bytes to move, by round trip
NAME = "goodput {way} the guest, {loss} % loss, {trip} ms [kB/s]"


class Cable:
    """A booted guest, a relay, and this machine's Linux at the other end."""

    def __init__(self, kind, folder):
        served = folder / "served"
        served.mkdir(parents=True)
        for size in set(SIZES.values()):
            (served / str(size)).write_bytes(pattern(size))
        self.plug = relay.Plug()
        self.linux = linux_end.LinuxEnd(self.plug, served)
        self.guest = kind(folder / "guest", net=self.plug.netdev(), pass_fds=self.plug.fds,
                          append=kind.address.format(f"{linux_end.GUEST}/24"))
        try:
            self.linux.link()
            self.guest.boot()
        except BaseException:
            self.close()
            raise

    def close(self):
        self.guest.kill()
        self.linux.stop()
        self.plug.close()

    def seconds(self, way, size):
        """How long so many bytes take, out of the guest or into it."""
        if way == "out of":
            return self.linux.get("/64m.bin", size=size)[2]
        url = f"http://{linux_end.OWN}:{linux_end.PORT}/{size}"
        return measure.download(self.guest, self.guest.fetch.format(url=url))

    def goodput(self, way, loss, trip):
        """kB/s with each seed."""
        rates = []
        for seed in SEEDS:
            self.linux.link(f"loss={loss}% delay={trip // 2}ms", seed=seed)
            rates.append(SIZES[trip] / 1000 / self.seconds(way, SIZES[trip]))
        return rates


def measured(kind, folder, tasks):
    """{metric: rate with each seed} of one kind of guest."""
    cable = Cable(kind, folder)
    try:
        return {name: cable.goodput(*task) for name, task in tasks.items()}
    finally:
        cable.close()


def paired(own, other):
    """The geometric mean of the ratios, seed by seed, and its standard error, in words."""
    ratios = [math.log(a / b) for a, b in zip(own, other)]
    mean = statistics.fmean(ratios)
    error = statistics.stdev(ratios) / math.sqrt(len(ratios)) if len(ratios) > 1 else math.nan
    return f"{math.exp(mean):.3f} +- {math.exp(mean) * error:.3f}"


def figures(kinds, folder, wanted):
    """{kind: {metric: median}} of the metrics that are wanted; the single rates are printed."""
    tasks = {NAME.format(way=way, loss=loss, trip=trip): (way, loss, trip)
             for trip, loss, way in itertools.product(ROUND_TRIPS, LOSSES, ("out of", "into"))}
    tasks = {name: task for name, task in tasks.items() if name.startswith(wanted)}
    if not tasks:
        return {}
    if linux_end.missing():
        print(f"bench: no goodput through loss: {linux_end.missing()}", file=sys.stderr)
        return {}
    with concurrent.futures.ThreadPoolExecutor(len(kinds)) as pool:
        jobs = {kind: pool.submit(measured, kind, folder / f"{kind.__name__}-loss", tasks) for kind in kinds}
        rates = {kind: job.result() for kind, job in jobs.items()}
    for name in tasks:
        for kind in kinds:
            print(f"{name}, {kind.__name__}: {' '.join(f'{rate:.0f}' for rate in rates[kind][name])}")
        if len(kinds) == 2:
            print(f"{name}, seed by seed: {paired(*(rates[kind][name] for kind in kinds))}")
    return {kind: {name: statistics.median(several) for name, several in own.items()} for kind, own in rates.items()}
