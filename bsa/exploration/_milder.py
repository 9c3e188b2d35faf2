"""From a point that breaks enough to a milder one: without half of its parameters, then nearer to neutral."""

from bsa.exploration._space import allowed, between, centre


class Milder:
    """Points to try that are milder than the mildest one so far that broke enough.

    First with only one half of its parameters moved, then with only the other (as in delta debugging, Zeller and
    Hildebrandt 2002), until neither half breaks enough; then on the line to the centre, by bisection.
    """

    def __init__(self, space, problem):
        self.space, self.problem = space, problem
        self.whole = None  # the point that the line leads to
        self.low, self.high = 0.0, 1.0  # shares of the way to it: where too little broke, and where enough did
        self.parts, self.asked = [], []

    def ask(self, mildest, count):
        """At most `count` points; none where a milder one cannot be told from those that were tried."""
        if self.whole is None or mildest != self._at(self.high):
            self._begin(mildest)
        points, self.parts = self.parts[:count], self.parts[count:]
        self.asked = [(point, None) for point in points] or list(self._on_the_line(count))
        return [point for point, _ in self.asked]

    def tell(self, enough):
        """Whether the next of the points asked for broke enough."""
        _, share = self.asked.pop(0)
        if share is not None and self.low < share < self.high:
            self.low, self.high = (self.low, share) if enough else (share, self.high)

    def _begin(self, mildest):
        self.whole, self.low, self.high = mildest, 0.0, 1.0
        still = centre(self.space)
        moved = [name for name in self.space if mildest[name] != still[name]]
        halves = (moved[: len(moved) // 2], moved[len(moved) // 2 :]) if len(moved) > 1 else ()
        parts = [still | {name: mildest[name] for name in half} for half in halves]
        self.parts = [part for part in parts if self.problem(part) is None]

    def _on_the_line(self, count):
        """Pairs of a point and its share of the way, evenly between what broke too little and what broke enough."""
        known = [self._at(self.low), self._at(self.high)]
        for n in range(count):
            share = self.low + (self.high - self.low) * (n + 1) / (count + 1)
            point = self._at(share)
            if point not in known:  # else nearer than numbers are written
                known.append(point)
                yield point, share

    def _at(self, share):
        return allowed(self.space, self.problem, between(self.space, self.whole, share))
