"""
Sets that iterate in the order of insertion, where asyncio and its kin use plain ones.

A plain set iterates by hash, and most objects hash to their address: the order in which
tasks are cancelled or results handed out would change from run to run.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Self, TypeVar, cast

T = TypeVar("T")


class OrderedSet(set[T]):
    """
    A set that iterates in the order of insertion, and so do its operators' results.

    It is a real set, because programs subtract it from real sets in place.
    """

    __slots__ = ("_order",)

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._order: dict[T, None] = dict.fromkeys(items)
        super().__init__(self._order)

    def __iter__(self) -> Iterator[T]:
        return iter(self._order)

    def __repr__(self) -> str:
        return f"OrderedSet({list(self._order)!r})"

    def add(self, item: T) -> None:
        """Add *item* at the end, unless it is there."""
        super().add(item)
        self._order[item] = None

    def discard(self, item: object) -> None:
        """Remove *item* if it is there."""
        if item in self:
            self.remove(cast("T", item))

    def remove(self, item: T) -> None:
        """Remove *item*, or raise KeyError."""
        super().remove(item)
        del self._order[item]

    def pop(self) -> T:
        """Remove and return the first item, or raise KeyError."""
        for item in self._order:
            self.remove(item)
            return item
        raise KeyError("pop from an empty set")

    def clear(self) -> None:
        """Remove all items."""
        super().clear()
        self._order.clear()

    def copy(self) -> Self:
        """Return a set with the same items in the same order."""
        return type(self)(self._order)

    def update(self, *others: Iterable[T]) -> None:
        """Add the items of *others* at the end."""
        for other in others:
            for item in list(other):
                self.add(item)

    def difference_update(self, *others: Iterable[Any]) -> None:
        """Remove the items of *others*."""
        for other in others:
            for item in list(other):
                self.discard(item)

    def intersection_update(self, *others: Iterable[Any]) -> None:
        """Keep only what is in all *others* too."""
        for other in others:
            kept = set(other)
            self.difference_update([item for item in self if item not in kept])

    def symmetric_difference_update(self, other: Iterable[T]) -> None:
        """Remove what is in both; add at the end what is only in *other*."""
        items = list(dict.fromkeys(other))
        common = [item for item in items if item in self]
        self.update(items)
        self.difference_update(common)

    def union(self, *others: Iterable[Any]) -> OrderedSet[Any]:
        """Return a set of our items, then those of *others*."""
        result: OrderedSet[Any] = self.copy()
        result.update(*others)
        return result

    def difference(self, *others: Iterable[Any]) -> OrderedSet[T]:
        """Return a set of our items that are in none of *others*."""
        result = self.copy()
        result.difference_update(*others)
        return result

    def intersection(self, *others: Iterable[Any]) -> OrderedSet[T]:
        """Return a set of our items that are in all *others*."""
        result = self.copy()
        result.intersection_update(*others)
        return result

    def symmetric_difference(self, other: Iterable[Any]) -> OrderedSet[Any]:
        """Return a set of what is in one of the two only."""
        result: OrderedSet[Any] = self.copy()
        result.symmetric_difference_update(other)
        return result

    def __or__(self, other: AbstractSet[Any]) -> OrderedSet[Any]:
        return self.union(other) if isinstance(other, AbstractSet) else NotImplemented

    def __sub__(self, other: AbstractSet[Any]) -> OrderedSet[T]:
        return self.difference(other) if isinstance(other, AbstractSet) else NotImplemented

    def __and__(self, other: AbstractSet[Any]) -> OrderedSet[T]:
        return self.intersection(other) if isinstance(other, AbstractSet) else NotImplemented

    def __xor__(self, other: AbstractSet[Any]) -> OrderedSet[Any]:
        if not isinstance(other, AbstractSet):
            return NotImplemented
        return self.symmetric_difference(other)

    def __ior__(self, other: AbstractSet[T]) -> Self:  # type: ignore[misc,override]
        self.update(other)
        return self

    def __isub__(self, other: AbstractSet[Any]) -> Self:
        self.difference_update(other)
        return self

    def __iand__(self, other: AbstractSet[Any]) -> Self:
        self.intersection_update(other)
        return self

    def __ixor__(self, other: AbstractSet[T]) -> Self:  # type: ignore[misc,override]
        self.symmetric_difference_update(other)
        return self


class OrderedWeakSet:
    """Objects by weak reference, in the order of insertion: as much as asyncio asks for."""

    __slots__ = ("_references", "_remove")

    def __init__(self) -> None:
        self._references: dict[weakref.ref[Any], None] = {}
        # Called with the reference to what has ended. A method in C: asyncio puts every
        # async generator in here, and a streamed response passes four of them.
        self._remove = self._references.__delitem__

    def add(self, item: object) -> None:
        """Add *item*, which must be hashable and allow weak references."""
        self._references.setdefault(weakref.ref(item, self._remove))

    def discard(self, item: object) -> None:
        """Remove *item* if it is there."""
        self._references.pop(weakref.ref(item), None)

    def clear(self) -> None:
        """Remove all items."""
        self._references.clear()

    def __len__(self) -> int:
        return len(self._references)

    def __iter__(self) -> Iterator[object]:
        items = (reference() for reference in list(self._references))
        return (item for item in items if item is not None)
