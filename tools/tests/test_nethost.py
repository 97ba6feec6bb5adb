"""The engine as a library for any program: its header alone, as C11 and C++11, with every warning on."""
import pathlib
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
LIBRARIES = [f"build/plain/lib/lib{name}.a" for name in ("nethost", "net", "base")]

# Two hosts, one ping-pong of UDP between them.
PROGRAM = r"""
#include <nethost/nethost.h>
#include <stdio.h>
#include <string.h>

static void carry(struct nethost *from, struct nethost *to) {
    struct nethost_packet packet;
    while (nethost_output(from, &packet)) {
        nethost_input(to, packet.data, packet.length);
    }
}

int main(void) {
    struct nethost_config config;
    struct nethost *host[2];
    uint32_t socket[2];
    char text[100] = {0};
    for (int i = 0; i < 2; i++) {
        struct nethost_endpoint local;
        memset(&local, 0, sizeof local);
        local.port = 7;
        nethost_defaults(&config);
        config.mode = NETHOST_DATAGRAMS;
        config.address[3] = (uint8_t)(i + 1);
        host[i] = nethost_new(&config);
        if (host[i] == NULL || nethost_socket(host[i], NETHOST_DATAGRAM, &socket[i]) != NETHOST_OK ||
            nethost_bind(host[i], socket[i], &local) != NETHOST_OK) {
            return 1;
        }
    }
    struct nethost_endpoint peer = {{192, 0, 2, 2}, 7};
    if (nethost_send_to(host[0], socket[0], "hello", 5, &peer) != 5) {
        return 1;
    }
    carry(host[0], host[1]);
    int64_t length = nethost_receive_from(host[1], socket[1], text, sizeof text, &peer);
    printf("%d bytes from %d.%d.%d.%d: %s\n", (int)length, peer.ip[0], peer.ip[1], peer.ip[2], peer.ip[3], text);
    nethost_free(host[0]);
    nethost_free(host[1]);
    return 0;
}
"""


@pytest.mark.parametrize("language, standard", [("c", "c11"), ("c++", "c++11"), ("c++", "c++17")])
def test_the_header_alone(tmp_path, language, standard):
    source = tmp_path / "program"
    source.write_text(PROGRAM, encoding="ascii")
    program = tmp_path / "run"
    subprocess.run(["clang", "-x", language, f"-std={standard}", "-pedantic-errors", "-Wall", "-Wextra", "-Werror",
                    "-Ilibs", source, "-x", "none", *LIBRARIES, "-o", program],
                   cwd=TOP, check=True, timeout=100)
    done = subprocess.run([program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "5 bytes from 192.0.2.1: hello\n")
