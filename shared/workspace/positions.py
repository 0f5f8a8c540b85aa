"""Where each key and value of a document stands in its file."""

Loc = tuple[str | int, ...]
Position = tuple[int, int]


class Positions:
    """Line and column (from 1) of each value and each key, by the path to it."""

    def __init__(self) -> None:
        self._values: dict[Loc, Position] = {(): (1, 1)}
        self._keys: dict[Loc, Position] = {}

    def add(self, loc: Loc, value: Position, key: Position | None = None) -> None:
        """Note where a value begins, and its key if it has one."""
        self._values[loc] = value
        if key is not None:
            self._keys[loc] = key

    def descend(self, loc: Loc) -> Loc:
        """As far as the path leads into the document. Elements that lead nowhere (a union's tag) are passed over."""
        reached: Loc = ()
        for element in loc:
            if (*reached, element) in self._values:
                reached = (*reached, element)
        return reached

    def value(self, loc: Loc) -> Position:
        """Where the value at the path begins, or the nearest one around it."""
        return self._values[self.descend(loc)]

    def key(self, loc: Loc) -> Position:
        """Where the key of the path stands, or what is nearest."""
        reached = self.descend(loc)
        return self._keys.get(reached, self._values[reached])
