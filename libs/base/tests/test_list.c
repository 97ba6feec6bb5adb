/* test_list.c: lists keep their order, and removing twice does no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <base/list.h>

struct thing {
    int value;
    struct list link;
};

static void fill(struct list *list, struct thing *things, int count) {
    list_init(list);
    for (int i = 0; i < count; i++) {
        things[i].value = i;
        list_init(&things[i].link);
        list_append(list, &things[i].link);
    }
}

static int take_value(struct list *list) {
    struct list *link = list_take(list);
    return link == NULL ? -1 : LIST_ENTRY(link, struct thing, link)->value;
}

static void test_order(void **state) {
    (void)state;
    struct list list;
    struct thing things[3], first = {.value = 9};
    fill(&list, things, 3);
    list_init(&first.link);
    list_prepend(&list, &first.link);
    assert_int_equal(take_value(&list), 9);
    assert_int_equal(take_value(&list), 0);
    assert_int_equal(take_value(&list), 1);
    assert_int_equal(take_value(&list), 2);
    assert_int_equal(take_value(&list), -1);
    assert_true(list_is_empty(&list));
}

static void test_remove_twice(void **state) {
    (void)state;
    struct list list;
    struct thing things[3];
    fill(&list, things, 3);
    list_remove(&things[1].link);
    list_remove(&things[1].link);
    assert_false(list_is_linked(&things[1].link));
    assert_int_equal(take_value(&list), 0);
    assert_int_equal(take_value(&list), 2);
    assert_int_equal(take_value(&list), -1);
}

static void test_move_all(void **state) {
    (void)state;
    struct list a, b;
    struct thing in_a[2], in_b[2];
    fill(&a, in_a, 2);
    fill(&b, in_b, 2);
    list_move_all(&a, &b);
    assert_true(list_is_empty(&b));
    list_move_all(&a, &b);
    assert_int_equal(take_value(&a), 0);
    assert_int_equal(take_value(&a), 1);
    assert_int_equal(take_value(&a), 0);
    assert_int_equal(take_value(&a), 1);
    assert_int_equal(take_value(&a), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_remove_twice),
        cmocka_unit_test(test_move_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
