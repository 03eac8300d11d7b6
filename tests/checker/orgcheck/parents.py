"""Policies for parents that a run does not have (missingParents): which records must wait, and which must have failed."""
from . import scope


def apply(objects, source, failed, report):
    """{object: ids of records that wait}, from the source alone: a record waits when a lookup whose policy is wait points to
    a record that is neither in scope nor failed, or to one that itself waits. With the policy fail it must have failed."""
    if all(l.missing == "blank" or l.text for o in objects for l in o.lookups):
        return {}
    rows, where = _read(objects, source)
    waits = {}
    grown = True
    while grown:
        grown = False
        for ident, (obj, looks) in rows.items():
            if ident in failed or ident in waits:
                continue
            gone = [l for l, parent in looks if parent and parent not in failed and (parent not in where or parent in waits)
                    and not l.deferred]
            if any(l.missing == "wait" for l in gone) and not any(l.missing == "fail" for l in gone):
                waits[ident] = obj.name
                grown = True
    for ident, (obj, looks) in rows.items():
        for lookup, parent in looks:
            if lookup.missing == "fail" and not lookup.deferred and ident not in failed and parent and parent not in failed and (
                    parent not in where or parent in waits):
                report.add(obj.name, "parent", "%s did not fail, though its %s points to %s, which is not in the run" % (
                    ident, lookup.source, parent))
    out = {}
    for ident, name in waits.items():
        out.setdefault(name, set()).add(ident)
    return out


def _read(objects, source):
    rows, where = {}, set()
    for obj in objects:
        looks = [l for l in obj.lookups if not l.text]
        names = [l.source for l in looks]
        for row in scope.source_rows(obj, source, names or ["Id"]):
            ident = row["Id"][:15]
            where.add(ident)
            rows[ident] = (obj, [(l, (row[l.source] or "")[:15]) for l in looks])
    return rows, where
