$(call library,posix,os ipc base)
