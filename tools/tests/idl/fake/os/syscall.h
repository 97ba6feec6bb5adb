/* syscall.h: takes the place of libs/os/syscall.h when stubs are tried on the build machine. */
#pragma once

#include <base/error.h>
#include <ipc/abi.h>

enum error sys_call(handle_t port, uint64_t word[MESSAGE_WORDS], struct transfer *transfer);
