"""The demo's data is what it says: the same each time, whole, awkward, and bad exactly where told."""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PICKS = {("Lead", "Industry"): {"Agriculture", "Banking", "Energy", "Food & Beverage", "Healthcare", "Technology",
                                "Not For Profit", "Other"},
         ("CampaignMember", "Status"): {"Sent", "Responded"}}


def make(path, *args):
    with open(path, "w", encoding="utf-8") as out:
        subprocess.run([sys.executable, os.path.join(HERE, "make-data"), *args], stdout=out, stderr=subprocess.DEVNULL, check=True)
    with open(path, encoding="utf-8", newline="") as file:
        rows = [json.loads(line, parse_float=str) for line in file.read().split("\n") if line]
    with open(path + ".expect.json", encoding="utf-8") as file:
        return rows, json.load(file)


def broken(row, schema):
    """Codes of the target's rules that this row breaks, by the overlay's own words."""
    obj, out = row["attributes"]["type"], []
    for part in schema["objects"]:
        for field in part["fields"] if part["name"] == obj else ():
            value = row.get(field["name"])
            if value is not None and len(value if isinstance(value, str) else "") > field.get("length", 10 ** 9):
                out.append("STRING_TOO_LONG")
            if field.get("nillable") is False and value is None:
                out.append("REQUIRED_FIELD_MISSING")
            if field.get("restrictedPicklist") and value is not None and value not in PICKS[obj, field["name"]]:
                out.append("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
            if "precision" in field and value is not None and abs(float(value)) >= 10 ** (field["precision"] - field["scale"]):
                out.append("NUMBER_OUTSIDE_VALID_RANGE")
    for rule in schema["validationRules"]:
        value = row.get(rule["field"])
        if rule["object"] == obj and value is not None:
            if {"<": float(value) < float(rule["value"]), ">": float(value) > float(rule["value"])}[rule["op"]]:
                out.append("FIELD_CUSTOM_VALIDATION_EXCEPTION")
    email = row.get("Email")
    if email and not re.fullmatch(r"[^@\s]+@[^@.]+(\.[^@.]+)+", email):
        out.append("INVALID_EMAIL_ADDRESS")
    return out


class MakeData(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory()
        cls.path = os.path.join(cls.dir.name, "data.jsonl")
        cls.rows, cls.expect = make(cls.path, "--records", "6000")
        with open(os.path.join(HERE, "target-schema.json"), encoding="utf-8") as file:
            cls.schema = json.load(file)

    @classmethod
    def tearDownClass(cls):
        cls.dir.cleanup()

    def test_same_bytes(self):
        again = os.path.join(self.dir.name, "again.jsonl")
        make(again, "--records", "6000")
        for end in ("", ".expect.json"):
            with open(self.path + end, "rb") as one, open(again + end, "rb") as two:
                self.assertEqual(one.read(), two.read())
        other = make(again, "--records", "6000", "--seed", "2")[0]
        self.assertNotEqual(self.rows, other)

    def test_counts(self):
        self.assertEqual(len(self.rows), 6000)
        for obj, told in self.expect["objects"].items():
            mine = [r for r in self.rows if r["attributes"]["type"] == obj]
            self.assertEqual(told["total"] - told["builtin"], len(mine), obj)
            self.assertEqual(told["failed"], sum(told["codes"].values()) + told["withParent"], obj)
        self.assertGreaterEqual(len(self.expect["objects"]), 10)

    def test_bad_rows_are_exactly_those(self):
        told = {r["key"]: r["code"] for r in self.expect["failedRecords"] if r["code"]}
        self.assertEqual(len(told), 60)
        self.assertGreaterEqual(len(set(told.values())), 6)
        for row in self.rows:
            want = told.get(row["Ext_Id__c"])
            self.assertEqual(broken(row, self.schema), [want] if want else [], row)

    def test_no_bad_rows_on_demand(self):
        rows, expect = make(os.path.join(self.dir.name, "good.jsonl"), "--records", "500", "--bad", "0")
        self.assertEqual(expect["totals"]["failed"], 0)
        self.assertFalse([r for r in rows if broken(r, self.schema)])

    def test_a_failed_parent_takes_its_children_down(self):
        failed = {r["key"]: r for r in self.expect["failedRecords"]}
        links = {(r["key"], r["field"]) for r in self.expect["linkErrors"]}
        for row in self.rows:
            for name, value in row.items():
                if isinstance(value, str) and value[1:] in failed and value[:1] == "@" and name != "Id":
                    key = row["Ext_Id__c"]
                    self.assertTrue(key in failed or (key, name) in links, (key, name, value))
        for row in failed.values():
            self.assertNotEqual(row["code"] is None, row["parent"] is None)
        self.assertTrue(self.expect["totals"]["withParent"] and links)

    def test_values_are_as_an_org_keeps_them(self):
        names = {r["Id"] for r in self.rows}
        self.assertEqual(len(names), len(self.rows))
        for row in self.rows:
            for name, value in row.items():
                if not isinstance(value, str):
                    continue
                self.assertTrue(value and value == value.strip(), (name, value))
                if value[:1] == "@" and name.endswith(("Id", "__c")) and name != "Ext_Id__c":
                    self.assertTrue(value in names or value in ("@stdpricebook", "@recordtype:Account.Partner"), value)

    def test_awkwardness_is_there(self):
        text = "\0".join(v for r in self.rows for v in r.values() if isinstance(v, str))
        for piece in ("\r\n", "\t", "\\", "'", '"', "#N/A", "null", "👨‍👩‍👧‍👦", "e\u0301", "𠮷", "Р", "Ω",
                      "ال", "ש", "中", "株", "삼", "टा", "บริ", "4000-12-31", "1700-01-01"):
            self.assertTrue(piece in text, ascii(piece))
        self.assertTrue([v for r in self.rows for v in r.values() if isinstance(v, str) and len(v) == 30000])
        parents = {r["Id"]: r.get("ParentId") for r in self.rows if r["attributes"]["type"] == "Account"}

        def depth(ident):
            return 1 + depth(parents[ident]) if parents.get(ident) else 1
        self.assertEqual(max(map(depth, parents)), 6)


if __name__ == "__main__":
    unittest.main()
