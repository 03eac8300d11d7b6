"""Proves that the checker can fail: each kind of damage to a copied org must be caught."""
import contextlib
import copy
import csv
import http.server
import io
import json
import os
import re
import runpy
import sys
import tempfile
import threading
import unittest
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ABC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def field(name, kind="string", **more):
    return dict({"name": name, "type": kind, "createable": True, "nillable": True, "scale": 0,
                 "referenceTo": []}, **more)


def lookup(name, *parents, **more):
    return field(name, "reference", referenceTo=list(parents), **more)


ID = [field("Id", "id", createable=False), field("SystemModstamp", "datetime", createable=False)]
SCHEMA = {
    "Account": ID + [field("Name"), field("Fax"), field("Revenue", "currency", scale=2),
                     field("Since", "datetime"), field("Hot", "boolean"), field("Mail", "email"),
                     field("Text", "textarea"), field("Areas", "multipicklist"),
                     field("Ext_Id__c"), lookup("ParentId", "Account"), lookup("OwnerId", "User")],
    "Contact": ID + [field("LastName"), field("Ext_Id__c"), lookup("AccountId", "Account")],
    "Note__c": ID + [field("Body__c"), field("Ref__c"), field("Ext_Id__c"),
                     lookup("On__c", "Account", "Contact"), lookup("Must__c", "Contact", nillable=False)],
    "Pricebook2": ID + [field("Name"), field("Ext_Id__c"), field("IsStandard", "boolean", createable=False)],
    "User": ID + [field("Email", "email")],
    "Attachment": ID + [field("Name"), field("Ext_Id__c"), field("Body", "base64"), lookup("ParentId", "Account")],
    "ContentDocument": ID + [field("Title", createable=False)],
    "ContentVersion": ID + [field("Title"), field("VersionData", "base64"), field("IsLatest", "boolean", createable=False),
                            field("VersionNumber", createable=False), lookup("ContentDocumentId", "ContentDocument")],
}
PREFIX = {"Attachment": "00P", "ContentDocument": "069", "ContentVersion": "068", "Account": "001", "Contact": "003", "Note__c": "a01", "Pricebook2": "01s", "User": "005"}


class FakeOrg:
    """Holds records in memory and answers the few calls that the checker makes."""

    def __init__(self, name):
        self.name, self.rows, self.serial, self.schema = name, {o: [] for o in SCHEMA}, 0, SCHEMA
        self.bodies, self.cut, self.cut_next = {}, 0, 0     # path: body; bytes that a reply lacks, that of a body
        org = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _reply(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, doc = org.answer(self.path, body)
                text = doc if isinstance(doc, bytes) else json.dumps(doc).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text[:len(text) - org.cut])
                self.close_connection = org.cut
                org.cut = 0
            do_GET = do_POST = _reply

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = "http://127.0.0.1:%d" % self.server.server_port

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def add(self, obj, **values):
        self.serial += 1
        number, text = self.serial, ""
        for _ in range(9):
            text = ABC[number % 62] + text
            number //= 62
        row = {f["name"]: None for f in self.schema[obj]}
        row.update(values, Id=PREFIX[obj] + self.name + "0" + text + "AAA",
                   SystemModstamp="2026-01-01T00:00:%02d.000+0000" % (self.serial % 60))
        self.rows[obj].append(row)
        return row["Id"]

    def answer(self, path, body):
        url = urllib.parse.urlsplit(path)
        if url.path == "/services/oauth2/token":
            return 200, {"access_token": "t", "instance_url": self.url}
        if url.path == "/services/data":
            return 200, [{"version": "9.0", "url": "/no"}, {"version": "60.0", "url": "/services/data/v60.0"}]
        rest = url.path[len("/services/data/v60.0"):]
        if rest == "/query":
            return 200, self.query(urllib.parse.parse_qs(url.query)["q"][0])
        if url.path in self.bodies:
            self.cut, self.cut_next = self.cut_next, 0
            return 200, self.bodies[url.path]
        name = rest.split("/")[2]
        return 200, {"name": name, "fields": self.schema[name]}

    def query(self, text):
        count = re.fullmatch(r"SELECT COUNT\(\) FROM (\w+)(?: WHERE (.*))?", text)
        if count:
            return {"totalSize": len(self.where(count[1], count[2])), "done": True, "records": []}
        fields, obj, where, limit = re.fullmatch(
            r"SELECT (\S+) FROM (\w+)(?: WHERE (.*?))?(?: ORDER BY \w+)?(?: LIMIT (\d+))?", text).groups()
        rows = sorted(self.where(obj, where), key=lambda r: r["Id"])[:int(limit or 10 ** 9)]
        return {"totalSize": len(rows), "done": True,
                "records": [{f: row[f] for f in fields.split(",")} for row in rows]}

    def where(self, obj, text):
        def holds(row, cond):
            cond = cond.strip("() ")
            if " IN " in cond or "Id IN" in cond:
                return row["Id"][:15] in {i[:15] for i in re.findall(r"'(\w+)'", cond)}
            if cond == "IsLatest = true":
                return row["IsLatest"]
            name, op, value = re.fullmatch(r"(\w+) *(=|>) *'(.*)'", cond).groups()
            return row[name] == value if op == "=" else row[name] > value
        return [r for r in self.rows[obj]
                if all(holds(r, c) for c in (text.split(" AND ") if text else []))]


