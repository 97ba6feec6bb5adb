$(call library,os,base)
