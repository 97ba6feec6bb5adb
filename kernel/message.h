/* message.h: calls and replies.
 *
 * A call waits in its caller: the registers, and a copy of its struct transfer, in struct task. When a
 * receiver is there the message goes straight from task to task. All that can fail is done before anything is
 * changed. */
#pragma once

#include "object.h"

struct task;

/* A reply handle was closed unused: its caller, if he still waits for that call, gets ERR_DEAD. */
void message_reply_lost(struct kernel *kernel, struct task *caller, uint32_t serial);

/* System calls; see abi.h. */
enum error sys_call(struct kernel *kernel, struct task *task);
enum error sys_receive(struct kernel *kernel, struct task *task);
enum error sys_reply(struct kernel *kernel, struct task *task);
enum error sys_reply_receive(struct kernel *kernel, struct task *task);
enum error sys_payload_read(struct kernel *kernel, struct task *task);
enum error sys_payload_write(struct kernel *kernel, struct task *task);
