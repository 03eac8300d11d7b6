"""Are two orgs' records the same, as a graph? Without any key: a record's colour is the hash of its
own fields, refined round by round by the colours of its parents and of its children. Equal
multisets of colours are equal graphs for practical purposes. The first round in which two records
differ says what differs; such a pair then gets one colour of its own, so that one difference is
reported once and does not run through the whole graph."""
from array import array
from collections import Counter, defaultdict

from . import scope, values
from .graph import FOREIGN, NO_KEY, NULL

GUESS = 1000            # unmatched records of an object that are read again to pair them
MASK = (1 << 64) - 1


def _field_lines(obj, a, b):
    """What differs between a source and a target record, field by field."""
    left, right = scope.canon_row(obj, a, 0), scope.canon_row(obj, b, 1)
    return ["%s: source %s, target %s" % (s[1], values.show(x, y), values.show(y, x))
            for s, x, y in zip(obj.scalars, left, right) if x != y]


class Judge:
    def __init__(self, source, target, report, before, options):
        self.sides = (source, target)
        self.objects = source.objects
        self.report, self.before, self.options = report, before, options
        self.settled = ({}, {})         # record -> colour that stays
        self.there_before = Counter()
        self.matched = Counter()
        self.skipped = Counter()
        self.children = [None, None]
        self.patient, self.alone = False, [set(), set()]

    def _text_lines(self, obj, a, b):
        """The same of texts that may hold ids, as far as they hold none of the scope."""
        out = []
        for number, lookup in enumerate(obj.lookups):
            if lookup.text:
                x, y = (side.texts[obj.name, number][i - side.base[obj.name]] for side, i in zip(self.sides, (a, b)))
                out += ["%s: source %s, target %s" % (lookup.target, values.show(x, y), values.show(y, x))] if x != y else []
        return out

    # ---- colours ----

    def colours(self):
        """First down the lookups until nothing gets finer: what is too many of a kind waits for that,
        since only its parents may tell which one it is. Then up and down together."""
        now = [array("q", s.own) for s in self.sides]
        self.patient = True
        self._check(now, None, self._explain_own)
        now = self._refine(now, up=False)
        self.patient = False
        self._check(now, None, self._explain_surplus)
        now = self._refine(now, up=True)
        for obj in self.objects:
            left, right = (sorted(now[w][i] for i in self.sides[w].span(obj) if i not in self.settled[w])
                           for w in (0, 1))
            if left != right:
                self.report.add(obj.name, "graph", "the records differ in how they hang together")
            self.matched[obj.name] = sum(1 for i in self.sides[0].span(obj)
                                         if self.settled[0].get(i, 0) != "missing")

    def _refine(self, now, up):
        classes = 0
        for _ in range(self.options.rounds):
            before = [array("q", c) for c in now]
            now = [self._down(s, c) for s, c in zip(self.sides, now)]
            self._check(now, before, self._explain_lookups)
            if up:
                before = [array("q", c) for c in now]
                now = [self._up(w, s, c) for w, (s, c) in enumerate(zip(self.sides, now))]
                self._check(now, before, self._explain_children)
            distinct = len(set(now[0]) | set(now[1]))
            if distinct == classes:
                break
            classes = distinct
        return now

    def _down(self, side, colour):
        """Mixes in the colours of the parents."""
        out = array("q", colour)
        look_up = array("q", colour)
        look_up.append(-7)      # FOREIGN = -2
        look_up.append(-11)     # NULL = -1
        for obj in self.objects:
            lists = [map(look_up.__getitem__, look) for look in side.look[obj.name]]
            if lists:
                span = side.span(obj)
                out[span.start:span.stop] = array("q", map(hash, zip(
                    colour[span.start:span.stop], *lists)))
        return out

    def _up(self, which, side, colour):
        """Mixes in the sum over the children; a child whose difference is known counts nothing."""
        sums = [0] * side.total
        settled = self.settled[which]
        for number, obj in enumerate(self.objects):
            start = side.base[obj.name]
            for at, look in enumerate(side.look[obj.name]):
                tag = number * 1000 + at + 1
                for child, parent in enumerate(look, start):
                    if parent >= 0 and child not in settled:
                        sums[parent] += hash((tag, colour[child])) * 0x9E3779B97F4A7C15
        return array("q", (hash((c, s & MASK)) for c, s in zip(colour, sums)))

    def _check(self, now, before, explain):
        for which in (0, 1):
            for at, colour in self.settled[which].items():
                now[which][at] = hash(("settled", colour, at)) if colour in (
                    "missing", "extra") else colour
        for obj in self.objects:
            spans = [s.span(obj) for s in self.sides]
            bags = [sorted(c[span.start:span.stop]) for c, span in zip(now, spans)]
            if bags[0] == bags[1] and not any(
                    self.settled[w] and any(i in self.settled[w] for i in spans[w]) for w in (0, 1)):
                continue
            self._check_object(obj, now, before, explain, spans)

    def _check_object(self, obj, now, before, explain, spans):
        bags = [Counter(now[w][i] for i in spans[w] if i not in self.settled[w]) for w in (0, 1)]
        if bags[0] == bags[1]:
            return
        # of a kind that both orgs have it is too early to say which ones are too many
        self.alone = [{c for c in bags[w] if self.patient and c not in bags[1 - w]} for w in (0, 1)]
        left = [self._surplus(obj, w, now[w], spans[w], bags[w] - bags[1 - w]) for w in (0, 1)]
        for a, b, kind, text in explain(obj, left[0], left[1], now, before):
            self._note(obj, a, b, kind, text)
            same = hash(("pair", a, b))
            for which, at in ((0, a), (1, b)):
                if at is not None:
                    self.settled[which][at] = (same if a is not None and b is not None
                                               else ("missing", "extra")[which])
                    now[which][at] = hash((same, which)) if a is None or b is None else same

    def _surplus(self, obj, which, colour, span, surplus):
        """Which records of a class are the ones too many: first those that were there before, then
        those without children."""
        many = [i for i in span if i not in self.settled[which] and colour[i] in surplus]
        old = self.before.get(obj.target) if which else None
        old = old if isinstance(old, set) else ()
        children = self._child_counts(which)
        many.sort(key=lambda i: (bool(old) and self.sides[1].id_of(i) not in old,
                                 children[i], -i))
        left, out = Counter(surplus), []
        for i in many:
            if left[colour[i]] > 0:
                left[colour[i]] -= 1
                out.append(i)
        return sorted(out)

    def _child_counts(self, which):
        if self.children[which] is None:
            counts = array("l", [0]) * self.sides[which].total
            for looks in self.sides[which].look.values():
                for look in looks:
                    for parent in look:
                        if parent >= 0:
                            counts[parent] += 1
            self.children[which] = counts
        return self.children[which]

    def _note(self, obj, a, b, kind, text):
        if kind == "missing" and not obj.insert:
            self.skipped[obj.name] += 1
        elif kind == "before":
            self.there_before[obj.name] += 1
        else:
            self.report.add(obj.name, kind, text)

    def _was_there(self, obj, at):
        old = self.before.get(obj.target)
        if isinstance(old, set):
            return self.sides[1].id_of(at) in old
        return isinstance(old, int) and self.there_before[obj.name] < old

    # ---- explanations: (source record, target record, kind, text), None where there is none ----

    def _explain_own(self, obj, left, right, now, before):
        source, target = self.sides
        left, right = [[i for i in many if self._is_alone(w, i, now)]
                       for w, many in ((0, left), (1, right))]
        pairs = self._guess(obj, left, right)
        for a, b, row_a, row_b in pairs:
            yield a, b, "field", "%s, in the target probably %s: %s" % (
                source.id_of(a), target.id_of(b), "; ".join(_field_lines(obj, row_a, row_b) + self._text_lines(obj, a, b)))
        done = {p[0] for p in pairs}, {p[1] for p in pairs}
        yield from self._explain_surplus(obj, [a for a in left if a not in done[0]],
                                         [b for b in right if b not in done[1]], now, before)

    def _explain_surplus(self, obj, left, right, now, before):
        for a in left:
            yield self._missing(a)
        here = {now[0][i]: i for i in self.sides[0].span(obj)} if right else {}
        for b in right:
            yield self._extra(obj, b, here.get(now[1][b]))

    def _is_alone(self, which, at, now):
        return not self.patient or now[which][at] in self.alone[which]

    def _missing(self, a):
        return a, None, "missing", "%s is not in the target" % self.sides[0].id_of(a)

    def _extra(self, obj, b, twin=None):
        source, ident = self.sides[0], self.sides[1].id_of(b)
        failed = source.failed_own.get((obj.name, self.sides[1].own[b]))
        if self._was_there(obj, b):
            return None, b, "before", ""
        if twin is not None:
            return None, b, "duplicate", "%s of the target: a copy too many of %s" % (
                ident, source.id_of(twin))
        if failed:
            return None, b, "failed-present", "%s failed, yet it is in the target, probably as %s" % (
                failed, ident)
        return None, b, "extra", "%s of the target comes from no source record" % ident

    def _guess(self, obj, left, right):
        """Pairs unmatched records by the fields that they share; rare values weigh more."""
        source, target = self.sides
        if not left or not right:
            return []
        if len(left) > GUESS or len(right) > GUESS:
            self.report.notes.append("%s: %d and %d unmatched records: the first %d are paired" % (
                obj.name, len(left), len(right), GUESS))
        rows = source.fetch(obj, left[:GUESS]), target.fetch(obj, right[:GUESS])
        where, own = defaultdict(list), ({}, {})
        for which in (0, 1):
            for at, row in rows[which].items():
                own[which][at] = [(n, v) for n, v in enumerate(scope.canon_row(obj, row, which))
                                  if v is not None]
        for b, pairs in own[1].items():
            for pair in pairs:
                where[pair].append(b)
        scores = []
        for a, pairs in own[0].items():
            score = Counter()
            for pair in pairs:
                hits = where.get(pair, ())
                if len(hits) <= 200:
                    for b in hits:
                        score[b] += 1.0 / len(hits)
            scores += [(s, -a, -b) for b, s in score.items() if s >= 0.3]
        used, out = (set(), set()), []
        for _, a, b in sorted(scores, reverse=True):
            if -a not in used[0] and -b not in used[1]:
                used[0].add(-a)
                used[1].add(-b)
                out.append((-a, -b, rows[0][-a], rows[1][-b]))
        return sorted(out, key=lambda p: p[0])

    def _pair_by_class(self, left, right, before):
        """Records that were alike one step ago, paired; of several the most alike in their parents."""
        groups = defaultdict(lambda: ([], []))
        for which, many in ((0, left), (1, right)):
            for i in many:
                groups[before[which][i]][which].append(i)
        for some_left, some_right in groups.values():
            rest = list(some_right)
            for a in some_left:
                if not rest:
                    yield a, None
                    continue
                best = max(rest, key=lambda b: self._alike(a, b, before))
                rest.remove(best)
                yield a, best
            for b in rest:
                yield None, b

    def _alike(self, a, b, before):
        obj = self.sides[0].object_of(a)
        return sum(self._parent_colour(0, obj, n, a, before) == self._parent_colour(1, obj, n, b, before)
                   for n in range(len(obj.lookups)))

    def _parent_colour(self, which, obj, number, at, colour):
        side = self.sides[which]
        parent = side.look[obj.name][number][at - side.base[obj.name]]
        return colour[which][parent] if parent >= 0 else ("none", parent)

    def _parent_text(self, which, obj, number, at):
        side = self.sides[which]
        parent = side.look[obj.name][number][at - side.base[obj.name]]
        if parent >= 0:
            return side.id_of(parent)
        return "null" if parent == NULL else "a record out of scope"

    def _explain_lookups(self, obj, left, right, now, before):
        for a, b in self._pair_by_class(left, right, before):
            if b is None:
                if self._is_alone(0, a, now):
                    yield self._missing(a)
                continue
            if a is None:
                if self._is_alone(1, b, now):
                    yield self._extra(obj, b)
                continue
            lines = ["%s: source %s, target %s" % (
                lookup.target, self._parent_text(0, obj, n, a), self._parent_text(1, obj, n, b))
                for n, lookup in enumerate(obj.lookups)
                if self._parent_colour(0, obj, n, a, before) != self._parent_colour(1, obj, n, b, before)]
            yield a, b, "lookup", "%s, in the target probably %s: %s" % (
                self.sides[0].id_of(a), self.sides[1].id_of(b), "; ".join(lines))

    def _explain_children(self, obj, left, right, now, before):
        for a, b in self._pair_by_class(left, right, before):
            if b is None:
                if self._is_alone(0, a, now):
                    yield self._missing(a)
                continue
            if a is None:
                if self._is_alone(1, b, now):
                    yield self._extra(obj, b)
                continue
            yield a, b, "children", "%s, in the target probably %s, has other children: %s" % (
                self.sides[0].id_of(a), self.sides[1].id_of(b),
                "; ".join(self._children_lines(obj, a, b, before)))

    def _children_lines(self, obj, a, b, before):
        for child in self.objects:
            for number, lookup in enumerate(child.lookups):
                if obj.name not in lookup.parents:
                    continue
                kids = []
                for which, parent in ((0, a), (1, b)):
                    side = self.sides[which]
                    start = side.base[child.name]
                    kids.append([start + i for i, p in enumerate(side.look[child.name][number])
                                 if p == parent])
                bags = [Counter(before[w][k] for k in kids[w]) for w in (0, 1)]
                if bags[0] == bags[1]:
                    continue
                only = [[self.sides[w].id_of(k) for k in kids[w] if before[w][k] not in bags[1 - w]]
                        for w in (0, 1)]
                yield "%s.%s: %d in the source, %d in the target%s%s" % (
                    child.name, lookup.source, len(kids[0]), len(kids[1]),
                    ", only in the source " + ",".join(only[0][:3]) if only[0] else "",
                    ", only in the target " + ",".join(only[1][:3]) if only[1] else "")

    # ---- join by a key ----

    def keys(self):
        source, target = self.sides
        pair = array("q", [FOREIGN]) * source.total
        taken = array("q", [FOREIGN]) * target.total
        for obj in self.objects:
            self._join(obj, pair, taken)
        for obj in self.objects:
            self._compare_pairs(obj, pair)
            self.matched[obj.name] = sum(1 for i in source.span(obj) if pair[i] >= 0)
        self.pair = pair

    def _join(self, obj, pair, taken):
        source, target = self.sides
        where = {}
        for at, key in zip(target.span(obj), target.key[obj.name]):
            if key == NO_KEY:
                continue
            if key in where:
                self.report.add(obj.name, "duplicate", "%s and %s of the target have the same key" % (
                    target.id_of(where[key]), target.id_of(at)))
                taken[at] = where[key]
            else:
                where[key] = at
        for at, key in zip(source.span(obj), source.key[obj.name]):
            hit = where.get(key) if key != NO_KEY else None
            if hit is None:
                self._note(obj, at, None, "missing", "%s is not in the target%s" % (
                    source.id_of(at), " (it has no key)" if key == NO_KEY else ""))
            elif taken[hit] != FOREIGN:
                self.report.add(obj.name, "missing", "%s and %s of the source have the same key" % (
                    source.id_of(taken[hit]), source.id_of(at)))
            else:
                pair[at], taken[hit] = hit, at
        for at in target.span(obj):
            if taken[at] == FOREIGN:
                self._extra_by_key(obj, at)

    def _extra_by_key(self, obj, at):
        _, _, kind, text = self._extra(obj, at)
        self._note(obj, None, at, kind, text)

    def _compare_pairs(self, obj, pair):
        source, target = self.sides
        other, old = [], self.before.get(obj.target)
        for at in source.span(obj):
            there = pair[at]
            if there < 0:
                continue
            if source.own[at] != target.own[there]:
                other.append(at)
            for number, lookup in enumerate(obj.lookups):
                parent = source.look[obj.name][number][at - source.base[obj.name]]
                got = target.look[obj.name][number][there - target.base[obj.name]]
                want = pair[parent] if parent >= 0 else parent
                if want != got:
                    self.report.add(obj.name, "lookup", "%s, in the target %s: %s: source %s, target %s" % (
                        source.id_of(at), target.id_of(there), lookup.target,
                        self._parent_text(0, obj, number, at), self._parent_text(1, obj, number, there)))
        some = other[:max(self.report.keep, 200)]
        rows = source.fetch(obj, some)
        more = target.fetch(obj, [pair[i] for i in some])
        for at in other:
            lines = ["differs"]
            if at in rows and pair[at] in more:
                row = dict(rows[at])
                if obj.nulls == "ignore" and isinstance(old, set) and target.id_of(pair[at]) in old:
                    for here, there, _, _, _ in obj.scalars:
                        if not isinstance(here, scope.Made) and row[here] is None:
                            row[here] = more[pair[at]][there]
                lines = _field_lines(obj, row, more[pair[at]]) + self._text_lines(obj, at, pair[at])
            if lines:
                self.report.add(obj.name, "field", "%s, in the target %s: %s" % (
                    source.id_of(at), target.id_of(pair[at]), "; ".join(lines)))
