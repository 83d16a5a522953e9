Completion of bash knows which argument is which, words to choose from, lists with commas and pairs of nodes.
