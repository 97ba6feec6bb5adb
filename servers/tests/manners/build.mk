$(call program,manners,posix)
