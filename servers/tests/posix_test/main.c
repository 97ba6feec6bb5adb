/* posix_test: [HOST PORT]: tries what programs written for Unix rely on. With an echo server's address,
 * connections too. */
#include "posix_test.h"

int main(int argc, char **argv) {
    struct checks checks = {0};
    test_descriptors(&checks);
    test_files(&checks);
    test_sockets(&checks);
    test_options(&checks);
    test_names(&checks);
    if (argc == 3) {
        test_peer(&checks, argv[1], argv[2]);
    }
    return check_report(&checks, "posix_test");
}