def build(org):
    """A small world: two parents with equal fields but different children; a null here and there."""
    ids = {}
    for n in range(3):
        ids["root%d" % n] = org.add("Account", Name="Root %d" % n, Revenue=10.50 + n, Hot=False,
                                    Since="2020-02-29T12:00:00.000+0000", Mail="a%d@x.example" % n,
                                    Text="line\r\nbreak \u0416 \U0001f600", Areas="A;B", Ext_Id__c="A%d" % n)
    for n in range(2):
        ids["twin%d" % n] = org.add("Account", Name="Twin", Hot=True, Ext_Id__c="T%d" % n,
                                    ParentId=ids["root0"])
        for k in range(2):
            ids["c%d%d" % (n, k)] = org.add("Contact", LastName="Child %d%d" % (n, k), AccountId=ids["twin%d" % n],
                                            Ext_Id__c="C%d%d" % (n, k))
    for n in range(4):
        ids["n%d" % n] = org.add("Note__c", Body__c="note %d" % (n // 2), On__c=ids["twin0"] if n % 2 else ids["c10"],
                                 Must__c=ids["c0%d" % (n % 2)], Ext_Id__c="N%d" % n)
    org.add("Pricebook2", Name="Standard " + org.name, IsStandard=True)
    org.add("Pricebook2", Name="Retail", IsStandard=False, Ext_Id__c="P1")
    return ids


class Checker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.orgs = FakeOrg("aa"), FakeOrg("zz")
        cls.fresh = []
        for org in cls.orgs:
            ids = build(org)
            cls.fresh.append((copy.deepcopy(org.rows), ids, org.serial))
        cls.dir = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        for org in cls.orgs:
            org.close()
        cls.dir.cleanup()

    def setUp(self):
        for org, (rows, _, serial) in zip(self.orgs, self.fresh):
            org.rows, org.serial, org.schema, org.bodies = copy.deepcopy(rows), serial, SCHEMA, {}
        self.source, self.target = self.orgs
        self.src, self.dst = self.fresh[0][1], self.fresh[1][1]

    def row(self, org, ident):
        return next(r for rows in org.rows.values() for r in rows if r["Id"] == ident)

    def file(self, name, text):
        path = os.path.join(self.dir.name, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def run_check(self, *args):
        out = io.StringIO()
        argv, sys.argv = sys.argv, [os.path.join(HERE, "check"), *args]
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
                runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as end:
            return end.code, out.getvalue()
        finally:
            sys.argv = argv
        raise AssertionError("no exit status")

    def orgs_check(self, *more, nokey=True):
        args = ["orgs", self.source.url, self.target.url, "--objects", "Account,Contact,Note__c,Pricebook2"]
        if nokey:
            args += ["--exclude", "Account.Ext_Id__c", "--exclude", "Contact.Ext_Id__c",
                     "--exclude", "Note__c.Ext_Id__c", "--exclude", "Pricebook2.Ext_Id__c"]
        return self.run_check(*args, *more)

    def caught(self, kind, *more, first=None):
        """Both ways, by colours alone and by key, say that this is wrong."""
        for args, nokey in ((more, True), (more + ("--key", "Ext_Id__c"), False)):
            with self.subTest(key=not nokey):
                status, text = self.orgs_check(*args, nokey=nokey)
                self.assertEqual(status, 1, text)
                self.assertIn(" %s: " % kind, text)
                if first:
                    self.assertIn(first, text)

    def test_equal(self):
        for more, nokey in (((), True), (("--key", "Ext_Id__c"), False)):
            status, text = self.orgs_check(*more, nokey=nokey)
            self.assertEqual(status, 0, text)
            self.assertIn("checked 15 records: equal", text)

    def test_spelling_does_not_matter(self):
        row = self.row(self.target, self.dst["root0"])
        row.update(Revenue="10.500", Since="2020-02-29T13:00:00+01:00", Areas="B;A")
        status, text = self.orgs_check()
        self.assertEqual(status, 0, text)

    def test_missing_record(self):
        self.target.rows["Note__c"].pop()
        self.caught("missing", first=self.src["n3"][:15])

    def test_duplicated_record(self):
        twin = dict(self.row(self.target, self.dst["c11"]))
        del twin["Id"], twin["SystemModstamp"]
        self.target.add("Contact", **twin)
        self.caught("duplicate")

    def test_duplicated_parent_without_children(self):
        twin = dict(self.row(self.target, self.dst["root1"]))
        twin["Ext_Id__c"] = None
        del twin["Id"], twin["SystemModstamp"]
        self.target.add("Account", **twin)
        status, text = self.orgs_check()
        self.assertEqual(status, 1)
        self.assertIn("1 differences", text)

    def test_extra_record(self):
        self.target.add("Account", Name="Nobody", Hot=False)
        self.caught("extra")

    def test_every_wrong_field(self):
        for name, value in (("Name", "Root"), ("Revenue", 10.51), ("Since", "2020-02-29T12:00:01.000+0000"),
                            ("Hot", True), ("Mail", "A0@x.example"), ("Text", "line\nbreak \u0416 \U0001f600"),
                            ("Areas", "A"), ("Fax", "1"), ("Name", None)):
            with self.subTest(field=name, value=value):
                self.setUp()
                self.row(self.target, self.dst["root0"])[name] = value
                self.caught("field", first=name + ": source")

    def test_org_normalisations_are_allowed_on_demand(self):
        row = self.row(self.target, self.dst["root0"])
        row["Text"] = row["Text"].replace("\r\n", "\n")
        self.row(self.source, self.src["root0"])["Mail"] = "A0@X.example"
        self.assertEqual(self.orgs_check()[0], 1)
        self.assertEqual(self.orgs_check("--crlf-lf", "--email-lower")[0], 0)

    def test_field_cut_to_scale(self):
        self.row(self.source, self.src["root0"])["Revenue"] = 10.505
        self.row(self.target, self.dst["root0"])["Revenue"] = 10.51
        self.assertEqual(self.orgs_check()[0], 0)

    def test_wrong_parent(self):
        self.row(self.target, self.dst["twin1"])["ParentId"] = self.dst["root1"]
        self.caught("lookup", first="ParentId: source " + self.src["root0"][:15])

    def test_lost_parent(self):
        self.row(self.target, self.dst["c00"])["AccountId"] = None
        self.caught("lookup", first="target null")

    def test_swapped_parents_with_equal_names(self):
        """Both parents look alike; only the company that their children keep tells them apart."""
        one, two = self.row(self.target, self.dst["c01"]), self.row(self.target, self.dst["c10"])
        one["AccountId"], two["AccountId"] = two["AccountId"], one["AccountId"]
        status, text = self.orgs_check()
        self.assertEqual(status, 1, text)
        self.assertIn(" children: ", text)
        status, text = self.orgs_check("--key", "Ext_Id__c", nokey=False)
        self.assertEqual((status, text.count(" lookup: ")), (1, 2), text)

    def test_polymorphic_lookup_to_another_object(self):
        self.row(self.target, self.dst["n1"])["On__c"] = self.dst["c00"]
        self.caught("lookup")

    def test_lookup_to_a_source_id(self):
        self.row(self.target, self.dst["c00"])["AccountId"] = self.src["twin0"]
        self.caught("lookup", first="a record out of scope")

    def test_failed_records(self):
        self.target.rows["Note__c"] = self.target.rows["Note__c"][:-1]
        path = self.file("failed.csv", 'Source Id,Object,Code,Message\n%s,Note__c,X,"a\nb"\n' % self.src["n3"])
        self.assertEqual(self.orgs_check("--failed", path)[0], 0)
        self.assertEqual(self.orgs_check("--failed", path, "--key", "Ext_Id__c", nokey=False)[0], 0)

    def test_failed_record_that_is_there(self):
        path = self.file("failed.txt", self.src["n3"] + "\n")
        status, text = self.orgs_check("--failed", path)
        self.assertEqual(status, 1, text)
        self.caught("failed-present", "--failed", path)

    def test_child_of_a_failed_parent_must_fail(self):
        path = self.file("failed.txt", self.src["c00"] + "\n")
        self.target.rows["Contact"] = [r for r in self.target.rows["Contact"] if r["Id"] != self.dst["c00"]]
        for row in self.target.rows["Note__c"]:
            if row["Must__c"] == self.dst["c00"]:
                row["Must__c"] = None
        self.caught("parent", "--failed", path, first="did not fail")

    def test_parents_that_are_not_there(self):
        gone = "001000000000000AAA"
        template = self.file("t.json", json.dumps({"name": "t", "objects": [
            {"name": "Account", "missingParents": "fail"}, {"name": "Contact", "missingParents": "wait"}]}))
        self.row(self.source, self.src["c00"])["AccountId"] = gone
        status, text = self.run_check("orgs", self.source.url, self.target.url, "--template", template, "--key", "Ext_Id__c")
        self.assertEqual(status, 1, text)
        self.assertIn("extra", text)
        self.target.rows["Contact"] = [r for r in self.target.rows["Contact"] if r["Ext_Id__c"] != "C00"]
        status, text = self.run_check("orgs", self.source.url, self.target.url, "--template", template, "--key", "Ext_Id__c")
        self.assertEqual(status, 0, text)
        self.assertIn("1 records wait for a parent", text)

    def test_ids_in_texts(self):
        """A named text points to the pair of the record whose id it is; any other text is a value."""
        names = ("twin0", "c10", "n3")
        texts = [(self.src[k], self.dst[k]) for k in names] + [("no id", "no id")]
        for n, (here, there) in enumerate(texts):
            cut = 15 if n == 1 else 99
            self.row(self.source, self.src["n%d" % n])["Ref__c"] = here[:cut]
            self.row(self.target, self.dst["n%d" % n])["Ref__c"] = there[:cut]

        def check(*more, **policy):
            rows = [{"name": n} for n in ("Account", "Contact", "Note__c", "Pricebook2")]
            rows[2].update(policy, ids=["Ref__c"])
            path = self.file("ids.json", json.dumps({"name": "t", "objects": rows}))
            return self.run_check("orgs", self.source.url, self.target.url, "--template", path, *more)
        for more in ((), ("--key", "Ext_Id__c")):
            self.assertEqual(check(*more)[0], 0, check(*more)[1])
            for wrong in (self.src["twin0"], self.dst["twin1"], self.dst["twin0"][:15], None, "text"):
                row = self.row(self.target, self.dst["n0"])
                good, row["Ref__c"] = row["Ref__c"], wrong
                status, text = check(*more)
                self.assertEqual(status, 1, (wrong, more, text))
                self.assertIn("Ref__c: source", text)
                row["Ref__c"] = good
        gone = "001000000000000AAA"
        self.row(self.source, self.src["n3"])["Ref__c"] = self.row(self.target, self.dst["n3"])["Ref__c"] = gone
        self.assertEqual(check()[0], 0, "an id that is nobody's stays")
        self.assertEqual(check(missingParents={"Ref__c": "blank"})[0], 1)
        self.row(self.target, self.dst["n3"])["Ref__c"] = None
        self.assertEqual(check(missingParents={"Ref__c": "blank"})[0], 0)
        self.assertEqual(check()[0], 1)

    def test_link_error(self):
        """A self-lookup to a failed parent stays empty; the record is in and must say so."""
        keep = {"twin0", "twin1", "root1", "root2"}
        self.target.rows["Account"] = [r for r in self.target.rows["Account"]
                                       if r["Id"] in {self.dst[k] for k in keep}]
        for row in self.target.rows["Account"]:
            row["ParentId"] = None
        text = "source_id,object,outcome,code,message\n%s,Account,failed,STRING_TOO_LONG,x\n" % self.src["root0"]
        row = "%s,Account,inserted,PARENT_FAILED,x\n"
        full = self.file("full.csv", text + row % self.src["twin0"] + row % self.src["twin1"])
        short = self.file("short.csv", text + row % self.src["twin0"])
        self.assertEqual(self.orgs_check("--failed", full)[0], 0)
        status, out = self.orgs_check("--failed", short)
        self.assertEqual(status, 1, out)
        self.assertIn("has no link error", out)

    def run_file(self, **change):
        objects = [{"name": o, "stage": 1, "scanned": len(self.source.rows[o]), "inserted": len(self.source.rows[o]),
                    "updated": 0, "existing": 0, "skipped": 0, "failed": 0}
                   for o in ("Account", "Contact", "Note__c", "Pricebook2")]
        objects[3].update(inserted=1, existing=1)
        objects[0].update(change)
        totals = {k: sum(o[k] for o in objects)
                  for k in ("scanned", "inserted", "updated", "existing", "skipped", "failed")}
        return self.file("run.json", json.dumps({"state": "Synced", "objects": objects, "totals": totals}))

    def test_run_adds_up(self):
        self.assertEqual(self.orgs_check("--run", self.run_file())[0], 0)

    def test_run_does_not_add_up(self):
        for change in ({"scanned": 6}, {"inserted": 4}, {"inserted": 4, "failed": 1}, {"inserted": 4, "skipped": 1},
                       {"scanned": 6, "inserted": 6}):
            with self.subTest(**change):
                self.caught("count", "--run", self.run_file(**change))

    def test_run_totals_do_not_add_up(self):
        path = self.run_file()
        with open(path, encoding="utf-8") as file:
            run = json.load(file)
        run["totals"]["inserted"] += 1
        self.caught("count", "--run", self.file("run.json", json.dumps(run)))

    def test_run_not_finished(self):
        path = self.run_file()
        with open(path, encoding="utf-8") as file:
            run = json.load(file)
        run["state"] = "Paused"
        self.caught("count", "--run", self.file("run.json", json.dumps(run)))

    def test_before(self):
        ident = self.target.add("Account", Name="Was here", Hot=False)
        ids = self.file("before.json", json.dumps({"Account": [ident], "Pricebook2": 1}))
        count = self.file("count.json", json.dumps({"Account": 1}))
        self.assertEqual(self.orgs_check("--before", ids)[0], 0)
        self.assertEqual(self.orgs_check("--before", count)[0], 0)
        self.assertEqual(self.orgs_check("--before", ids, "--run", self.run_file())[0], 0)
        self.target.add("Account", Name="Nobody", Hot=False)
        self.caught("extra", "--before", ids)
        self.caught("extra", "--before", count)

    def test_nothing_compared(self):
        self.source.rows = self.target.rows = {o: [] for o in SCHEMA}
        self.assertEqual(self.orgs_check()[0], 1)

    def test_page_that_lost_a_record(self):
        """An org (or proxy) that answers short must not make two orgs look equal."""
        whole = self.source.query

        def short(text):
            reply = whole(text)
            if " FROM Contact" in text:
                reply["records"] = reply["records"][:-1]
            return reply
        self.source.query = short
        self.addCleanup(delattr, self.source, "query")
        status, text = self.orgs_check()
        self.assertEqual(status, 3, text)
        self.assertIn("COUNT() says 4", text)

    def test_source_id(self):
        for org in self.orgs:
            org.schema = dict(SCHEMA)
            for obj in ("Account", "Contact", "Note__c", "Pricebook2"):
                org.schema[obj] = SCHEMA[obj] + [field("Source_Id__c")]
                for row in org.rows[obj]:
                    row["Source_Id__c"] = None
        for name, ident in self.dst.items():
            self.row(self.target, ident)["Source_Id__c"] = self.src[name]
        self.target.rows["Pricebook2"][1]["Source_Id__c"] = self.source.rows["Pricebook2"][1]["Id"]
        self.assertEqual(self.orgs_check("--source-id", "Source_Id__c")[0], 0)
        self.row(self.target, self.dst["n3"])["Source_Id__c"] = self.src["n2"]
        self.assertEqual(self.orgs_check("--source-id", "Source_Id__c")[0], 1)

    def attach(self, *bodies):
        for org, ids, body in zip(self.orgs, (self.src, self.dst), bodies):
            path = "/services/data/v60.0/sobjects/Attachment/%d/Body" % len(org.bodies)
            org.add("Attachment", Name="a", Ext_Id__c="F%d" % len(org.bodies), ParentId=ids["root0"], Body=path)
            org.bodies[path] = body

    def check_attachments(self, *more):
        both = ["orgs", self.source.url, self.target.url, "--objects", "Account,Attachment", *more]
        return self.run_check(*both)

    def test_bodies(self):
        large = os.urandom(200000)
        for key in ((), ("--key", "Ext_Id__c")):
            for one, other, status in ((b"", b"", 0), (large, large, 0), (large, large[:-1] + b"?", 1), (b"a", b"", 1)):
                with self.subTest(key=key, size=len(one), other=len(other)):
                    self.setUp()
                    self.attach(b"twin", b"twin")
                    self.attach(one, other)
                    got, text = self.check_attachments(*key)
                    self.assertEqual(got, status, text)
                    if status:
                        self.assertRegex(text, "Body: source '%d bytes, SHA-256" % len(one))

    def test_swapped_bodies(self):
        self.attach(b"one", b"two")
        self.attach(b"two", b"one")
        self.assertEqual(self.check_attachments("--key", "Ext_Id__c")[0], 1)
        self.assertEqual(self.check_attachments("--exclude", "Attachment.Ext_Id__c")[0], 0)

    def test_body_that_is_cut(self):
        """What an org (or a proxy) sends of a body is held against what it says."""
        self.attach(b"whole", b"whole")
        self.source.cut_next = 2
        status, text = self.check_attachments()
        self.assertEqual(status, 0, text)
        self.assertEqual(self.source.cut_next, 0)

    def version(self, number, latest, *bodies):
        for org, body in zip(self.orgs, bodies):
            document = org.rows["ContentDocument"][0]["Id"] if number > 1 else org.add("ContentDocument", Title="t")
            path = "/services/data/v60.0/sobjects/ContentVersion/%d/VersionData" % len(org.bodies)
            org.add("ContentVersion", Title="t", VersionNumber=str(number), IsLatest=latest, VersionData=path,
                    ContentDocumentId=document)
            org.bodies[path] = body

    def test_versions(self):
        template = {"name": "t", "objects": [{"name": "ContentVersion"}]}
        for one, two, all_of_them, latest in ((b"x", b"y", 0, 0), (b"-", b"y", 1, 0), (b"x", b"-", 1, 1)):
            self.setUp()
            self.version(1, False, b"x", one)
            self.version(2, True, b"y", two)
            for files, status in (({}, latest), ({"versions": "all"}, all_of_them)):
                path = self.file("files.json", json.dumps(dict(template, files=files)))
                got, text = self.run_check("orgs", self.source.url, self.target.url, "--template", path)
                self.assertEqual(got, status, text)

    def test_versions_in_another_order(self):
        self.version(1, False, b"x", b"y")
        self.version(2, True, b"y", b"x")
        path = self.file("files.json", json.dumps({"files": {"versions": "all"}, "objects": [{"name": "ContentVersion"}]}))
        status, text = self.run_check("orgs", self.source.url, self.target.url, "--template", path)
        self.assertEqual(status, 1, text)

    def test_users_by_email(self):
        users = [org.add("User", Email=mail) for org, mail in zip(self.orgs, ("u@x.example", "v@x.example"))]
        for org, user in zip(self.orgs, users):
            for row in org.rows["Account"]:
                row["OwnerId"] = user
        self.assertEqual(self.orgs_check()[0], 0)
        self.assertEqual(self.orgs_check("--users", "Email")[0], 1)
        self.row(self.target, users[1])["Email"] = "u@x.example"
        self.assertEqual(self.orgs_check("--users", "Email")[0], 0)

    def test_template(self):
        text = ("# demo\nname: t\nobjects:\n  - name: Account\n    where: \"Name > 'S'\"  # twins\n"
                "    fields: {include: [\"*\"], exclude: [Ext_Id__c, OwnerId]}\n    match: none\n"
                "    values: {Name: {Twin: Zwilling}}\n  - name: Contact\n    fields:\n      exclude:\n"
                "      - Ext_Id__c\noptions:\n  continueOnError: true\n")
        path = self.file("t.yaml", text)
        self.target.rows["Account"] = [r for r in self.target.rows["Account"] if r["Name"] == "Twin"]
        for row in self.target.rows["Account"]:
            row.update(Name="Zwilling", ParentId=None)
        status, out = self.run_check("orgs", self.source.url, self.target.url, "--template", path)
        self.assertEqual(status, 0, out)
        self.target.rows["Account"][0]["Name"] = "Twin"
        status, out = self.run_check("orgs", self.source.url, self.target.url, "--template", path)
        self.assertEqual(status, 1, out)

    def test_many_differences_are_counted_not_listed(self):
        for _ in range(50):
            self.target.add("Contact", LastName="Nobody")
        _, text = self.orgs_check()
        self.assertIn("Contact: 50 extra", text)
        self.assertEqual(text.count("Contact: extra:"), 20)

    def dump(self, name):
        status, text = self.run_check("dump", self.target.url, "--objects", "Account,Contact,Note__c")
        self.assertEqual(status, 0, text)
        return self.file(name, "".join(l + "\n" for l in text.split("\n") if l[:1] == "{"))

    def test_dump_and_compare(self):
        before = self.dump("before.jsonl")
        for row in self.target.rows["Account"]:
            row["SystemModstamp"] = "2027-01-01T00:00:00.000+0000"
        status, text = self.run_check("compare", before, self.dump("same.jsonl"))
        self.assertEqual(status, 0, text)
        self.row(self.target, self.dst["root2"])["Fax"] = "77"
        self.target.add("Contact", LastName="New")
        self.target.rows["Note__c"].pop(0)
        status, text = self.run_check("compare", before, self.dump("after.jsonl"))
        self.assertEqual(status, 1)
        for kind in ("Account: changed", "Contact: added", "Note__c: removed", "Fax: null, then '77'"):
            self.assertIn(kind, text)

    def test_org_that_does_not_answer(self):
        self.assertEqual(self.run_check("dump", "http://127.0.0.1:1")[0], 3)


if __name__ == "__main__":
    unittest.main()
