"""Differences: all are counted, the first are kept for people."""


class Report:
    def __init__(self, keep=20):
        self.keep = keep
        self.first = []
        self.counts = {}        # (object, kind) -> number
        self.notes = []

    def add(self, obj, kind, text):
        """kind: missing, extra, duplicate, field, lookup, children, failed-present, parent, count."""
        self.counts[obj, kind] = self.counts.get((obj, kind), 0) + 1
        if sum(1 for o, k, _ in self.first if (o, k) == (obj, kind)) < self.keep:
            self.first.append((obj, kind, text))

    def total(self):
        return sum(self.counts.values())

    def of(self, obj):
        return {k: n for (o, k), n in self.counts.items() if o == obj}

    def write(self, out):
        for obj, kind, text in self.first[:self.keep]:
            out.write("%s: %s: %s\n" % (obj, kind, text))
        rest = self.total() - min(len(self.first), self.keep)
        if rest > 0:
            out.write("... and %d more\n" % rest)
        for (obj, kind), number in sorted(self.counts.items()):
            out.write("%s: %d %s\n" % (obj, number, kind))
