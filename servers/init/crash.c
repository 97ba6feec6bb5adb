/* crash.c: the causes of the RISC-V privileged specification (table of scause) and a walk along the frame
 * pointers: a frame's caller is at fp - 8, the caller's frame at fp - 16 (RISC-V ELF psABI). */
#include "crash.h"

#include "archive.h"
#include "loader.h"
#include "symbols.h"

#include <os/os.h>
#include <os/syscall.h>
#include <stdio.h>

#define FRAMES_MAX      16
#define FUNCTION_MAX    0x10000u /* what is farther from a name does not belong to it */
#define STACK_OVERSHOOT 0x10000u
#define REGISTERS       32
#define WHERE_SIZE      (SYMBOL_SIZE + 32)

enum { RA = 1, SP = 2, FP = 8 };

static const char *cause_text(uint64_t cause) {
    static const char *const texts[] = {[0] = "misaligned jump",
                                        [1] = "jump to memory that is not there",
                                        [2] = "illegal instruction",
                                        [3] = "breakpoint",
                                        [4] = "misaligned load",
                                        [5] = "load from memory that is not there",
                                        [6] = "misaligned store",
                                        [7] = "store to memory that is not there",
                                        [12] = "jump to an unmapped page",
                                        [13] = "load from an unmapped page",
                                        [15] = "store to an unmapped or read-only page"};
    bool known = cause < sizeof texts / sizeof *texts && texts[cause] != NULL;
    return known ? texts[cause] : "unknown cause";
}

/* "main+0x1c (0x10120)", or the bare address. A return address is looked up by the call before it: a call
 * that never returns may be the last instruction of its function. */
static void describe(struct span symbols, uint64_t address, bool returns, char where[WHERE_SIZE]) {
    char name[SYMBOL_SIZE];
    uint64_t offset;
    if (symbol_find(symbols, address - returns, name, &offset) && offset < FUNCTION_MAX) {
        snprintf(where, WHERE_SIZE, "%s+0x%llx (0x%llx)", name, (unsigned long long)offset + returns,
                 (unsigned long long)address);
    } else {
        snprintf(where, WHERE_SIZE, "0x%llx", (unsigned long long)address);
    }
}

static void report_registers(const struct task_info *info) {
    static const char *const names[REGISTERS] = {
        "pc", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
        "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
    for (unsigned row = 0; row < REGISTERS; row += 4) {
        char line[128];
        size_t length = 0;
        for (unsigned i = row; i < row + 4; i++) {
            length += (size_t)snprintf(line + length, sizeof line - length, "  %3s %16llx", names[i],
                                       (unsigned long long)info->registers[i]);
        }
        log_line("%s", line);
    }
}

static void report_frame(struct span symbols, unsigned *number, uint64_t address) {
    char where[WHERE_SIZE];
    describe(symbols, address, *number != 0, where);
    log_line("  #%u %s", (*number)++, where);
}

/* Two words of the dead task's stack: the caller's frame and the way back. */
static bool read_frame(handle_t task, uint64_t frame, uint64_t words[2]) {
    uint64_t done = 0;
    return frame >= 16 && frame % 8 == 0 && sys_task_read(task, frame - 16, words, 16, &done) == ERR_NONE &&
           done == 16;
}

static bool same_function(struct span symbols, uint64_t a, uint64_t b) {
    char name[SYMBOL_SIZE];
    uint64_t a_offset, b_offset;
    return symbol_find(symbols, a, name, &a_offset) && symbol_find(symbols, b, name, &b_offset) &&
           a - a_offset == b - b_offset;
}

static void report_backtrace(handle_t task, struct span symbols, const uint64_t *registers) {
    unsigned number = 0;
    uint64_t frame = registers[FP], words[2] = {0};
    report_frame(symbols, &number, registers[0]);
    bool has_frame = read_frame(task, frame, words);
    bool left_over = same_function(symbols, registers[0], registers[RA]); /* of a call that has returned */
    if (!has_frame || (words[1] != registers[RA] && !left_over)) { /* its function has no frame, or not yet */
        report_frame(symbols, &number, registers[RA]);
    }
    while (has_frame && number < FRAMES_MAX && words[1] != 0) {
        report_frame(symbols, &number, words[1]);
        bool upwards = words[0] > frame; /* stacks grow down: anything else is damaged */
        frame = words[0];
        has_frame = upwards && read_frame(task, frame, words);
    }
}

/* The page or so below the stack: nothing else is near. */
static bool stack_has_run_out(const struct process *process, const struct task_info *info) {
    uint64_t bottom = loader_stack_bottom(process->entry);
    return info->fault_address < bottom && bottom - info->fault_address <= STACK_OVERSHOOT;
}

void crash_report(struct init *init, const struct process *process, const struct task_info *info) {
    char path[MANIFEST_NAME + 4];
    struct span symbols = {0};
    const char *program = process->entry->at_boot ? process->entry->program : process->name;
    snprintf(path, sizeof path, "sym/%s", program);
    (void)archive_find(init->archive, path, &symbols);
    log_line("%s (task %u) crashed: %s, address 0x%llx%s", process->name, process->id,
             cause_text(info->fault_cause), (unsigned long long)info->fault_address,
             stack_has_run_out(process, info) ? ": its stack has run out" : "");
    report_registers(info);
    report_backtrace(process->task, symbols, info->registers);
}
