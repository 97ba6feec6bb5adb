$(call host_program,nettap,nethost net base)
