# Minato's build. `make help` lists the goals and the variables.
#
# A part is a folder with a build.mk of one to three lines; mk/parts.mk documents what such a line may say.
# The parts are only noted while they are read; mk/rules.mk then makes the rules, so their order is free.
include mk/config.mk
include mk/parts.mk
include $(sort $(wildcard kernel/build.mk libs/*/build.mk servers/*/build.mk servers/*/*/build.mk))
include mk/rules.mk
include mk/tests.mk
include mk/goals.mk
