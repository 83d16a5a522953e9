gnt-instance rename gives an instance and the directories of its file disks another name and runs the rename script of its OS.
