``hbal --plan-cost`` weighs the gain of each move against the disks and memory it sends, and leaves out what is not worth it.
