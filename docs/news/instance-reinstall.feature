gnt-instance reinstall runs the create script of an OS again, with a menu of the OSes there are (--select-os).
