/* test_console.c: the UART's registers in memory, and the buffer of typed bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "typed.h"
#include "uart.h"

#include <string.h>

#define LINE_STATUS 5
#define ROOM        0x20

static void nothing_is_sent_without_room(void **state) {
    (void)state;
    uint8_t registers[8] = {0};
    struct uart uart;
    uart_init(&uart, registers);
    assert_int_equal(uart_send(&uart, (const uint8_t *)"ab", 2), 0);
    registers[LINE_STATUS] = ROOM;
    assert_int_equal(uart_send(&uart, (const uint8_t *)"ab", 2), 2);
    assert_int_equal(registers[0], 'b');
    assert_int_equal(uart_send(&uart, (const uint8_t *)"a\n", 2), 2);
    assert_int_equal(registers[0], '\n');
}

static void interrupts_are_asked_for_as_needed(void **state) {
    (void)state;
    uint8_t registers[8] = {0};
    struct uart uart;
    uart_init(&uart, registers);
    assert_int_equal(registers[1], 1);
    uart_want_room(&uart, true);
    assert_int_equal(registers[1], 3);
    uart_want_room(&uart, false);
    assert_int_equal(registers[1], 1);
}

static void typed_bytes_come_out_in_order_and_too_many_are_dropped(void **state) {
    (void)state;
    static struct typed typed;
    size_t length;
    for (unsigned i = 0; i < TYPED_SIZE + 3; i++) {
        typed_put(&typed, (uint8_t)i);
    }
    assert_int_equal(typed.dropped, 3);
    typed_take(&typed, 10);
    typed_put(&typed, 77);
    const uint8_t *bytes = typed_piece(&typed, &length);
    assert_int_equal(length, TYPED_SIZE - 10);
    assert_int_equal(bytes[0], 10);
    typed_take(&typed, length);
    bytes = typed_piece(&typed, &length);
    assert_int_equal(length, 1);
    assert_int_equal(bytes[0], 77);
    typed_take(&typed, 1);
    (void)typed_piece(&typed, &length);
    assert_int_equal(length, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_sent_without_room),
        cmocka_unit_test(interrupts_are_asked_for_as_needed),
        cmocka_unit_test(typed_bytes_come_out_in_order_and_too_many_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
