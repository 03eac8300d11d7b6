"""Everything in an org, by id, and what became of it: before and after a rollback or a replay."""
import json

from . import values

STAMPS = {"SystemModstamp", "LastModifiedDate", "LastModifiedById", "LastViewedDate",
          "LastReferencedDate", "LastActivityDate"}
SKIPPED = {"base64", "address", "location"}
SETUP = {"User", "Group", "UserRole", "Profile", "Organization", "RecordType"}


def dump(org, names, out):
    names = names or [o["name"] for o in org.sobjects()
                      if o["queryable"] and o["createable"] and o["name"] not in SETUP]
    out.write(json.dumps({"dump": 1, "org": org.url, "objects": names}) + "\n")
    counts = {}
    for name in names:
        fields = [f["name"] for f in org.describe(name)["fields"]
                  if f["type"] not in SKIPPED and f["name"] not in STAMPS and f["name"] != "Id"]
        counts[name] = 0
        for row in org.read_all(name, fields):
            kept = {f: row[f] for f in fields if row[f] is not None}
            out.write(json.dumps({"o": name, "id": row["Id"], "v": kept}, sort_keys=True) + "\n")
            counts[name] += 1
    return counts


def _rows(path):
    with open(path, "rb") as file:
        head = json.loads(file.readline())
        if "dump" not in head:
            raise ValueError("%s is no dump" % path)
        at = file.tell()
        for line in file:
            yield at, line
            at += len(line)


def compare(left, right, report):
    """By object and id; only hashes and places of the first file are kept in memory."""
    seen = {}
    for at, line in _rows(left):
        row = json.loads(line)
        seen[row["o"], row["id"]] = (values.digest([line.decode()]), at)
    number = 0
    with open(left, "rb") as first:
        for _, line in _rows(right):
            row = json.loads(line)
            number += 1
            had = seen.pop((row["o"], row["id"]), None)
            if had is None:
                report.add(row["o"], "added", row["id"])
            elif had[0] != values.digest([line.decode()]):
                first.seek(had[1])
                _changed(json.loads(first.readline()), row, report)
    for name, ident in seen:
        report.add(name, "removed", ident)
    return number


def _changed(old, new, report):
    lines = ["%s: %s, then %s" % (f, values.show(old["v"].get(f), new["v"].get(f)),
                                  values.show(new["v"].get(f), old["v"].get(f)))
             for f in sorted(set(old["v"]) | set(new["v"])) if old["v"].get(f) != new["v"].get(f)]
    report.add(new["o"], "changed", "%s: %s" % (new["id"], "; ".join(lines)))
