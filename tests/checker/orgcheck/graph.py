"""One org's records as arrays: for each 8 bytes of value hash, 8 of id hash, 15 of id and 8 for
each lookup, so that a million records fit in memory."""
import re
from array import array
from bisect import bisect_left

from . import bodies, scope, values

NULL, FOREIGN = -1, -2      # lookup holds nothing; points to a record that was not read
IDENT = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")
STANDARD = values.digest(["the standard price book"])


def id_hash(ident):
    return hash(ident[:15])


class Side:
    """The records of all objects of one org, numbered through."""

    def __init__(self, org, objects, which, failed=None):
        self.org, self.objects, self.which = org, objects, which
        self.base, self.size, self.look = {}, {}, {}
        self.own = array("q")           # hash of a record's own fields
        self.key = {}                   # object -> array of key hashes
        self.ids = bytearray()
        self.idh = array("q")
        self.failed = failed or {}      # id15 -> code, of the source
        self.failed_own = {}            # (object, own hash) -> source id
        self.failed_seen = {}
        self.waits, self.waits_seen = {}, {}    # object -> ids that wait for a parent; how many of them came
        self.lost_parents = []          # (record, lookup, failed parent's id)
        self.outside = 0                # lookups to records out of scope
        self.total = 0
        self.standard = set()
        self.texts = {}                 # (object, lookup's number) -> what a text is beside a record of the scope
        self.prefixes = set()           # of the objects in scope

    def load(self, key_of=None):
        raw = {}
        failed_hash = {id_hash(i): i for i in self.failed}
        for obj in self.objects:
            self.base[obj.name] = self.total
            raw[obj.name] = [array("q") for _ in obj.lookups]
            self.key[obj.name] = array("q")
            self._read(obj, raw[obj.name], key_of and key_of(obj))
            self.size[obj.name] = self.total - self.base[obj.name]
        self._index()
        self.prefixes = {self.ids[i * 15:i * 15 + 3].decode() for i in range(self.total)}
        for obj in self.objects:
            self.look[obj.name] = [self._resolve_text(obj, n, hashes, failed_hash) if lookup.text else
                                   self._resolve(obj, lookup, hashes, failed_hash)
                                   for n, (lookup, hashes) in enumerate(zip(obj.lookups, raw[obj.name]))]
        self.by_hash = self.order = None
        return self

    def _rows(self, obj, fields):
        rows = (self.org.read_all(obj.target, fields, obj.there) if self.which
                else scope.source_rows(obj, self.org, fields))
        return (bodies.hold(obj, fields, row, self.org) for row in rows)

    def _read(self, obj, raw, key):
        fields = scope.fields_of(obj, self.which)
        if key and key not in fields and key != "Id":
            fields.append(key)
        names = [l.target if self.which else l.source for l in obj.lookups]
        empty = id_hash("")
        for row in self._rows(obj, fields):
            ident = row["Id"]
            standard = obj.standard and row.get("IsStandard")
            own = STANDARD if standard else values.digest(scope.canon_row(obj, row, self.which))
            if ident[:15] in self.failed:
                self.failed_own[obj.name, own] = ident
                self.failed_seen[obj.name] = self.failed_seen.get(obj.name, 0) + 1
                continue
            if ident[:15] in self.waits.get(obj.name, ()):
                self.waits_seen[obj.name] = self.waits_seen.get(obj.name, 0) + 1
                continue
            if standard:
                self.standard.add(self.total)
            self.own.append(own)
            self.idh.append(id_hash(ident))
            self.ids += ident[:15].encode()
            for number, (out, name) in enumerate(zip(raw, names)):
                out.append(id_hash(row[name] or "") if not standard else empty)
                if obj.lookups[number].text:
                    self.texts.setdefault((obj.name, number), []).append(None if standard else row[name] or None)
            if key:
                text = "\0standard" if standard else row[key]
                self.key[obj.name].append(id_hash_of_key(text))
            self.total += 1

    def _index(self):
        self.order = array("l", sorted(range(self.total), key=self.idh.__getitem__))
        self.by_hash = array("q", (self.idh[i] for i in self.order))

    def _find(self, hashed):
        at = bisect_left(self.by_hash, hashed)
        if at < self.total and self.by_hash[at] == hashed:
            return self.order[at]
        return FOREIGN

    def _resolve(self, obj, lookup, hashes, failed_hash):
        empty = id_hash("")
        out = array("q")
        start = self.base[obj.name]
        for at, hashed in enumerate(hashes):
            if hashed == empty:
                out.append(NULL)
                continue
            found = self._find(hashed)
            if found == FOREIGN and not self.which:
                # what the source points to outside of the scope is left out of the target
                if hashed in failed_hash:
                    self.lost_parents.append((start + at, lookup, failed_hash[hashed]))
                else:
                    self.outside += 1
                found = NULL
            out.append(found)
        return out

    def _resolve_text(self, obj, number, hashes, failed_hash):
        """A text that is the id of a record in scope points to it; any other is a value of the record's own."""
        lookup, texts = obj.lookups[number], self.texts.get((obj.name, number), [])
        out, start = array("q"), self.base[obj.name]
        for at, (hashed, text) in enumerate(zip(hashes, texts)):
            found, rest = NULL, text
            if text and IDENT.fullmatch(text):
                found = self._find(hashed)
                if found != FOREIGN:
                    rest = "an id of %d characters" % len(text)
                else:
                    found = NULL
                    if not self.which and hashed in failed_hash:
                        self.lost_parents.append((start + at, lookup, failed_hash[hashed]))
                        rest = None
                    elif not self.which and lookup.missing != "keep" and text[:3] in self.prefixes:
                        rest = None
            texts[at] = rest
            out.append(found)
            self.own[start + at] = hash((self.own[start + at], number, rest))
        return out

    def id_of(self, at):
        return self.ids[at * 15:at * 15 + 15].decode()

    def object_of(self, at):
        for obj in self.objects:
            if self.base[obj.name] <= at < self.base[obj.name] + self.size[obj.name]:
                return obj
        raise IndexError(at)

    def span(self, obj):
        return range(self.base[obj.name], self.base[obj.name] + self.size[obj.name])

    def fetch(self, obj, wanted, fields=None):
        """Full records by number, of some few."""
        fields = fields or scope.fields_of(obj, self.which)
        found = self.org.by_ids(obj.target if self.which else obj.name, fields, [self.id_of(i) for i in wanted])
        for row in found.values():
            bodies.hold(obj, fields, row, self.org)
        return {i: found[self.id_of(i)] for i in wanted if self.id_of(i) in found}


NO_KEY = hash(("no", "key"))


def id_hash_of_key(text):
    return NO_KEY if text is None or text == "" else hash(str(text).casefold())
