"""Taking values out of a JSON tree, with the place named when one is of the wrong type."""

from typing import Any

Json = dict[str, Any]


class Node:
    """An object of the tree. What is taken leaves it; what is only looked at stays."""

    def __init__(self, data: Json, path: str) -> None:
        self.data = data
        self.path = path

    def text(self, key: str) -> str:
        """Look at a text; empty if there is none."""
        return str(self._look(key, str, "") or "")

    def take_text(self, key: str) -> str:
        told = self.text(key)
        self.take(key)
        return told

    def flag(self, key: str) -> bool:
        """Take yes or no; a word or a number is refused, as it may mean either."""
        told = bool(self._look(key, bool, default=False))
        self.take(key)
        return told

    def child(self, key: str) -> "Node":
        """The object below; an empty one, of no consequence, if there is none."""
        return Node(self._look(key, dict, None) or {}, self._place(key))

    def children(self, key: str) -> list["Node"]:
        """The objects of a list below."""
        place = self._place(key)
        nodes = []
        for number, one in enumerate(self._look(key, list, None) or []):
            if not isinstance(one, dict):
                raise _wrong(f"{place}[{number}]", "an object", one)
            nodes.append(Node(one, f"{place}[{number}]"))
        return nodes

    def take(self, *keys: str) -> None:
        """Take what was looked at before and has found its place."""
        for key in keys:
            self.data.pop(key, None)

    def _look(self, key: str, kind: type, default: Any) -> Any:
        found = self.data.get(key, default)
        if found is not None and not isinstance(found, kind):
            raise _wrong(self._place(key), _CALLED[kind], found)
        return found

    def _place(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


_CALLED = {str: "a text", bool: "true or false", dict: "an object", list: "a list"}


def _wrong(place: str, wanted: str, found: Any) -> ValueError:
    called = next((word for kind, word in _CALLED.items() if isinstance(found, kind)), "a number")
    return ValueError(f"“{place}” should be {wanted} and is {called}.")


def pruned(value: Any) -> Any:
    """Without empty objects and lists; None if nothing is left."""
    if isinstance(value, dict):
        kept = {key: pruned(one) for key, one in value.items()}
        return {key: one for key, one in kept.items() if one is not None} or None
    if isinstance(value, list):
        rows = [one for one in map(pruned, value) if one is not None]
        return rows or None
    return value


def is_empty(node: Node) -> bool:
    return pruned(node.data) is None
