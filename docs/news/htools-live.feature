The htools read running clusters (``-L``, ``-m``), hbal and hsqueeze run what they plan (``-X``), hscan saves the state of clusters, and harep mends instances of nodes that are offline.
