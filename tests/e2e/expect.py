"""Holds a run's summary and its errors against what make-data says must happen.

  expect.py RUN.json ERRORS.csv DATA.expect.json"""
import csv
import json
import sys

OUTCOMES = ("inserted", "updated", "existing", "skipped", "failed")


def main():
    run = json.load(open(sys.argv[1]))
    expect = json.load(open(sys.argv[3]))
    errors = list(csv.DictReader(open(sys.argv[2], newline="")))
    wrong = []

    def hold(what, got, want):
        if got != want:
            wrong.append("%s: got %r, want %r" % (what, got, want))

    shown = {o["name"]: o for o in run["objects"]}
    for name, want in expect["objects"].items():
        got = shown.get(name)
        if not got:
            wrong.append("%s is not in the summary" % name)
            continue
        hold(name + " scanned", got["scanned"], want["total"])
        hold(name + " sum", sum(got[k] for k in OUTCOMES), got["scanned"])
        hold(name + " failed", got["failed"], want["failed"])
        hold(name + " percent", got["percent"], 100)
        codes = {}
        for row in errors:
            if row["object"] == name and row["kind"] == "record":
                codes[row["code"]] = codes.get(row["code"], 0) + 1
        hold(name + " with parent", codes.pop("PARENT_FAILED", 0), want["withParent"])
        hold(name + " codes", codes, want["codes"])
        links = sum(1 for row in errors if row["object"] == name and row["kind"] == "link")
        hold(name + " link errors", links, want["linkErrors"])
    hold("total scanned", run["totals"]["scanned"], expect["totals"]["total"])
    hold("total failed", run["totals"]["failed"], expect["totals"]["failed"])
    print("\n".join(wrong) if wrong else "as expected")
    return 1 if wrong else 0


sys.exit(main())
