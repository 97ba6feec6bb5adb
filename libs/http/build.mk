$(call library,http,base)
