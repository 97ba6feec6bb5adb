/* abi.h: the kernel's face: system call numbers, registers, and what they mean.
 *
 * A system call is `ecall` with its number in a7. Arguments are in a0..a6 (and t0..t2 where said); a0
 * comes back as enum error, results from a1 on. All other registers are kept. Times are nanoseconds since
 * power-on, the clock of `rdtime` (struct start_info tells its frequency). Sizes and offsets of memory are
 * bytes, multiples of PAGE_SIZE where said. Every call can return ERR_BAD_HANDLE (no such handle or of
 * another kind), ERR_NO_RIGHT, ERR_BAD_ADDRESS and ERR_INVALID; further errors are named with the call.
 * Read after this: kernel/syscall.c. */
#pragma once

#include <stdint.h>

typedef uint32_t handle_t; /* index into the task's own table; 0 is never valid */
#define HANDLE_NONE     0u
#define PAGE_SIZE       4096u
#define NEVER           UINT64_MAX /* as a deadline */
#define MESSAGE_WORDS   5
#define PAYLOAD_MAX     65536u
#define MESSAGE_HANDLES 4
#define PRIORITIES      32 /* 0 lowest .. 31 highest */

/* Rights of a handle; duplicating can only take rights away. */
enum right {
    RIGHT_PASS = 1 << 0,    /* may be duplicated, sent in a message, granted */
    RIGHT_SEND = 1 << 1,    /* port: call */
    RIGHT_RECEIVE = 1 << 2, /* port: receive, mint badges, bind an event; it dies with its last such handle */
    RIGHT_SIGNAL = 1 << 3,  /* event: signal */
    RIGHT_WAIT = 1 << 4,    /* event: wait, bind; interrupt: acknowledge */
    RIGHT_READ = 1 << 5,    /* memory: map readable */
    RIGHT_WRITE = 1 << 6,
    RIGHT_EXECUTE = 1 << 7,
    RIGHT_DMA = 1 << 8,    /* memory: ask for physical addresses */
    RIGHT_MANAGE = 1 << 9, /* task: grant, map, start, kill, inspect; machine: everything it offers */
    RIGHT_ALL = (1 << 10) - 1
};

/* What a receive brought (t0). The out fields of a transfer are written only with RECEIVED_CALL. */
enum received {
    RECEIVED_CALL = 1, /* a client's call: words, payload, handles, t1 = badge, t2 = reply handle (one use) */
    RECEIVED_EVENT = 2,  /* the bound event: a1 = its bits, which are cleared */
    RECEIVED_CLOSED = 3, /* the last handle with badge t1 is gone (badge 0 is never reported) */
    RECEIVED_ENDED = 4   /* a task of this port and badge t1 has ended: a1 = enum task_end, a2 = status */
};

/* The part of a message that does not fit into registers, in the caller's memory; 0 instead of its address if
 * there is none (aligned to 8, else ERR_BAD_ADDRESS). Used by call, receive, reply and reply_receive. */
struct transfer {
    uint64_t send_address; /* payload to send */
    uint32_t send_length;  /* <= PAYLOAD_MAX */
    uint32_t receive_capacity;
    uint64_t receive_address; /* where the other's payload goes */
    uint32_t receive_length;  /* out: length that the other sent; min(that, capacity) bytes were copied */
    uint8_t send_count;       /* handles to send */
    uint8_t send_move;        /* bit i: send_handle[i] leaves the sender; else it is duplicated */
    uint8_t receive_count;    /* out: handles that came */
    uint8_t zero;
    handle_t send_handle[MESSAGE_HANDLES];
    handle_t receive_handle[MESSAGE_HANDLES]; /* out */
};

