/* uart.c: see uart.h. */
#include "uart.h"

enum uart_register {
    UART_DATA = 0,             /* received byte; byte to send */
    UART_INTERRUPT_ENABLE = 1, /* IER */
    UART_FIFO_CONTROL = 2,     /* FCR, write only */
    UART_MODEM_CONTROL = 4,    /* MCR */
    UART_LINE_STATUS = 5       /* LSR */
};

#define IER_RECEIVED 0x01
#define IER_ROOM     0x02
#define FCR_ENABLE   0x01
#define MCR_READY    0x0b /* DTR, RTS, and OUT2, which lets interrupts out on PCs */
#define LSR_RECEIVED 0x01
#define LSR_ROOM     0x20 /* the FIFO is empty: FIFO_SIZE bytes fit */
#define FIFO_SIZE    16

void uart_init(struct uart *uart, volatile void *registers) {
    *uart = (struct uart){.registers = registers};
    uart->registers[UART_FIFO_CONTROL] = FCR_ENABLE;
    uart->registers[UART_MODEM_CONTROL] = MCR_READY;
    uart->registers[UART_INTERRUPT_ENABLE] = IER_RECEIVED;
}

bool uart_receive(struct uart *uart, uint8_t *byte) {
    if ((uart->registers[UART_LINE_STATUS] & LSR_RECEIVED) == 0) {
        return false;
    }
    *byte = uart->registers[UART_DATA];
    return true;
}

/* Puts one character into the FIFO, of which `room` is left; 0 if it does not fit. Bytes put. */
static size_t put(struct uart *uart, uint8_t byte, size_t room) {
    bool expand = byte == '\n' && !uart->after_return;
    size_t needed = expand ? 2 : 1;
    if (needed > room) {
        return 0;
    }
    if (expand) {
        uart->registers[UART_DATA] = '\r';
    }
    uart->registers[UART_DATA] = byte;
    uart->after_return = byte == '\r';
    return needed;
}

size_t uart_send(struct uart *uart, const uint8_t *bytes, size_t length) {
    size_t sent = 0;
    while (sent < length && (uart->registers[UART_LINE_STATUS] & LSR_ROOM) != 0) {
        size_t room = FIFO_SIZE;
        for (size_t used = 1; sent < length && used != 0; room -= used) {
            used = put(uart, bytes[sent], room);
            sent += used != 0;
        }
    }
    return sent;
}

void uart_want_room(struct uart *uart, bool wanted) {
    uart->registers[UART_INTERRUPT_ENABLE] = wanted ? IER_RECEIVED | IER_ROOM : IER_RECEIVED;
}
