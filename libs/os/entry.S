/* entry.S: the first instructions of a task. a0: the block that its maker laid out (os/start.h; for init, struct
 * boot_info of ipc/abi.h). A task has one thread: its thread-local data is used where it was linked. */
.section .text._start, "ax", @progbits
.global _start
.type _start, @function
_start:
    .option push
    .option norelax
    lla gp, __global_pointer$
    .option pop
    lla tp, __tls_base
    li fp, 0                    /* the end of every backtrace */
    li ra, 0
    tail start_main
.size _start, . - _start

.section .note.GNU-stack, "", @progbits
