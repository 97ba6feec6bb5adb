$(call kernel,,)
$(call host_tests,kernel,)

# The kernel's test inside QEMU: a kernel whose first task is the self-test (kernel/tests/boot), run with 1 and 2 harts.
include kernel/tests/self_test.mk
