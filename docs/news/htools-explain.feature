``--explain`` of hbal, hail and hspace says why a node was taken and, with numbers, why not each other one.
