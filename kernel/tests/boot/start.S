/* start.S: the self-test's entry, as first task and in the tasks that it makes: a0 is passed on. */
    .section .text._start, "ax"
    .globl _start
_start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    call self_test_main

/* A task made by the test: a0 = function. */
    .globl child_start
child_start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    jalr a0
    li a0, 0
    li a7, 36 /* SYS_TASK_EXIT */
    ecall