enum system_call {
    /* ---- messages ----
     * call: a0 = port (SEND), a1..a5 = words, a6 = transfer or 0 → a1..a5 = words of the reply. Waits for the
     *   reply. ERR_DEAD: the port died before or meanwhile; ERR_TOO_LARGE: payload; ERR_QUOTA: no room in the
     *   receiver's handle table for the handles; ERR_BAD_ADDRESS: own payload. A receiver's bad buffer is the
     *   receiver's error. */
    SYS_CALL = 1,
    /* receive: a0 = port (RECEIVE), a1 = deadline, a6 = transfer or 0 → t0 = enum received, t1 = badge, t2 =
     *   reply handle, a1..a5 = words. Pending event bits come first, then notices, then calls by arrival.
     *   ERR_TIMED_OUT. */
    SYS_RECEIVE = 2,
    /* reply: a0 = reply handle (used up whatever the outcome, but for ERR_BAD_HANDLE and ERR_TOO_LARGE),
     *   a1..a5 = words, a6 = transfer or 0. Never waits. ERR_DEAD: the caller is gone. A payload longer than
     *   the caller's capacity is cut; he sees the full length. */
    SYS_REPLY = 3,
    /* reply_receive: reply, then receive in one entry. a0 = port, a1..a5 = words of the reply, a6 = transfer
     *   or 0 (both halves), t0 = reply handle (0: no reply), t1 = deadline → as receive. Errors of the reply
     *   half are not reported. */
    SYS_REPLY_RECEIVE = 4,
    /* payload_read: a0 = reply handle, a1 = offset in the waiting caller's payload, a2 = address, a3 = length
     *   → a1 = bytes copied. Lets a server take the payload straight to where it belongs while the caller
     *   waits. ERR_DEAD. */
    SYS_PAYLOAD_READ = 5,
    /* payload_write: a0 = reply handle, a1 = offset in the waiting caller's receive buffer, a2 = address, a3
     *   = length → a1 = bytes copied (cut at his capacity). A reply whose transfer has send_address 0 and
     *   send_length n then says how much is valid. */
    SYS_PAYLOAD_WRITE = 6,

    /* ---- handles ---- close: a0 = handle. */
    SYS_HANDLE_CLOSE = 8,
    /* duplicate: a0 = handle (PASS), a1 = rights to keep, a2 = badge → a1 = new handle. badge != 0 only on a
     *   port handle with RECEIVE: the copy carries the badge, and SEND but not RECEIVE. ERR_QUOTA: table
     *   full. */
    SYS_HANDLE_DUPLICATE = 9,

    /* ---- ports and events ---- port_create → a1 = handle with all rights. ERR_QUOTA, ERR_NO_MEMORY. */
    SYS_PORT_CREATE = 12,
    /* port_bind: a0 = port (RECEIVE), a1 = event (WAIT) or 0 to unbind: its signals come out of receive.
     *   ERR_BUSY: bound elsewhere. */
    SYS_PORT_BIND = 13,
    /* event_create → a1 = handle. ERR_QUOTA, ERR_NO_MEMORY. */
    SYS_EVENT_CREATE = 14,
    /* event_signal: a0 = event (SIGNAL), a1 = bits to set. Wakes a waiter but never takes the CPU from the
     *   caller. */
    SYS_EVENT_SIGNAL = 15,
    /* event_wait: a0 = event (WAIT), a1 = mask, a2 = deadline → a1 = the bits of mask that were set; they are
     *   cleared. ERR_TIMED_OUT (deadline 0: a poll), ERR_BUSY: another task waits. */
    SYS_EVENT_WAIT = 16,

    /* ---- memory ---- memory_create: a0 = size (rounded up), a1 = 1 for physically contiguous → a1 = handle
     *   (READ WRITE EXECUTE DMA PASS); zeroed, charged to the caller until it is gone. ERR_QUOTA,
     *   ERR_NO_MEMORY. The DMA right is only given with a DMA-enabled task (task_create flags). */
    SYS_MEMORY_CREATE = 20,
    /* memory_device: a0 = machine (MANAGE), a1 = physical address, a2 = size → a1 = handle. Not for RAM. */
    SYS_MEMORY_DEVICE = 21,
    /* memory_map: a0 = task (MANAGE) or 0 for oneself, a1 = memory, a2 = wanted address (page-aligned) or 0:
     *   the kernel chooses, a3 = offset, a4 = length (0: to the end), a5 = RIGHT_READ|WRITE|EXECUTE wanted →
     *   a1 = address. Never writable and executable at once. ERR_EXISTS: something is mapped there; ERR_QUOTA
     *   (page tables). The mapping keeps the memory alive. */
    SYS_MEMORY_MAP = 22,
    /* memory_unmap: a0 = task or 0, a1 = address, a2 = length. ERR_NOT_FOUND. */
    SYS_MEMORY_UNMAP = 23,
    /* memory_physical: a0 = memory (DMA), a1 = offset → a1 = physical address, a2 = bytes contiguous from
     *   there. */
    SYS_MEMORY_PHYSICAL = 24,
    /* memory_size: a0 = memory → a1 = size. */
    SYS_MEMORY_SIZE = 25,

