/* uart.h: the registers of a 16550 UART (National Semiconductor PC16550D), a byte each. Pure but for the
 * registers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uart {
    volatile uint8_t *registers;
    bool after_return; /* the last byte sent was '\r' */
};

/* FIFOs on, interrupt for what is received. */
void uart_init(struct uart *uart, volatile void *registers);

/* The next received byte; false: none. */
bool uart_receive(struct uart *uart, uint8_t *byte);

/* Sends as much as the device takes now; a newline becomes return and newline, as terminals want it. Bytes
 * taken. */
size_t uart_send(struct uart *uart, const uint8_t *bytes, size_t length);

/* Asks for an interrupt when there is room to send again, or no longer. */
void uart_want_room(struct uart *uart, bool wanted);
