/* stdio.c: stdin, stdout and stderr. A task that links libs/posix reads and writes its descriptors 0 to 2; in
 * any other, what it prints goes to the machine's log and there is nothing to read. */
#include <os/os.h>

#include <stdio-bufio.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#define BUFFER_SIZE 512

/* Only there with libs/posix. */
__attribute__((weak)) ssize_t read(int descriptor, void *data, size_t length);
__attribute__((weak)) ssize_t write(int descriptor, const void *data, size_t length);

static ssize_t put(int descriptor, const void *data, size_t length) {
    if (write != NULL) {
        return write(descriptor, data, length);
    }
    log_text(data, length);
    return (ssize_t)length;
}

/* A question without a newline is seen before the answer is waited for. */
static ssize_t get(int descriptor, void *data, size_t length) {
    fflush(stdout);
    return read != NULL ? read(descriptor, data, length) : 0;
}

static char input_buffer[BUFFER_SIZE], output_buffer[BUFFER_SIZE], error_buffer[BUFFER_SIZE];
static struct __file_bufio input =
    FDEV_SETUP_BUFIO(0, input_buffer, BUFFER_SIZE, get, put, NULL, NULL, __SRD, 0);
static struct __file_bufio output =
    FDEV_SETUP_BUFIO(1, output_buffer, BUFFER_SIZE, get, put, NULL, NULL, __SWR, __BLBF);
static struct __file_bufio errors =
    FDEV_SETUP_BUFIO(2, error_buffer, BUFFER_SIZE, get, put, NULL, NULL, __SWR, __BLBF);

FILE *const stdin = &input.xfile.cfile.file;
FILE *const stdout = &output.xfile.cfile.file;
FILE *const stderr = &errors.xfile.cfile.file;

/* exit() runs this: what is still in the buffers goes out. */
__attribute__((destructor)) static void flush_all(void) {
    fflush(stdout);
    fflush(stderr);
}
