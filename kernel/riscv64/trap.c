/* trap.c: what came through trap_entry: system calls, interrupts, exceptions. */
#include "csr.h"
#include "riscv64.h"

/* ---- floating point: closed to a task until it uses it; saved when it leaves the CPU, if changed ---- */

bool fp_open(struct hart *hart) {
    if (hart->fp_on)
        return false;
    hart->fp_on = true;
    set_csr(sstatus, SSTATUS_FS);
    fp_restore(hart->current->fp);
    clear_csr(sstatus, SSTATUS_FS & ~SSTATUS_FS_CLEAN);
    return true;
}

void machine_fp_close(struct hart *hart, struct task *task) {
    if ((read_csr(sstatus) & SSTATUS_FS) == SSTATUS_FS_DIRTY)
        fp_save(task->fp);
    clear_csr(sstatus, SSTATUS_FS);
    hart->fp_on = false;
}

/* ---- interrupts ---- */

void machine_interrupts(struct hart *hart, uint32_t pending) {
    struct kernel *kernel = hart->kernel;
    hart->in_interrupt = true;
    if (pending & PENDING_WAKE)
        clear_csr(sip, INTERRUPT_SOFT);
    if (pending & PENDING_CLOCK)
        schedule_clock(kernel);
    if (pending & PENDING_DEVICE) {
        uint32_t number = plic_claim(kernel);
        kernel->interrupt_count++;
        if (number)
            interrupt_deliver(kernel, number);
    }
    hart->in_interrupt = false;
}

static uint32_t pending_of(uint64_t bits) {
    return (bits & INTERRUPT_SOFT ? PENDING_WAKE : 0) | (bits & INTERRUPT_CLOCK ? PENDING_CLOCK : 0) |
           (bits & INTERRUPT_EXTERNAL ? PENDING_DEVICE : 0);
}

uint32_t machine_pending(void) {
    return pending_of(read_csr(sip) & read_csr(sie));
}

/* wfi goes on when an enabled interrupt is pending even though interrupts are off in the kernel. */
uint32_t machine_sleep(void) {
    __asm__ volatile("wfi" ::: "memory");
    return machine_pending();
}

/* ---- exceptions ---- */

/* A page fault although the tables allow the access: an entry was made since this hart last looked. */
static bool is_stale(const struct task *task, uint64_t cause, uint64_t address) {
    if (cause != CAUSE_LOAD_PAGE && cause != CAUSE_STORE_PAGE)
        return false;
    bool repeated = task->fault_address == address && task->fault_cause == cause;
    return !repeated &&
           space_reach(&task->space, address, cause == CAUSE_LOAD_PAGE ? ACCESS_READ : ACCESS_WRITE);
}

static void exception(struct hart *hart, uint64_t cause) {
    struct task *task = hart->current;
    uint64_t address = read_csr(stval);
    if (cause == CAUSE_ILLEGAL && fp_open(hart))
        return;
    bool stale = is_stale(task, cause, address);
    task->fault_cause = cause;
    task->fault_address = address;
    if (stale)
        __asm__ volatile("sfence.vma" ::: "memory");
    else
        task_end(hart->kernel, task, END_FAULT, 0);
}

HOT void trap(struct hart *hart, uint64_t cause) {
    struct kernel *kernel = hart->kernel;
    if (cause != CAUSE_USER_ECALL && read_csr(sstatus) & SSTATUS_SPP)
        machine_panic("fault in the kernel at", read_csr(sepc));
    kernel_lock(kernel, hart);
    struct task *task = hart->current;
    if (task->state == TASK_ENDED) {
        schedule_leave_ended(hart);
    } else if (cause == CAUSE_USER_ECALL) {
        task->context[PC] += 4;
        system_call(hart);
    } else if (cause & CAUSE_INTERRUPT) {
        machine_interrupts(hart, pending_of(1ull << (cause & 63)));
    } else {
        exception(hart, cause);
    }
    if (reap_pending(kernel))
        reap_piece(kernel);
    schedule(hart);
    kernel_unlock(kernel);
}