    /* ---- interrupts ---- interrupt_create: a0 = machine (MANAGE), a1 = number at the PLIC, a2 = event
     *   (SIGNAL), a3 = bits → a1 = handle. Each interrupt signals the event and is masked until acknowledged.
     *   ERR_BUSY: taken. */
    SYS_INTERRUPT_CREATE = 28,
    SYS_INTERRUPT_ACKNOWLEDGE = 29, /* a0 = interrupt (WAIT) */

    /* ---- tasks ---- task_create: a0 = machine (MANAGE), a1 = address of struct task_options → a1 = handle.
     *   Not yet running. ERR_QUOTA: the caller's own quota cannot give that much; ERR_NO_MEMORY,
     *   ERR_TOO_MANY. */
    SYS_TASK_CREATE = 32,
    /* task_grant: a0 = task (MANAGE), a1 = handle (PASS), a2 = rights → a1 = its number in the other's table.
     *   Only before start. */
    SYS_TASK_GRANT = 33,
    /* task_start: a0 = task, a1 = entry, a2 = stack pointer, a3 = argument (a0 of the new task). */
    SYS_TASK_START = 34,
    /* task_kill: a0 = task, a1 = status. It ends as if by exit, at once; its end is reported as always. */
    SYS_TASK_KILL = 35,
    /* task_exit: a0 = status. Does not return. */
    SYS_TASK_EXIT = 36,
    /* task_info: a0 = task (MANAGE) or 0 for oneself, a1 = address of struct task_info. */
    SYS_TASK_INFO = 37,
    /* task_read: a0 = task (MANAGE), a1 = address there, a2 = address here, a3 = length → a1 = bytes copied.
     *   Also after its end. */
    SYS_TASK_READ = 38,
    /* task_write: the same the other way, before start only (it lays out memory without mapping it here). */
    SYS_TASK_WRITE = 39,

    /* ---- machine ---- log: a0 = machine handle with RIGHT_SEND only suffices, a1 = address, a2 = length (<=
     *   1024): to the firmware console. */
    SYS_LOG = 44,
    /* machine_info: a0 = machine, a1 = address of struct machine_info. */
    SYS_MACHINE_INFO = 45,
    /* machine_off: a0 = machine (MANAGE), a1 = status 0..255. Through sifive_test where there is one (then
     *   QEMU exits with it), else SBI. */
    SYS_MACHINE_OFF = 46
};

enum task_flag { TASK_DMA = 1 /* memory that it makes carries RIGHT_DMA */ };

struct task_options {
    char name[24];
    uint32_t priority; /* 0..31, at most the caller's */
    uint32_t flags;    /* enum task_flag */
    uint64_t quota;    /* bytes, page tables and kernel objects included, taken out of the caller's quota */
    uint32_t handles_max;
    handle_t end_port; /* RECEIVE: where RECEIVED_ENDED goes */
    uint64_t end_badge;
};

enum task_state { TASK_NEW, TASK_READY, TASK_RUNNING, TASK_WAITING, TASK_ENDED };

enum task_end { END_NONE, END_EXIT, END_KILL, END_FAULT };

struct task_info {
    char name[24];
    uint32_t state; /* enum task_state */
    uint32_t end;   /* enum task_end */
    int64_t status; /* of exit or kill */
    uint32_t priority;
    uint32_t handles; /* in use */
    uint64_t quota, memory_used, memory_peak;
    uint64_t cpu_time; /* ns */
    uint64_t switches; /* times it was given the CPU */
    uint64_t calls;    /* system calls */
    /* After a fault (END_FAULT): scause, stval and the registers x0..x31 with x0 replaced by sepc. */
    uint64_t fault_cause, fault_address;
    uint64_t registers[32];
};

struct machine_info {
    uint64_t memory_total, memory_free; /* bytes */
    uint32_t harts, tasks, ports, events, memories;
    uint32_t zero;
    uint64_t context_switches, address_space_switches, system_calls, messages, interrupts;
    uint64_t uptime; /* ns */
};

/* What the first task finds at start: its argument (a0) is the address of this, mapped read-only. */
struct boot_info {
    uint64_t magic; /* BOOT_INFO_MAGIC */
    uint64_t timebase_frequency;
    handle_t machine;                   /* all rights */
    handle_t device_tree, boot_archive; /* memory, read-only */
    handle_t self;
    uint64_t device_tree_size, boot_archive_size; /* bytes used */
    uint64_t free_memory;                         /* = its quota */
    uint8_t seed[32];                             /* from the device tree's /chosen/rng-seed */
    char command_line[1024];
};
#define BOOT_INFO_MAGIC 0x6f74616e696d6f74ull
