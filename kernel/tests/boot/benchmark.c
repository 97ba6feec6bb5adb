/* benchmark.c: what a round trip costs: instructions (exact under -icount shift=0) and time. */
#include "self.h"

static void report(const char *what, uint64_t instructions, uint64_t ns, uint64_t rounds) {
    if (rounds == 0)
        return;
    print("BENCH ");
    print(what);
    print(" instructions=");
    print_number(instructions / rounds);
    print(" ns=");
    print_number(ns / rounds);
    print("\n");
}

static void calls(const char *what, handle_t port, struct transfer *transfer, uint64_t rounds) {
    uint64_t start = now(), count = instructions();
    for (uint64_t i = 0; i < rounds; i++) {
        uint64_t words[5] = {1};
        if (transfer)
            transfer->receive_length = 0;
        call_words(port, words, transfer);
    }
    report(what, instructions() - count, now() - start, rounds);
}

static void null_calls(uint64_t rounds) {
    uint64_t start = now(), count = instructions();
    for (uint64_t i = 0; i < rounds; i++)
        sys(63);
    report("empty system call", instructions() - count, now() - start, rounds);
}

static uint64_t buffer_of(uint64_t size) {
    uint64_t address = 0;
    handle_t memory = make(SYS_MEMORY_CREATE, size, 0, 0);
    call6(SYS_MEMORY_MAP, 0, memory, 0, 0, 0, RIGHT_READ | RIGHT_WRITE, &address);
    sys(SYS_HANDLE_CLOSE, memory);
    return address;
}

void benchmark(uint64_t rounds) {
    handle_t whole = make(SYS_PORT_CREATE, 0, 0, 0);
    handle_t port = make(SYS_HANDLE_DUPLICATE, whole, RIGHT_SEND, 0);
    handle_t server = child_start_task(&(struct child){.run = echo_server, .grant = {whole}});
    struct transfer transfer = {.send_address = buffer_of(PAYLOAD_MAX),
                                .receive_address = buffer_of(PAYLOAD_MAX)};
    null_calls(rounds);
    calls("call", port, NULL, rounds);
    transfer.send_length = transfer.receive_capacity = 64;
    calls("call with 64 bytes each way", port, &transfer, rounds);
    transfer.send_length = transfer.receive_capacity = PAYLOAD_MAX;
    calls("call with 64 KiB each way", port, &transfer, rounds / 10);
    child_end(server);
    sys(SYS_MEMORY_UNMAP, 0, transfer.send_address, PAYLOAD_MAX);
    sys(SYS_MEMORY_UNMAP, 0, transfer.receive_address, PAYLOAD_MAX);
    sys(SYS_HANDLE_CLOSE, port);
    sys(SYS_HANDLE_CLOSE, whole);
}
