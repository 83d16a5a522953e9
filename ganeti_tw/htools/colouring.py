"""Colours for a graph so that no two neighbours share one.

Three ways to choose what is coloured next; each vertex gets the smallest colour
that no coloured neighbour has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

Graph = Mapping[int, Sequence[int]]
"""Each vertex with its neighbours, as often as there are edges."""

Colouring = list[list[int]]
"""For each colour its vertices, ascending."""


def graph_of(vertices: Iterable[int], edges: Iterable[tuple[int, int]]) -> Graph:
    """A graph from edges in one direction each; of each vertex's edges the newest stands first."""
    neighbours: dict[int, list[int]] = {vertex: [] for vertex in vertices}
    for start, end in edges:
        neighbours[start].append(end)
    return {vertex: ends[::-1] for vertex, ends in neighbours.items()}


def largest_first(graph: Graph) -> Colouring:
    colours: dict[int, int] = {}
    for vertex in sorted(graph, key=lambda each: (-len(graph[each]), -each)):
        colours[vertex] = _free_colour(graph, colours, vertex)
    return _classes(colours)


def dsatur(graph: Graph) -> Colouring:
    """Next is the vertex that sees most colours."""
    return _while_colouring(graph, len)


def dcolor(graph: Graph) -> Colouring:
    """Next is the vertex with most edges to coloured ones."""
    return _while_colouring(graph, lambda seen: seen.total())


def _while_colouring(graph: Graph, urgency: Callable[[Counter[int]], int]) -> Colouring:
    seen: dict[int, Counter[int]] = {vertex: Counter() for vertex in graph}
    degree = {vertex: len(graph[vertex]) for vertex in graph}
    keys = {vertex: (0, degree[vertex], vertex) for vertex in graph}
    colours: dict[int, int] = {}
    while keys:
        vertex = max(keys.values())[2]
        del keys[vertex]
        colours[vertex] = colour = _free_colour(graph, colours, vertex)
        for neighbour in graph[vertex]:
            seen[neighbour][colour] += 1
        for neighbour in set(graph[vertex]) & keys.keys():
            keys[neighbour] = urgency(seen[neighbour]), degree[neighbour], neighbour
    return _classes(colours)


def _free_colour(graph: Graph, colours: Mapping[int, int], vertex: int) -> int:
    taken = {colours[neighbour] for neighbour in graph[vertex] if neighbour in colours}
    colour = 0
    while colour in taken:
        colour += 1
    return colour


def _classes(colours: Mapping[int, int]) -> Colouring:
    classes: Colouring = [[] for _ in range(max(colours.values(), default=-1) + 1)]
    for vertex in sorted(colours):
        classes[colours[vertex]].append(vertex)
    return classes


# In the order that decides between equally good ones.
METHODS: Mapping[str, Callable[[Graph], Colouring]] = {
    "LF": largest_first,
    "Dsatur": dsatur,
    "Dcolor": dcolor,
}


def colour_all_ways(graph: Graph) -> dict[str, Colouring]:
    return {name: method(graph) for name, method in METHODS.items()}


def statistics(colourings: Mapping[str, Colouring]) -> str:
    """Number and sizes of the classes of each colouring, the best first."""
    text = ""
    before = None
    newest_first = list(colourings.items())[::-1]
    for name, classes in sorted(newest_first, key=lambda each: len(each[1])):
        shown = f"{name}: {len(classes)} ({','.join(str(len(each)) for each in classes)})"
        joint = "" if before is None else " TIE " if before == len(classes) else " "
        text += joint + shown
        before = len(classes)
    return text
