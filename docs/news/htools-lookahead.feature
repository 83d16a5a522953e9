``hbal --lookahead N`` tries chains of moves and never ends worse than the usual plan; ``--time-budget`` limits how long.
