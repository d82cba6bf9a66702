"""Conversations that branch (OpenAssistant's): of each tree the path of the answers that were ranked best."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

NODE = ("message_id", "parent_id", "role", "text")


def is_tree(value: object) -> bool:
    """Whether it is a message with the replies to it inside."""
    return isinstance(value, Mapping) and isinstance(value.get("replies"), list) and "text" in value


def best_path(root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The messages from the root on, each time the reply with the best rank."""
    while True:
        yield root
        replies = [one for one in root.get("replies") or () if isinstance(one, Mapping)]
        if not replies:
            return
        root = min(replies, key=_rank)


def with_trees(records: Iterable[object]) -> Iterator[object]:
    """The same records; where they are single messages that name their parents, a conversation for each tree."""
    source = iter(records)
    first = list(islice(source, 1))
    flat = bool(first) and isinstance(first[0], Mapping) and all(name in first[0] for name in NODE)
    yield from _put_together(chain(first, source)) if flat else chain(first, source)


def _put_together(records: Iterable[object]) -> Iterator[object]:
    nodes: dict[str, dict[str, Any]] = {}
    for record in records:
        if isinstance(record, Mapping) and all(name in record for name in NODE):
            nodes[str(record["message_id"])] = {**record, "replies": []}
        else:
            yield record
    roots: list[dict[str, Any]] = []
    for node in nodes.values():
        parent = nodes.get(str(node["parent_id"])) if node["parent_id"] not in (None, "") else None
        (roots if parent is None else parent["replies"]).append(node)
    for root in roots:
        yield {"messages": _plain(list(best_path(root)))}


def _plain(path: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"role": one["role"], "text": one["text"]} for one in path]


def _rank(reply: Mapping[str, Any]) -> float:
    rank = reply.get("rank")
    try:
        return float(rank) if rank not in (None, "") else float("inf")
    except (TypeError, ValueError):
        return float("inf")
