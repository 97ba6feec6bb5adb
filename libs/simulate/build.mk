$(call host_program,simulate,netsim net base)
