$(call host_library,netsim,net base)
$(call host_tests,netsim,net base)
wraps_netsim := arena_take arena_give arena_move_bill
