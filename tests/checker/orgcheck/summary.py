"""Does a run's own summary add up, and does it agree with what is in the orgs?"""
import csv
import io
import json

OUTCOMES = ("inserted", "updated", "existing", "skipped", "deleted", "failed")
_ID = ("sourceid", "sourcerecordid", "recordid", "record", "id")
_KIND = ("outcome", "kind")
_CODE = ("code", "statuscode", "status")


def _column(names, wanted):
    plain = {n.lower().replace(" ", "").replace("_", "").replace("-", ""): n for n in names}
    return next((plain[w] for w in wanted if w in plain), None)


def read_failed(path):
    """(failed ids: code, ids whose link alone failed: code, whether the file tells them apart)"""
    failed, links = {}, {}
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    if not rows:
        return failed, links, False
    ident = _column(rows[0], _ID)
    if not ident:
        for row in rows:
            if row and row[0].strip():
                failed[row[0].strip()[:15]] = ""
        return failed, links, False
    kind, code = _column(rows[0], _KIND), _column(rows[0], _CODE)
    at = {n: i for i, n in enumerate(rows[0])}
    for row in rows[1:]:
        if not row:
            continue
        what = row[at[kind]].lower() if kind else "failed"
        # a record that is in but whose link failed carries its own outcome
        out = links if what in ("inserted", "updated", "existing", "link") else failed
        out[row[at[ident]][:15]] = row[at[code]] if code else ""
    return failed, links, kind is not None


def check(path, report, objects, source, judge, before):
    with open(path, encoding="utf-8") as file:
        run = json.load(file)
    if run.get("state") not in (None, "Synced"):
        report.add("run", "count", "state is %s, not Synced" % run["state"])
    rows = {o["name"]: o for o in run["objects"]}
    for obj in objects:
        if obj.name not in rows:
            report.add(obj.name, "count", "the run's summary does not name it")
            continue
        _check_object(obj, rows[obj.name], report, source, judge, before)
    for name in OUTCOMES + ("scanned",):
        total = sum(o.get(name, 0) for o in run["objects"])
        if run.get("totals", {}).get(name, 0) != total:
            report.add("run", "count", "totals.%s is %s, the objects make %d"
                       % (name, run.get("totals", {}).get(name), total))


def _check_object(obj, row, report, source, judge, before):
    name = obj.name
    made = sum(row.get(o, 0) for o in OUTCOMES)
    failed = source.failed_seen.get(name, 0)
    matched = judge.matched[name]

    def same(what, said, seen):
        if said != seen:
            report.add(name, "count", "%s: the run says %d, the orgs show %d" % (what, said, seen))
    if row["scanned"] != made:
        report.add(name, "count", "scanned %d, but the outcomes make %d" % (row["scanned"], made))
    if row.get("since"):  # a delta: the orgs hold more than what it read
        return
    deletes = row.get("scannedDeletes", 0)
    if deletes:  # what became of these: deleted, or nothing of them was there
        same("scanned, but for deletes", row["scanned"] - deletes, source.size[name] + failed)
        return
    same("scanned", row["scanned"], source.size[name] + failed + source.waits_seen.get(name, 0))
    same("failed", row["failed"], failed)
    same("inserted + updated + existing", row["inserted"] + row["updated"] + row["existing"], matched)
    same("skipped", row["skipped"], judge.skipped[name] + source.waits_seen.get(name, 0))
    old = before.get(obj.target)
    if old is not None:
        there = old if isinstance(old, int) else len(old)
        same("inserted", row["inserted"], judge.sides[1].size[name] - there)
