"""Answers to questions about what there is: rows of fields, filtered and sorted.

In: a resource, field names, a filter.  Out: ``[status, value]`` cells.  One file
per resource declares its fields; ``engine`` puts them together and ``sources``
fetches what the configuration does not know.
"""
