/* embed.S: the first task's program file, carried inside the kernel's image. */

    .section .rodata.first_task, "a"
    .balign 4096
    .globl first_task_elf, first_task_elf_end
first_task_elf:
    .incbin INIT_ELF
first_task_elf_end:
