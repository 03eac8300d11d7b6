#!/usr/bin/env python3
"""Holds the simulator against the wire facts. Needs nothing but Python; prints unittest's output.

SIMULATOR names the program (default build/bin/orgsync-simulator); FIXTURES a folder of recorded
describes to compare shapes with (default ../shared/fixtures beside the repository, skipped when absent).
"""
import base64
import csv
import gzip
import http.client
import io
import json
import os
import random
import re
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PROGRAM = os.environ.get("SIMULATOR", os.path.join(ROOT, "build", "bin", "orgsync-simulator"))
FIXTURES = os.environ.get("FIXTURES", os.path.join(os.path.dirname(ROOT), "shared", "fixtures"))
DATA = "/services/data/v60.0"
JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def is_claimed(port):
    """As in tests/e2e/lib.sh: a port of another test that shares the stack is no free one, though nobody listens now."""
    stack = os.environ.get("ORGSYNC_E2E_STACK")
    try:
        if stack:
            os.makedirs(os.path.join(stack, "ports.claimed", str(port)))
    except FileExistsError:
        return True
    return False


def free_ports(count):
    """Below the ports of stacks and those that the system gives to outgoing connections."""
    taken = []
    while len(taken) < count:
        s = socket.socket()
        try:
            s.bind(("127.0.0.1", random.randrange(10240, 20000)))
        except OSError:
            s.close()
            continue
        if is_claimed(s.getsockname()[1]):
            s.close()
        else:
            taken.append(s)
    ports = [s.getsockname()[1] for s in taken]
    for s in taken:
        s.close()
    return ports


def start(*args):
    """The program and its two orgs, logged in; somebody else may take a port before it does."""
    for _ in range(5):
        orgs = [Org(name, port) for name, port in zip(("src", "dst"), free_ports(2))]
        program = subprocess.Popen([PROGRAM, *(a for o in orgs for a in ("--org", "%s=%d" % (o.name, o.port))), *args],
                                   stderr=subprocess.PIPE, text=True)
        said = program.stderr.readline()
        if said == "ready\n":
            for org in orgs:
                org.login()
            return program, orgs
        program.stderr.close()
        program.wait()
        if "cannot listen" not in said:
            break
    raise AssertionError("the simulator does not start: " + said)


class Org:
    def __init__(self, name, port):
        self.name, self.port, self.token = name, port, None

    def raw(self, method, path, body=None, headers=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        h = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            h.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        try:
            c.request(method, path, body=body, headers=h)
            r = c.getresponse()
            data = r.read()
        finally:
            c.close()
        return r.status, {k.lower(): v for k, v in r.getheaders()}, data

    def call(self, method, path, body=None, headers=None):
        h = {"Authorization": "Bearer " + (self.token or "")}
        h.update(headers or {})
        status, head, data = self.raw(method, path, body, h)
        if "json" in head.get("content-type", "") and data:
            data = json.loads(data)
        return status, head, data

    def ok(self, method, path, body=None):
        status, _, data = self.call(method, DATA + path, body)
        if status >= 300:
            raise AssertionError("%s %s: %d %r" % (method, path, status, data))
        return data

    def login(self):
        _, _, data = self.raw("POST", "/services/oauth2/token", urllib.parse.urlencode(
            {"grant_type": "client_credentials", "client_id": "orgsync", "client_secret": "orgsync-secret"}))
        self.token = json.loads(data)["access_token"]

    def admin(self, method, what, body=None):
        status, _, data = self.raw(method, "/__sim/" + what, body)
        if status != 200:
            raise AssertionError("%s: %d %r" % (what, status, data))
        return json.loads(data) if data[:1] in (b"{", b"[") and b"\n{" not in data else data

    def soql(self, q, path="/query"):
        return self.ok("GET", path + "?q=" + urllib.parse.quote(q))

    def soql_all(self, q):
        page = self.soql(q)
        rows = page["records"]
        while not page["done"]:
            page = self.call("GET", page["nextRecordsUrl"])[2]
            rows += page["records"]
        return rows

    def insert(self, *records, all_or_none=False):
        return self.ok("POST", "/composite/sobjects", {"allOrNone": all_or_none, "records": list(records)})

    def update(self, *records):
        return self.ok("PATCH", "/composite/sobjects", {"allOrNone": False, "records": list(records)})

    def new(self, kind, **fields):
        r = self.insert(rec(kind, **fields))[0]
        if not r["success"]:
            raise AssertionError(r)
        return r["id"]

    def get(self, kind, oid, fields):
        return self.ok("GET", "/sobjects/%s/%s?fields=%s" % (kind, oid, fields))

    def refused(self, kind, **fields):
        r = self.insert(rec(kind, **fields))[0]
        assert not r["success"] and "id" not in r, r
        return r["errors"][0]


def rec(kind, **fields):
    return dict({"attributes": {"type": kind}}, **fields)


def lines(*records):
    return "\n".join(json.dumps(r) for r in records)


class Base(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory()
        key, cls.pub = os.path.join(cls.dir.name, "key.pem"), os.path.join(cls.dir.name, "pub.pem")
        cls.key = key
        args = []
        try:
            subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
            subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-out", cls.pub], check=True, capture_output=True)
            args = ["--jwt-key", cls.pub]
        except (OSError, subprocess.CalledProcessError):
            cls.key = None
        cls.proc, (cls.src, cls.dst) = start(*args)

    @classmethod
    def tearDownClass(cls):
        cls.proc.terminate()
        assert cls.proc.wait(10) == 0
        cls.proc.stderr.close()
        cls.dir.cleanup()

    def setUp(self):
        self.org = self.src
        self.org.admin("POST", "reset")
        self.org.admin("DELETE", "faults")

    def settings(self, **kw):
        before = self.org.admin("GET", "settings")
        self.org.admin("POST", "settings", kw)
        self.addCleanup(self.org.admin, "POST", "settings", {k: before[k] for k in kw})

    def until(self, condition):
        end = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def held(self, count):
        """Waits until so many wait for the faults to be cleared."""
        self.until(lambda: self.org.admin("GET", "stats")["held"] == count)

    def lock(self, *ids):
        """Somebody else holds the locks of these rows until the faults are cleared."""
        t = threading.Thread(target=self.org.admin, args=("POST", "lock", {"ids": list(ids)}))
        t.start()
        self.addCleanup(t.join)
        self.addCleanup(self.org.admin, "DELETE", "faults")
        self.held(1)


class Auth(Base):
    def token(self, **form):
        headers = form.pop("headers", None)
        return self.org.raw("POST", "/services/oauth2/token", urllib.parse.urlencode(form), headers)

    def test_client_credentials(self):
        s, _, d = self.token(grant_type="client_credentials", client_id="orgsync", client_secret="orgsync-secret")
        d = json.loads(d)
        self.assertEqual(s, 200)
        self.assertEqual(d["instance_url"], "http://127.0.0.1:%d" % self.org.port)
        self.assertRegex(d["access_token"], r"^00D\w{12}!")
        self.assertIsInstance(d["issued_at"], str)
        self.assertNotIn("expires_in", d)
        self.assertNotIn("refresh_token", d)
        basic = base64.b64encode(b"orgsync:orgsync-secret").decode()
        s, _, _ = self.token(grant_type="client_credentials", headers={"Authorization": "Basic " + basic})
        self.assertEqual(s, 200)

    def test_refused(self):
        s, _, d = self.token(grant_type="client_credentials", client_id="orgsync", client_secret="no")
        self.assertEqual((s, json.loads(d)["error"]), (400, "invalid_client"))
        s, _, d = self.token(grant_type="refresh_token", client_id="orgsync", refresh_token="x")
        self.assertEqual((s, json.loads(d)["error_description"]), (400, "expired access/refresh token"))
        s, _, d = self.token(grant_type="password", client_id="orgsync", client_secret="orgsync-secret", username="x", password="y")
        self.assertEqual(json.loads(d)["error"], "invalid_grant")

    def test_refresh_and_password(self):
        self.assertEqual(self.token(grant_type="refresh_token", client_id="orgsync", refresh_token="refresh-src")[0], 200)
        self.assertEqual(self.token(grant_type="password", client_id="orgsync", client_secret="orgsync-secret",
                                    username="admin@src.example", password="simulator")[0], 200)

    def jwt(self, key=None, **claims):
        body = {"iss": "orgsync", "sub": "admin@src.example", "aud": "https://login.salesforce.com", "exp": int(time.time()) + 120}
        body.update(claims)
        part = lambda o: base64.urlsafe_b64encode(json.dumps(o).encode()).rstrip(b"=")
        text = part({"alg": "RS256"}) + b"." + part(body)
        sig = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key or self.key], input=text, capture_output=True, check=True).stdout
        s, _, d = self.token(grant_type=JWT, assertion=(text + b"." + base64.urlsafe_b64encode(sig).rstrip(b"=")).decode())
        return s, json.loads(d)

    def test_jwt(self):
        if not self.key:
            self.skipTest("no openssl")
        self.assertEqual(self.jwt()[0], 200)
        self.assertEqual(self.jwt(aud="https://example.com")[1]["error_description"], "audience is invalid")
        self.assertEqual(self.jwt(iss="x")[1]["error"], "invalid_client_id")
        self.assertEqual(self.jwt(sub="x@example.com")[1]["error_description"], "user hasn't approved this consumer")
        self.assertEqual(self.jwt(exp=int(time.time()) - 5)[0], 400)
        other = os.path.join(self.dir.name, "other.pem")
        subprocess.run(["openssl", "genrsa", "-out", other, "2048"], check=True, capture_output=True)
        self.assertEqual(self.jwt(key=other)[1]["error_description"], "invalid assertion")

    def test_session(self):
        s, h, d = self.org.call("GET", DATA + "/limits", headers={"Authorization": "Bearer nope"})
        self.assertEqual((s, d), (401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]))
        self.assertEqual(h["www-authenticate"], "Token")
        self.assertEqual(self.org.call("GET", DATA + "/limits", headers={"Authorization": "OAuth " + self.org.token})[0], 200)
        self.org.admin("POST", "expire-sessions")
        self.assertEqual(self.org.call("GET", DATA + "/limits")[0], 401)
        self.org.login()
        self.assertEqual(self.org.call("GET", DATA + "/limits")[0], 200)
        self.assertEqual(self.org.call("GET", "/" + DATA + "/limits")[0], 200)

    def test_identity(self):
        s, _, d = self.org.call("GET", "/services/oauth2/userinfo")
        self.assertEqual((s, d["preferred_username"]), (200, "admin@src.example"))
        self.assertEqual(self.org.call("GET", "/id/%s/%s" % (d["organization_id"], d["user_id"]))[2]["user_id"], d["user_id"])
        one = self.org.soql("SELECT Id, InstanceName, IsSandbox, OrganizationType, NamespacePrefix FROM Organization")["records"]
        self.assertEqual([r["Id"] for r in one], [d["organization_id"]])
        self.assertNotEqual(d["organization_id"], self.dst.soql("SELECT Id FROM Organization")["records"][0]["Id"])


class Describe(Base):
    def recorded(self):
        out = {}
        for sub in ("cumulusci", "amaxa"):
            d = os.path.join(FIXTURES, "describe", sub)
            for f in sorted(os.listdir(d)) if os.path.isdir(d) else []:
                with open(os.path.join(d, f)) as fh:
                    doc = json.load(fh)
                if "fields" in doc and sub + f not in ("cumulusciCustom__c.json",):
                    out[sub + "/" + f] = doc
        if not out:
            self.skipTest("no recorded describes")
        return out

    def test_versions(self):
        s, h, d = self.org.raw("GET", "/services/data")
        d = json.loads(d)
        self.assertEqual(s, 200)
        self.assertEqual(d[0], {"label": "Summer '14", "url": "/services/data/v31.0", "version": "31.0"})
        self.assertEqual(sorted(d, key=lambda v: float(v["version"])), d)
        self.assertNotIn("sforce-limit-info", h)

    def test_global(self):
        d = self.org.ok("GET", "/sobjects")
        self.assertEqual(list(d), ["encoding", "maxBatchSize", "sobjects"])
        names = {o["name"] for o in d["sobjects"]}
        self.assertTrue({"Account", "Contact", "PricebookEntry", "Project__c", "Milestone__c", "Ledger__c", "User"} <= names)
        here = {o["name"]: o["keyPrefix"] for o in d["sobjects"]}
        there = {o["name"]: o["keyPrefix"] for o in self.dst.ok("GET", "/sobjects")["sobjects"]}
        self.assertEqual(here["Account"], "001")
        self.assertNotEqual(here["Project__c"], there["Project__c"])

    def test_shape(self):
        for name, doc in self.recorded().items():
            mine = self.org.ok("GET", "/sobjects/%s/describe" % doc["name"])
            keys = list(mine["fields"][0])
            self.assertEqual(keys, sorted(keys))
            for f in mine["fields"]:
                self.assertEqual(list(f), keys)
            if name.startswith("cumulusci"):
                self.assertEqual(set(keys), set(doc["fields"][0]), name)
            self.assertTrue(set(doc) - {"sobjectDescribeOption"} <= set(mine), set(doc) - set(mine))
            have = {f["name"]: f for f in mine["fields"]}
            for f in doc["fields"]:
                if f["name"].startswith(("ns__", "History__c")) or "Person" in name or f["name"].endswith("__c"):
                    continue
                if name.startswith("amaxa") and doc["name"] not in ("Task", "Attachment"):
                    continue
                g = have[f["name"]]
                for k in ("type", "length", "byteLength", "precision", "scale", "createable", "updateable", "nillable",
                          "defaultedOnCreate", "relationshipName", "restrictedPicklist", "unique", "nameField", "soapType",
                          "calculated", "autoNumber", "custom", "htmlFormatted", "polymorphicForeignKey", "cascadeDelete"):
                    if k == "relationshipName" and f["type"] != "reference":
                        continue
                    if (f["name"], k) in (("Comments", "byteLength"), ("Fiscal", "byteLength"),
                                          ("CreatedById", "polymorphicForeignKey"), ("LastModifiedById", "polymorphicForeignKey")):
                        continue
                    with self.subTest(describe=name, field=f["name"], key=k):
                        self.assertEqual(g.get(k), f.get(k))

    def test_load_recorded(self):
        before = len(self.dst.ok("GET", "/sobjects/Account/describe")["fields"])
        doc = self.recorded().get("cumulusci/Account_PersonAccount_v59.json")
        if doc is None:
            self.skipTest("no person account describe")
        self.dst.admin("POST", "schema", doc)
        after = self.dst.ok("GET", "/sobjects/Account/describe")["fields"]
        self.assertGreater(len(after), before)
        self.assertIn("IsPersonAccount", [f["name"] for f in after])

    def test_not_modified(self):
        _, h, _ = self.org.call("GET", DATA + "/sobjects/Account/describe")
        self.assertEqual(self.org.call("GET", DATA + "/sobjects/Account/describe", headers={"If-Modified-Since": h["last-modified"]})[0], 304)

    def test_record_types(self):
        infos = self.org.ok("GET", "/sobjects/Account/describe")["recordTypeInfos"]
        self.assertEqual(infos[-1]["recordTypeId"], "012000000000000AAA")
        self.assertTrue(infos[-1]["master"])
        self.assertIn("Partner", [i["developerName"] for i in infos])

    def test_schema_file(self):
        self.org.admin("POST", "schema", {"objects": [
            {"name": "Widget__c", "label": "Widget", "fields": [{"name": "Name", "type": "string", "length": 80, "nameField": True},
             {"name": "Size__c", "type": "double", "precision": 5, "scale": 1},
             {"name": "Account__c", "type": "reference", "referenceTo": ["Account"], "relationshipName": "Account__r"}]},
            {"name": "Account", "fields": [{"name": "Rating", "restrictedPicklist": True}]}],
            "validationRules": [{"object": "Widget__c", "name": "small", "active": True, "field": "Size__c", "op": ">", "value": 10,
                                 "message": "too big", "errorField": "Size__c"}]})
        w = self.org.new("Widget__c", Name="w", Size__c=2.25)
        self.assertEqual(self.org.get("Widget__c", w, "Size__c")["Size__c"], 2.3)
        e = self.org.refused("Widget__c", Name="w", Size__c=11)
        self.assertEqual(e, {"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "too big", "fields": ["Size__c"]})
        self.assertEqual(self.org.refused("Account", Name="a", Rating="Lava")["statusCode"], "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
        self.org.admin("POST", "schema", {"objects": [{"name": "Account", "fields": [{"name": "Rating", "restrictedPicklist": False}]}]})


class Records(Base):
    def test_collections(self):
        r = self.org.insert(rec("Account", Name="a", Ext_Id__c="e1"), rec("Account"), rec("Account", Name="b", Ext_Id__c="E1"))
        self.assertEqual([x["success"] for x in r], [True, False, False])
        self.assertRegex(r[0]["id"], r"^001\w{15}$")
        self.assertEqual(r[0]["errors"], [])
        self.assertEqual(r[1], {"success": False, "errors": [{"statusCode": "REQUIRED_FIELD_MISSING",
                         "message": "Required fields are missing: [Name]", "fields": ["Name"]}]})
        self.assertEqual(r[2]["errors"][0]["message"], "duplicate value found: Ext_Id__c duplicates value on record with id: " + r[0]["id"][:15])
        u = self.org.update(dict(rec("Account", Name="z"), id=r[0]["id"]), rec("Account", Name="q"), dict(rec("Account"), id="bad"))
        self.assertEqual([x["success"] for x in u], [True, False, False])
        self.assertEqual(u[1]["errors"][0]["statusCode"], "MISSING_ARGUMENT")
        self.assertEqual(u[2]["errors"][0]["statusCode"], "MALFORMED_ID")
        d = self.org.ok("DELETE", "/composite/sobjects?ids=%s,%s" % (r[0]["id"], r[0]["id"]))
        self.assertEqual([x["success"] for x in d], [True, False])
        self.assertEqual(d[1]["errors"][0]["statusCode"], "ENTITY_IS_DELETED")

    def test_all_or_none(self):
        r = self.org.insert(rec("Account", Name="a"), rec("Account"), all_or_none=True)
        self.assertEqual([x["errors"][0]["statusCode"] for x in r], ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"])
        self.assertEqual(self.org.soql("SELECT COUNT() FROM Account")["totalSize"], 0)

    def test_too_many(self):
        s, _, d = self.org.call("POST", DATA + "/composite/sobjects", {"records": [rec("Account", Name="x")] * 201})
        self.assertEqual(s, 400)
        kinds = [rec("Account" if i % 2 else "Contact", LastName="x") for i in range(12)]
        self.assertEqual(self.org.call("POST", DATA + "/composite/sobjects", {"records": kinds})[0], 400)
        mixed = [rec("Account", Name="x"), rec("Group", Name="g")]
        self.assertEqual(self.org.call("POST", DATA + "/composite/sobjects", {"records": mixed})[2][0]["errorCode"], "MIXED_DML_OPERATION")

    def test_upsert_collection(self):
        up = lambda *r: self.org.ok("PATCH", "/composite/sobjects/Account/Ext_Id__c", {"records": list(r)})
        a = up(rec("Account", Ext_Id__c="k", Name="one"))
        self.assertEqual((a[0]["success"], a[0]["created"]), (True, True))
        b = up(rec("Account", Ext_Id__c="K", Name="two"), rec("Account", Ext_Id__c="n"), rec("Account", Ext_Id__c="d", Name="d"), rec("Account", Ext_Id__c="d", Name="d"))
        self.assertEqual([(x["success"], x["created"]) for x in b], [(True, False), (False, False), (True, True), (False, False)])
        self.assertEqual(b[0]["id"], a[0]["id"])
        self.assertEqual(b[3]["errors"][0]["statusCode"], "DUPLICATE_VALUE")

    def test_retrieve(self):
        a, gone = self.org.new("Account", Name="a"), self.org.new("Account", Name="g")
        self.org.ok("DELETE", "/composite/sobjects?ids=" + gone)
        got = self.org.ok("POST", "/composite/sobjects/Account", {"ids": [gone, a, "001000000000000AAA"], "fields": ["Name"]})
        self.assertEqual(got[0], None)
        self.assertEqual(got[1]["Name"], "a")
        self.assertEqual(list(got[1]["attributes"]), ["type", "url"])
        self.assertEqual(got[2], None)
        self.assertEqual(self.org.ok("GET", "/composite/sobjects/Account?ids=%s&fields=Id,Name" % a)[0]["Id"], a)

    def test_single(self):
        s, h, d = self.org.call("POST", DATA + "/sobjects/Account/", {"Name": "x"})
        self.assertEqual((s, d["success"], d["errors"]), (201, True, []))
        self.assertTrue(h["location"].endswith("/sobjects/Account/" + d["id"]))
        self.assertRegex(h["sforce-limit-info"], r"^api-usage=\d+/\d+$")
        oid = d["id"]
        s, h, d = self.org.call("PATCH", DATA + "/sobjects/Account/" + oid[:15], {"name": "y"})
        self.assertEqual((s, d), (204, b""))
        self.assertNotIn("sforce-limit-info", h)
        s, _, d = self.org.call("GET", DATA + "/sobjects/Account/" + oid)
        self.assertEqual((d["Name"], d["Id"], d["IsDeleted"], d["ParentId"]), ("y", oid, False, None))
        self.assertRegex(d["CreatedDate"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000$")
        self.assertEqual(self.org.call("GET", DATA + "/sobjects/Account/%s?fields=Nope" % oid)[2][0]["errorCode"], "INVALID_FIELD")
        s, _, d = self.org.call("POST", DATA + "/sobjects/Account", {"Nope": 1, "Name": "n"})
        self.assertEqual((s, d), (400, [{"message": "No such column 'Nope' on sobject of type Account", "errorCode": "INVALID_FIELD"}]))
        self.assertEqual(self.org.call("POST", DATA + "/sobjects/Account/%s?_HttpMethod=PATCH" % oid, {"Name": "z"})[0], 204)
        self.assertEqual(self.org.call("DELETE", DATA + "/sobjects/Account/" + oid)[0], 204)
        self.assertEqual(self.org.call("GET", DATA + "/sobjects/Account/" + oid)[0], 404)

    def test_external_id(self):
        put = lambda v, body, q="": self.org.call("PATCH", DATA + "/sobjects/Account/Ext_Id__c/%s%s" % (v, q), body)
        s, h, d = put("a%20b", {"Name": "x"})
        self.assertEqual((s, d["created"]), (201, True))
        self.assertIn(d["id"], h["location"])
        self.assertEqual(put("a%20b", {"Name": "y"})[0::2], (200, {"id": d["id"], "success": True, "errors": [], "created": False}))
        self.assertEqual(put("none", {"Name": "y"}, "?updateOnly=true")[0], 404)
        s, _, old = self.org.call("PATCH", "/services/data/v40.0/sobjects/Account/Ext_Id__c/a%20b", {"Name": "z"})
        self.assertEqual((s, old), (204, b""))
        self.assertEqual(self.org.call("GET", DATA + "/sobjects/Account/Ext_Id__c/a%20b")[2]["Name"], "z")
        self.assertEqual(self.org.call("GET", DATA + "/sobjects/Account/Industry/x")[0], 404)
        for n in "pq":
            self.org.new("Contact", LastName=n, Email="same@example.com")
        s, _, d = self.org.call("GET", DATA + "/sobjects/Contact/Email/same@example.com")
        self.assertEqual((s, len(d)), (300, 2))
        self.assertTrue(d[0].startswith("/services/data/v60.0/sobjects/Contact/003"))
        self.assertEqual(self.org.call("DELETE", DATA + "/sobjects/Account/Ext_Id__c/a%20b")[0], 204)

    def test_parent_by_external_id(self):
        a = self.org.new("Account", Name="p", Ext_Id__c="parent")
        c = self.org.new("Contact", LastName="c", Account={"Ext_Id__c": "parent"})
        self.assertEqual(self.org.get("Contact", c, "AccountId")["AccountId"], a)
        e = self.org.refused("Contact", LastName="c", Account={"Ext_Id__c": "none"})
        self.assertEqual((e["statusCode"], e["message"]), ("INVALID_FIELD", "Foreign key external ID: none not found for field Ext_Id__c in entity Account"))
        k = self.org.new("Contact", LastName="k", Email="x@example.com")
        t = self.org.new("Task", Subject="t", Who={"attributes": {"type": "Contact"}, "Email": "x@example.com"})
        self.assertEqual(self.org.get("Task", t, "WhoId")["WhoId"], k)
        e = self.org.refused("Task", Subject="t", Who={"Email": "x@example.com"})
        self.assertEqual(e["statusCode"], "JSON_PARSER_ERROR")


class Rules(Base):
    def code(self, kind, **fields):
        return self.org.refused(kind, **fields)["statusCode"]

    def test_shares(self):
        a = self.org.new("Account", Name="a")
        owner = self.org.get("Account", a, "OwnerId")["OwnerId"]
        self.org.admin("POST", "seed", lines(rec("Group", Id="@g", Name="g", DeveloperName="g", Type="Regular")))
        group = self.org.soql("SELECT Id FROM Group WHERE DeveloperName = 'g'")["records"]
        levels = {"AccountId": a, "AccountAccessLevel": "Edit", "OpportunityAccessLevel": "None", "CaseAccessLevel": "None"}
        self.assertEqual(self.code("AccountShare", UserOrGroupId=owner, **levels), "FIELD_INTEGRITY_EXCEPTION")
        self.assertEqual(self.code("AccountShare", UserOrGroupId=owner, **dict(levels, AccountAccessLevel="All")), "INVALID_ACCESS_LEVEL")
        self.assertEqual(self.code("AccountShare", UserOrGroupId=owner, RowCause="Rule", **levels), "INVALID_FIELD_FOR_INSERT_UPDATE")
        share = self.org.new("AccountShare", UserOrGroupId=group[0]["Id"], **levels)
        self.assertEqual(self.org.get("AccountShare", share, "RowCause")["RowCause"], "Manual")

    def test_fields(self):
        self.assertEqual(self.code("Account", Name="x" * 256), "STRING_TOO_LONG")
        self.assertEqual(self.org.refused("Account", Name="a", CreatedDate="2020-01-01T00:00:00Z"),
                         {"statusCode": "INVALID_FIELD_FOR_INSERT_UPDATE", "fields": ["CreatedDate"],
                          "message": "Unable to create/update fields: CreatedDate. Please check the security settings of this "
                                     "field and verify that it is read/write for your profile or permission set."})
        self.assertEqual(self.code("Account", Name="a", CleanStatus="Dirty"), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
        self.assertEqual(self.code("Contact", LastName="a", Email="nope"), "INVALID_EMAIL_ADDRESS")
        self.assertEqual(self.code("Contact", LastName="a", Birthdate="1999-02-30"), "JSON_PARSER_ERROR")
        self.assertEqual(self.code("Account", Name="a", NumberOfEmployees="many"), "JSON_PARSER_ERROR")
        self.assertEqual(self.code("Account", Name="a", AnnualRevenue=1e19), "NUMBER_OUTSIDE_VALID_RANGE")
        self.assertEqual(self.code("Account", Name="a", Nope=1), "INVALID_FIELD")
        self.assertEqual(self.code("Opportunity", Name="a", StageName="Prospecting", CloseDate="2025-01-01", IsPrivate=None), "JSON_PARSER_ERROR")
        self.assertTrue(self.org.new("Account", Name="a", Industry="Anything goes"))

    def test_references(self):
        a, c = self.org.new("Account", Name="a"), self.org.new("Contact", LastName="c")
        self.assertEqual(self.code("Contact", LastName="x", AccountId=c), "MALFORMED_ID")
        self.assertEqual(self.code("Contact", LastName="x", AccountId="nonsense"), "MALFORMED_ID")
        self.assertEqual(self.code("Contact", LastName="x", AccountId="001000000000000AAA"), "INVALID_CROSS_REFERENCE_KEY")
        self.assertEqual(self.code("Account", Name="x", RecordTypeId="012000000000000AAA"), "INVALID_CROSS_REFERENCE_KEY")
        self.org.ok("DELETE", "/composite/sobjects?ids=" + a)
        self.assertEqual(self.code("Contact", LastName="x", AccountId=a), "ENTITY_IS_DELETED")
        self.settings(deletedParent="INVALID_CROSS_REFERENCE_KEY")
        self.assertEqual(self.code("Contact", LastName="x", AccountId=a), "INVALID_CROSS_REFERENCE_KEY")
        self.assertEqual(self.code("Milestone__c", Name="m"), "REQUIRED_FIELD_MISSING")
        self.assertEqual(self.code("Ledger__c", Name="l"), "REQUIRED_FIELD_MISSING")

    def test_cycle(self):
        a = self.org.new("Account", Name="a")
        b = self.org.new("Account", Name="b", ParentId=a)
        r = self.org.update(dict(rec("Account", ParentId=b), id=a))[0]
        self.assertEqual(r["errors"][0]["statusCode"], "CIRCULAR_DEPENDENCY")

    def test_normalised(self):
        p = self.org.new("Project__c", Title__c="  t  ", Budget__c=10.005, Effort__c="1.0005", Spent__c=3, Regions__c="APAC;EMEA", Notes__c="",
                         Kickoff__c="2024-05-01T10:00:00.750+02:00", Daily_Standup__c="09:30:00", Location__Latitude__s=1.5, Location__Longitude__s=2)
        d = self.org.ok("GET", "/sobjects/Project__c/" + p)
        self.assertRegex(d["Name"], r"^PRJ-\d{4}$")
        self.assertEqual((d["Title__c"], d["Budget__c"], d["Effort__c"], d["Regions__c"], d["Notes__c"]), ("t", 10.01, 1.001, "EMEA;APAC", None))
        self.assertEqual((d["Kickoff__c"], d["Daily_Standup__c"]), ("2024-05-01T08:00:00.000+0000", "09:30:00.000Z"))
        self.assertEqual((d["Remaining__c"], d["Is_Billable__c"], d["Status__c"]), (7.01, True, "Planned"))
        self.assertEqual(d["Location__c"], {"latitude": 1.5, "longitude": 2.0})
        a = self.org.new("Account", Name="a", BillingCity="Rome", AnnualRevenue=350000000, NumberOfEmployees=7)
        raw = self.org.raw("GET", DATA + "/sobjects/Account/%s?fields=AnnualRevenue,NumberOfEmployees,BillingAddress" % a, None, {"Authorization": "Bearer " + self.org.token})[2]
        self.assertIn(b'"AnnualRevenue":3.5E8,"NumberOfEmployees":7,', raw)
        self.assertEqual(json.loads(raw)["BillingAddress"]["city"], "Rome")
        self.settings(emailCase="lower", newlines="lf", nullBoolean="false", unknownField="call")
        c = self.org.new("Contact", LastName="c", FirstName="d", Email="A@Example.COM", Description="a\r\nb")
        d = self.org.get("Contact", c, "Email,Description,Name")
        self.assertEqual((d["Email"], d["Description"], d["Name"]), ("a@example.com", "a\nb", "d c"))
        s, _, d = self.org.call("POST", DATA + "/composite/sobjects", {"records": [rec("Account", Name="ok"), rec("Account", Nope=1)]})
        self.assertEqual((s, d[0]["errorCode"]), (400, "INVALID_FIELD"))

    def test_delete(self):
        a = self.org.new("Account", Name="a")
        c = self.org.new("Contact", LastName="c", AccountId=a)
        kid = self.org.new("Account", Name="k", ParentId=a)
        self.org.ok("DELETE", "/sobjects/Account/" + a)
        self.assertEqual(self.org.call("GET", DATA + "/sobjects/Contact/" + c)[0], 404)
        self.assertIsNone(self.org.get("Account", kid, "ParentId")["ParentId"])
        q = self.org.soql("SELECT Id, IsDeleted FROM Account", "/queryAll")["records"]
        self.assertEqual({r["Id"]: r["IsDeleted"] for r in q}, {a: True, kid: False})
        b = self.org.new("Account", Name="b")
        self.org.new("Case", AccountId=b)
        s, _, d = self.org.call("DELETE", DATA + "/sobjects/Account/" + b)
        self.assertEqual((s, d[0]["errorCode"]), (400, "DELETE_FAILED"))
        p = self.org.new("Project__c")
        m = self.org.new("Milestone__c", Project__c=p, Name="m")
        self.org.update(dict(rec("Project__c", Current_Milestone__c=m), id=p))
        self.org.ok("DELETE", "/sobjects/Project__c/" + p)
        self.assertEqual(self.org.soql("SELECT COUNT() FROM Milestone__c")["totalSize"], 0)

    def test_prices(self):
        std = self.org.soql("SELECT Id FROM Pricebook2 WHERE IsStandard = true")["records"][0]["Id"]
        prod = self.org.new("Product2", Name="p", IsActive=True)
        book = self.org.new("Pricebook2", Name="b", IsActive=True)
        self.assertEqual(self.code("PricebookEntry", Pricebook2Id=book, Product2Id=prod, UnitPrice=1), "STANDARD_PRICE_NOT_DEFINED")
        self.org.new("PricebookEntry", Pricebook2Id=std, Product2Id=prod, UnitPrice=1, IsActive=True)
        e = self.org.new("PricebookEntry", Pricebook2Id=book, Product2Id=prod, UnitPrice=2, IsActive=True)
        self.assertEqual(self.code("PricebookEntry", Pricebook2Id=book, Product2Id=prod, UnitPrice=3), "DUPLICATE_VALUE")
        self.assertEqual(self.code("Pricebook2", Name="c", IsStandard=True), "INVALID_FIELD_FOR_INSERT_UPDATE")
        o = self.org.new("Opportunity", Name="o", StageName="Closed Won", CloseDate="2025-01-01")
        li = self.org.new("OpportunityLineItem", OpportunityId=o, PricebookEntryId=e, Quantity=3, UnitPrice=2)
        d = self.org.get("OpportunityLineItem", li, "TotalPrice,Product2Id")
        self.assertEqual((d["TotalPrice"], d["Product2Id"]), (6.0, prod))
        d = self.org.get("Opportunity", o, "Pricebook2Id,IsWon,Probability")
        self.assertEqual((d["Pricebook2Id"], d["IsWon"], d["Probability"]), (book, True, 100.0))
        k, c = self.org.new("Campaign", Name="k"), self.org.new("Contact", LastName="c")
        self.org.new("CampaignMember", CampaignId=k, ContactId=c)
        self.assertEqual(self.org.refused("CampaignMember", CampaignId=k, ContactId=c)["message"], "Already a campaign member.")


class People(Base):
    """Person accounts; in orgs of their own, for fields that were added stay."""
    def test_assignment_rules(self):
        queue = self.org.new("Group", Name="Desk", DeveloperName="Desk", Type="Queue")
        ours = self.org.soql("SELECT Id FROM User LIMIT 1")["records"][0]["Id"]
        self.org.admin("POST", "settings", {"assignTo": queue})
        row = {"attributes": {"type": "Case"}, "Subject": "s", "OwnerId": ours}
        def owner(headers):
            reply = self.org.call("POST", DATA + "/composite/sobjects", json.dumps({"records": [row]}).encode(),
                                  dict(headers, **{"Content-Type": "application/json"}))[2]
            return self.org.soql("SELECT OwnerId FROM Case WHERE Id = '%s'" % reply[0]["id"])["records"][0]["OwnerId"]
        self.assertEqual(owner({"Sforce-Auto-Assign": "FALSE"}), ours)
        self.assertEqual(owner({"Sforce-Auto-Assign": "TRUE"}), queue)
        self.assertEqual(owner({}), queue)

    def test_person_accounts(self):
        with open(os.path.join(HERE, "person-accounts.json"), encoding="utf-8") as schema:
            self.org.admin("POST", "schema", schema.read())
        kind = self.org.soql("SELECT Id, IsPersonType FROM RecordType WHERE DeveloperName = 'PersonAccount'")["records"][0]
        self.assertTrue(kind["IsPersonType"])
        bad = self.org.refused("Account", Name="Ada Lovelace", LastName="Lovelace", RecordTypeId=kind["Id"])
        self.assertEqual((bad["statusCode"], bad["fields"]), ("INVALID_FIELD_FOR_INSERT_UPDATE", ["Name"]))
        self.assertEqual(self.org.refused("Account", FirstName="Ada", RecordTypeId=kind["Id"])["fields"], ["LastName"])
        bad = self.org.refused("Account", Name="a", PersonEmail="a@b.example")
        self.assertEqual((bad["statusCode"], bad["fields"]), ("INVALID_FIELD_FOR_INSERT_UPDATE", ["PersonEmail"]))
        self.assertEqual(self.org.refused("Account", Phone="1")["fields"], ["Name"])
        a = self.org.new("Account", FirstName="Ada", LastName="Lovelace", PersonEmail="a@b.example", Level__pc="x", RecordTypeId=kind["Id"])
        d = self.org.get("Account", a, "Name,IsPersonAccount,PersonContactId")
        self.assertEqual((d["Name"], d["IsPersonAccount"]), ("Ada Lovelace", True))
        c = self.org.get("Contact", d["PersonContactId"], "LastName,Email,Level__c,AccountId,IsPersonAccount")
        self.assertEqual([c[k] for k in ("LastName", "Email", "Level__c", "AccountId", "IsPersonAccount")],
                         ["Lovelace", "a@b.example", "x", a, True])
        self.assertEqual(self.org.call("PATCH", DATA + "/sobjects/Account/" + a, {"LastName": "King", "Level__pc": None})[0], 204)
        c = self.org.get("Contact", d["PersonContactId"], "LastName,Level__c,Email")
        self.assertEqual([c[k] for k in ("LastName", "Level__c", "Email")], ["King", None, "a@b.example"])
        self.assertEqual(self.org.call("PATCH", DATA + "/sobjects/Contact/" + d["PersonContactId"], {"LastName": "No"})[0], 400)
        self.assertEqual(self.org.call("DELETE", DATA + "/sobjects/Account/" + a)[0], 204)
        self.assertEqual(self.org.soql("SELECT Id FROM Contact")["totalSize"], 0)


class RecordTypes(Base):
    """In orgs of their own as well."""
    def test_values_by_record_type(self):
        self.org.admin("POST", "schema", json.dumps({
            "recordTypes": [{"object": "Account", "name": "Gold"}, {"object": "Account", "name": "Plain"}],
            "objects": [{"name": "Account", "fields": [
                {"name": "Tier__c", "type": "picklist", "restrictedPicklist": True, "picklistValues": ["A", "B", "C"],
                 "recordTypeValues": {"Gold": ["A", "B"]}},
                {"name": "Free__c", "type": "picklist", "picklistValues": ["A", "B"], "recordTypeValues": {"Gold": ["A"]}},
                {"name": "Many__c", "type": "multipicklist", "restrictedPicklist": True, "picklistValues": ["A", "B", "C"],
                 "recordTypeValues": {"Gold": ["A", "B"]}}]}]}))
        types = {r["DeveloperName"]: r["Id"] for r in self.org.soql("SELECT Id, DeveloperName FROM RecordType WHERE SobjectType = 'Account'")["records"]}

        def values(kind, name):
            status, _, body = self.org.call("GET", DATA + "/ui-api/object-info/Account/picklist-values/" + types.get(kind, kind))
            self.assertEqual(status, 200)
            return [v["value"] for v in body["picklistFieldValues"][name]["values"]]
        self.assertEqual([values("Gold", n) for n in ("Tier__c", "Free__c", "Many__c")], [["A", "B"], ["A"], ["A", "B"]])
        self.assertEqual([values("Plain", "Tier__c"), values("012000000000000AAA", "Tier__c")], [["A", "B", "C"]] * 2)
        bad = self.org.refused("Account", Name="a", RecordTypeId=types["Gold"], Tier__c="C")
        self.assertEqual((bad["statusCode"], bad["fields"]), ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["Tier__c"]))
        self.assertEqual(self.org.refused("Account", Name="a", RecordTypeId=types["Gold"], Many__c="A;C")["fields"], ["Many__c"])
        self.assertTrue(self.org.new("Account", Name="a", RecordTypeId=types["Gold"], Free__c="B", Many__c="B;A"))
        self.assertTrue(self.org.new("Account", Name="a", RecordTypeId=types["Plain"], Tier__c="C"))
        self.assertTrue(self.org.new("Account", Name="a", Tier__c="C"))
        status, _, body = self.org.call("GET", DATA + "/ui-api/object-info/Task/picklist-values/012000000000000AAA")
        self.assertEqual((status, body[0]["message"]), (400, "Object Task is not supported in UI API"))


class Currencies(Base):
    """In orgs of their own as well."""
    def test_currencies(self):
        with open(os.path.join(HERE, "multi-currency.json"), encoding="utf-8") as schema:
            self.org.admin("POST", "schema", schema.read())
        self.org.admin("POST", "seed", "\n".join(json.dumps(dict({"attributes": {"type": "CurrencyType"}}, IsoCode=c, IsActive=on, IsCorporate=corporate))
                                                 for c, on, corporate in (("EUR", True, True), ("USD", True, False), ("PLN", False, False))))
        bad = self.org.refused("Account", Name="a", CurrencyIsoCode="PLN")
        self.assertEqual((bad["statusCode"], bad["fields"]), ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["CurrencyIsoCode"]))
        self.assertEqual(self.org.refused("Account", Name="a", CurrencyIsoCode="XXX")["statusCode"], bad["statusCode"])
        for code, want in (("USD", "USD"), (None, "EUR")):
            a = self.org.new("Account", Name="a", **({"CurrencyIsoCode": code} if code else {}))
            self.assertEqual(self.org.get("Account", a, "CurrencyIsoCode")["CurrencyIsoCode"], want)
        user = self.org.soql("SELECT Id FROM User LIMIT 1")["records"][0]["Id"]
        self.org.admin("POST", "update", json.dumps({"attributes": {"type": "User"}, "Id": user, "DefaultCurrencyIsoCode": "USD"}))
        self.assertEqual(self.org.get("Account", self.org.new("Account", Name="a"), "CurrencyIsoCode")["CurrencyIsoCode"], "USD")


class Query(Base):
    def setUp(self):
        super().setUp()
        self.org.admin("POST", "seed", lines(
            rec("Account", Id="@a", Name="Alpha", Industry="Energy", NumberOfEmployees=5, CreatedDate="2020-01-01T00:00:00Z", SystemModstamp="2020-01-02T00:00:00Z"),
            rec("Account", Id="@b", Name="beta", ParentId="@a", AnnualRevenue=2.5e6, Website="x%y"),
            rec("Account", Id="@c", Name="Gam'ma", ParentId="@b", Industry="Banking"),
            rec("Contact", Id="@k", LastName="K", AccountId="@c", Birthdate="1990-05-05"),
            rec("Task", Id="@t", Subject="call", WhoId="@k", WhatId="@a")))

    def names(self, where):
        return [r["Name"] for r in self.org.soql("SELECT Name FROM Account " + where)["records"]]

    def test_where(self):
        for where, want in (
                ("WHERE Name = 'ALPHA'", ["Alpha"]), ("WHERE Name != 'alpha'", ["beta", "Gam'ma"]), ("WHERE Name LIKE '%a'", ["Alpha", "beta", "Gam'ma"]),
                ("WHERE Name LIKE '_eta'", ["beta"]), ("WHERE Name IN ('beta','Gam\\'ma')", ["beta", "Gam'ma"]), ("WHERE Name NOT IN ('beta')", ["Alpha", "Gam'ma"]),
                ("WHERE Industry = null", ["beta"]), ("WHERE Industry != 'Energy'", ["beta", "Gam'ma"]), ("WHERE NumberOfEmployees >= 5", ["Alpha"]),
                ("WHERE NumberOfEmployees < 6", ["Alpha"]), ("WHERE AnnualRevenue = 2500000", ["beta"]), ("WHERE Parent.Name = 'alpha'", ["beta"]),
                ("WHERE Parent.Parent.Industry = 'Energy'", ["Gam'ma"]), ("WHERE NOT (Name = 'beta' OR Industry = 'Energy')", ["Gam'ma"]),
                ("WHERE (Industry = 'Energy' OR Industry = 'Banking') AND Name LIKE 'G%'", ["Gam'ma"]), ("WHERE IsDeleted = false AND CreatedDate < 2021-01-01T00:00:00Z", ["Alpha"]),
                ("WHERE CreatedDate = TODAY", ["beta", "Gam'ma"]), ("WHERE CreatedDate = LAST_N_DAYS:3", ["beta", "Gam'ma"]), ("WHERE SystemModstamp >= 2020-01-02T00:00:00.000+0000 AND SystemModstamp < 2020-01-03T00:00:00Z", ["Alpha"]),
                ("WHERE Id IN (SELECT AccountId FROM Contact)", ["Gam'ma"]), ("WHERE Website LIKE 'x\\%%'", ["beta"]),
                ("ORDER BY Name DESC", ["Gam'ma", "beta", "Alpha"]), ("ORDER BY Industry NULLS LAST, Name", ["Gam'ma", "Alpha", "beta"]), ("ORDER BY Industry DESC NULLS LAST", ["Alpha", "Gam'ma", "beta"]),
                ("ORDER BY Id LIMIT 1 OFFSET 1", ["beta"]), ("ORDER BY Id DESC LIMIT 1", ["Gam'ma"]), ("ORDER BY SystemModstamp, Id LIMIT 2", ["Alpha", "beta"])):
            with self.subTest(where=where):
                self.assertEqual(self.names(where), want)

    def test_parents(self):
        r = self.org.soql("SELECT Id, Account.Name, Account.Parent.Name, Account.Owner.Username FROM Contact")["records"][0]
        self.assertEqual(r["Account"]["Parent"]["Name"], "beta")
        self.assertEqual(r["Account"]["attributes"]["type"], "Account")
        self.assertEqual(r["Account"]["Owner"]["Username"], "admin@src.example")
        r = self.org.soql("SELECT Who.Type, What.Type, Who.Name, CreatedBy.Name FROM Task WHERE What.Type = 'Account'")["records"][0]
        self.assertEqual((r["Who"]["Type"], r["What"]["Type"], r["Who"]["Name"]), ("Contact", "Account", "K"))
        r = self.org.soql("SELECT Name, (SELECT LastName FROM Contacts), Parent.Name FROM Account ORDER BY Id")["records"]
        self.assertIsNone(r[0]["Contacts"])
        self.assertIsNone(r[0]["Parent"])
        self.assertEqual(r[2]["Contacts"]["records"][0]["LastName"], "K")

    def test_aggregates(self):
        self.assertEqual(self.org.soql("SELECT COUNT() FROM Account"), {"totalSize": 3, "done": True, "records": []})
        self.assertEqual(self.org.soql("SELECT COUNT(Id) c, MAX(NumberOfEmployees) FROM Account")["records"],
                         [{"attributes": {"type": "AggregateResult"}, "c": 3, "expr0": 5}])
        g = self.org.soql("SELECT Industry, COUNT(Id) FROM Account GROUP BY Industry")["records"]
        self.assertEqual({r["Industry"]: r["expr0"] for r in g}, {"Energy": 1, "Banking": 1, None: 1})

    def test_errors(self):
        for q, code in (("SELECT Nope FROM Account", "INVALID_FIELD"), ("SELECT Id FROM Nope", "INVALID_TYPE"), ("SELECT Id FROM", "INVALID_TYPE"),
                        ("SELEC Id", "MALFORMED_QUERY"), ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY"), ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"),
                        ("SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD"), ("SELECT Foo__r.Name FROM Account", "INVALID_FIELD"),
                        *(("SELECT Id FROM Account WHERE " + w, "MALFORMED_QUERY") for w in (
                            "(Id IN (SELECT AccountId FROM Contact))", "Name = 'a' OR Id IN (SELECT AccountId FROM Contact)",
                            "Id IN (SELECT AccountId FROM Contact WHERE Id IN (SELECT WhoId FROM Task))",
                            "(" * 600 + "Id = null" + ")" * 600, "NOT " * 600 + "Id = null",
                            " AND ".join(["Id IN (SELECT AccountId FROM Contact)"] * 3)))):
            s, _, d = self.org.call("GET", DATA + "/query?q=" + urllib.parse.quote(q))
            with self.subTest(q=q):
                self.assertEqual((s, d[0]["errorCode"]), (400, code))
        d = self.org.call("GET", DATA + "/query?q=" + urllib.parse.quote("SELECT Id, Nope FROM Account"))[2]
        self.assertIn("ERROR at Row:1:Column:12\nNo such column 'Nope' on entity 'Account'", d[0]["message"])

    def test_pages(self):
        self.org.admin("POST", "generate", {"object": "Lead", "count": 4500, "seed": 3})
        page = self.org.soql("SELECT Id FROM Lead")
        self.assertEqual((page["totalSize"], page["done"], len(page["records"])), (4500, False, 2000))
        rows = self.org.soql_all("SELECT Id FROM Lead")
        ids = [r["Id"] for r in rows]
        self.assertEqual((len(ids), ids), (4500, sorted(set(ids))))
        s, _, d = self.org.call("GET", DATA + "/query?q=SELECT+Id+FROM+Lead", headers={"Sforce-Query-Options": "batchSize=200"})
        self.assertEqual(len(d["records"]), 200)
        first = page["nextRecordsUrl"]
        for _ in range(10):
            self.org.soql("SELECT Id FROM Lead")
        self.assertEqual(self.org.call("GET", first)[2][0]["errorCode"], "INVALID_QUERY_LOCATOR")
        got, last = 0, "000000000000000AAA"
        while True:
            r = self.org.soql("SELECT Id FROM Lead WHERE Id > '%s' ORDER BY Id LIMIT 1000" % last)["records"]
            if not r:
                break
            got, last = got + len(r), r[-1]["Id"]
        self.assertEqual(got, 4500)

    def test_replication(self):
        now = time.time()
        fmt = lambda t: urllib.parse.quote(time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(t)))
        a = self.org.soql("SELECT Id FROM Account WHERE Name = 'beta'")["records"][0]["Id"]
        t = self.org.soql("SELECT Id FROM Task")["records"][0]["Id"]
        self.org.ok("DELETE", "/sobjects/Task/" + t)
        up = self.org.ok("GET", "/sobjects/Account/updated/?start=%s&end=%s" % (fmt(now - 300), fmt(now + 120)))
        self.assertIn(a, up["ids"])
        self.assertEqual(len(up["ids"]), 2)
        gone = self.org.ok("GET", "/sobjects/Task/deleted/?start=%s&end=%s" % (fmt(now - 300), fmt(now + 120)))
        self.assertEqual(gone["deletedRecords"][0]["id"], t)
        self.assertEqual(self.org.call("GET", DATA + "/sobjects/Task/deleted/?start=%s&end=%s" % (fmt(now), fmt(now)))[2][0]["errorCode"], "INVALID_REPLICATION_DATE")


class Bin(Base):
    def undelete(self, *ids):
        body = ('<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com"><e:Header><SessionHeader>'
                "<sessionId>%s</sessionId></SessionHeader></e:Header><e:Body><undelete>%s</undelete></e:Body></e:Envelope>"
                % (self.org.token, "".join("<ids>%s</ids>" % i for i in ids)))
        s, _, d = self.org.raw("POST", "/services/Soap/u/60.0", body, {"SOAPAction": '"undelete"', "Content-Type": "text/xml"})
        self.assertEqual(s, 200)
        text = d.decode()
        return list(zip(re.findall("<success>(.*?)<", text), re.findall("<result>(?:<errors>.*?<statusCode>(.*?)<|)", text)))

    def test_undelete(self):
        a = self.org.new("Account", Name="a")
        c = self.org.new("Contact", LastName="c", AccountId=a)
        alive = self.org.new("Account", Name="b")
        self.org.ok("DELETE", "/sobjects/Account/" + a)
        self.assertEqual(self.undelete(a, alive), [("true", ""), ("false", "UNDELETE_FAILED")])
        self.assertEqual(self.org.get("Contact", c, "AccountId")["AccountId"], a)  # it went along, and comes back along
        self.assertEqual(self.undelete(a), [("false", "UNDELETE_FAILED")])
        self.org.ok("DELETE", "/sobjects/Account/" + a)
        self.assertEqual(self.org.admin("POST", "empty-bin"), {"purged": 2})
        self.assertEqual(self.undelete(a), [("false", "UNDELETE_FAILED")])
        self.assertEqual(self.org.soql("SELECT Id FROM Account WHERE IsDeleted = true", "/queryAll")["totalSize"], 0)
        now = time.time()
        fmt = lambda t: urllib.parse.quote(time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(t)))
        gone = self.org.ok("GET", "/sobjects/Account/deleted/?start=%s&end=%s" % (fmt(now - 300), fmt(now + 120)))
        self.assertEqual([r["id"] for r in gone["deletedRecords"]], [a])


class Composite(Base):
    def test_references(self):
        r = self.org.ok("POST", "/composite", {"compositeRequest": [
            {"method": "POST", "url": DATA + "/sobjects/Account", "referenceId": "acc", "body": {"Name": "a"}},
            {"method": "POST", "url": DATA + "/sobjects/Contact", "referenceId": "con", "body": {"LastName": "c", "AccountId": "@{acc.id}"}},
            {"method": "GET", "url": DATA + "/query?q=SELECT+Id+FROM+Account", "referenceId": "q"},
            {"method": "GET", "url": DATA + "/sobjects/Account/@{q.records[0].Id}?fields=Name", "referenceId": "g"}]})["compositeResponse"]
        self.assertEqual([x["httpStatusCode"] for x in r], [201, 201, 200, 200])
        self.assertIn("Location", r[0]["httpHeaders"])
        self.assertEqual(r[3]["body"]["Name"], "a")
        self.assertEqual(list(r[0]), ["body", "httpHeaders", "httpStatusCode", "referenceId"])

    def sub(self, n, **body):
        return {"method": "POST", "url": DATA + "/sobjects/Account", "referenceId": "r%d" % n, "body": body}

    def test_failures(self):
        bad = {"method": "POST", "url": DATA + "/sobjects/Contact", "referenceId": "dep", "body": {"LastName": "c", "AccountId": "@{r1.id}"}}
        r = self.org.ok("POST", "/composite", {"compositeRequest": [self.sub(0, Name="a"), self.sub(1), bad]})["compositeResponse"]
        self.assertEqual([x["httpStatusCode"] for x in r], [201, 400, 400])
        self.assertEqual((r[1]["body"][0]["errorCode"], r[2]["body"][0]["errorCode"]), ("REQUIRED_FIELD_MISSING", "PROCESSING_HALTED"))
        r = self.org.ok("POST", "/composite", {"allOrNone": True, "compositeRequest": [self.sub(0, Name="b"), self.sub(1)]})["compositeResponse"]
        self.assertEqual((r[0]["body"][0]["errorCode"], r[1]["body"][0]["errorCode"]), ("PROCESSING_HALTED", "REQUIRED_FIELD_MISSING"))
        self.assertEqual(self.org.soql("SELECT COUNT() FROM Account")["totalSize"], 1)
        self.assertEqual(self.org.call("POST", DATA + "/composite", {"compositeRequest": [self.sub(i, Name="x") for i in range(26)]})[0], 400)

    def test_collections_inside(self):
        col = lambda n: {"method": "POST", "url": DATA + "/composite/sobjects", "referenceId": "c%d" % n,
                         "body": {"allOrNone": False, "records": [rec("Account", Name="x%d" % i) for i in range(200)]}}
        before = self.org.ok("GET", "/limits")["DailyApiRequests"]["Remaining"]
        r = self.org.ok("POST", "/composite", {"compositeRequest": [col(i) for i in range(5)]})["compositeResponse"]
        self.assertTrue(all(x["httpStatusCode"] == 200 and len(x["body"]) == 200 for x in r))
        self.assertEqual(self.org.ok("GET", "/limits")["DailyApiRequests"]["Remaining"], before - 2)
        self.assertEqual(self.org.call("POST", DATA + "/composite", {"compositeRequest": [col(i) for i in range(6)]})[0], 400)
        self.assertEqual(self.org.ok("GET", "/limits/recordCount?sObjects=Account")["sObjects"], [{"count": 1000, "name": "Account"}])

    def test_tree_and_batch(self):
        s, _, d = self.org.call("POST", DATA + "/composite/tree/Account", {"records": [
            {"attributes": {"type": "Account", "referenceId": "a"}, "Name": "t", "Contacts": {"records": [{"attributes": {"type": "Contact", "referenceId": "c"}, "LastName": "l"}]}}]})
        self.assertEqual((s, d["hasErrors"], [x["referenceId"] for x in d["results"]]), (201, False, ["a", "c"]))
        s, _, d = self.org.call("POST", DATA + "/composite/tree/Account", {"records": [
            {"attributes": {"type": "Account", "referenceId": "a"}, "Name": "t"}, {"attributes": {"type": "Account", "referenceId": "b"}}]})
        self.assertEqual((s, d["results"][0]["referenceId"]), (400, "b"))
        self.assertEqual(self.org.soql("SELECT Account.Name FROM Contact")["records"][0]["Account"]["Name"], "t")
        d = self.org.ok("POST", "/composite/batch", {"batchRequests": [{"method": "GET", "url": "v60.0/limits"}, {"method": "GET", "url": "v60.0/nope"}]})
        self.assertEqual((d["hasErrors"], [x["statusCode"] for x in d["results"]]), (True, [200, 404]))


class Bulk(Base):
    def test_query(self):
        self.org.admin("POST", "generate", {"object": "Account", "count": 1200})
        self.org.new("Contact", LastName='q"t\n,x')
        j = self.org.ok("POST", "/jobs/query", {"operation": "query", "query": "SELECT Id, Name, Owner.Username, ParentId FROM Account"})
        self.assertEqual((j["state"], j["apiVersion"], j["object"]), ("UploadComplete", 60.0, "Account"))
        got = self.org.ok("GET", "/jobs/query/" + j["id"])
        self.assertEqual((got["state"], got["jobType"], got["numberRecordsProcessed"]), ("JobComplete", "V2Query", 1200))
        rows, loc = [], None
        while loc != "null":
            s, h, d = self.org.call("GET", DATA + "/jobs/query/%s/results?maxRecords=500%s" % (j["id"], "&locator=" + loc if loc else ""), headers={"Accept": "text/csv"})
            page = list(csv.reader(io.StringIO(d.decode())))
            self.assertEqual(page[0], ["Id", "Name", "Owner.Username", "ParentId"])
            self.assertEqual(len(page) - 1, int(h["sforce-numberofrecords"]))
            rows, loc = rows + page[1:], h["sforce-locator"]
            self.org.new("Account", Name="later")
        self.assertEqual(len({r[0] for r in rows}), 1200)
        self.assertEqual(rows[0][2:], ["admin@src.example", ""])
        self.assertEqual(self.org.call("GET", "/services/data/v59.0/jobs/query/%s/results" % j["id"])[0], 409)
        pages = self.org.ok("GET", "/jobs/query/%s/resultPages?maxRecords=100" % j["id"])
        self.assertEqual((len(pages["resultPages"]), pages["done"]), (5, False))
        self.assertEqual(self.org.call("DELETE", DATA + "/jobs/query/" + j["id"])[0], 204)
        self.assertEqual(self.org.call("GET", DATA + "/jobs/query/" + j["id"])[0], 404)
        j = self.org.ok("POST", "/jobs/query", {"operation": "query", "query": "SELECT LastName FROM Contact"})
        self.assertEqual(self.org.call("GET", DATA + "/jobs/query/%s/results" % j["id"])[2], b'"LastName"\n"q""t\n,x"\n')
        self.assertEqual(self.org.call("POST", DATA + "/jobs/query", {"operation": "query", "query": "SELECT COUNT() FROM Contact"})[0], 400)

    def ingest(self, operation, obj, text, **more):
        j = self.org.ok("POST", "/jobs/ingest", dict({"object": obj, "operation": operation, "contentType": "CSV", "lineEnding": "LF"}, **more))
        self.assertEqual(j["state"], "Open")
        self.assertFalse(j["contentUrl"].startswith("/"))
        s, _, d = self.org.call("PUT", "/" + j["contentUrl"], text, {"Content-Type": "text/csv"})
        self.assertEqual((s, d), (201, b""))
        self.org.ok("PATCH", "/jobs/ingest/" + j["id"], {"state": "UploadComplete"})
        while True:
            j = self.org.ok("GET", "/jobs/ingest/" + j["id"])
            if j["state"] not in ("UploadComplete", "InProgress"):
                return j
            time.sleep(0.01)

    def results(self, j, what):
        return list(csv.DictReader(io.StringIO(self.org.call("GET", DATA + "/jobs/ingest/%s/%s/" % (j["id"], what))[2].decode())))

    def test_ingest(self):
        text = "Name,Ext_Id__c,Parent.Ext_Id__c\n" + "".join('"n,%d",k%d,%s\n' % (i, i, "k0" if i > 300 else "") for i in range(500)) + ",bad,\n"
        j = self.ingest("insert", "Account", text)
        self.assertEqual((j["state"], j["jobType"], j["numberRecordsProcessed"], j["numberRecordsFailed"]), ("JobComplete", "V2Ingest", 501, 1))
        good = self.results(j, "successfulResults")
        self.assertEqual({r["Ext_Id__c"] for r in good}, {"k%d" % i for i in range(500)})
        self.assertEqual({r["sf__Created"] for r in good}, {"true"})
        bad = self.results(j, "failedResults")
        self.assertEqual([(r["sf__Id"], r["sf__Error"]) for r in bad], [("", "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --")])
        self.assertEqual(self.results(j, "unprocessedrecords"), [])
        self.assertEqual(self.org.soql("SELECT COUNT() FROM Account WHERE Parent.Ext_Id__c = 'k0'")["totalSize"], 199)
        ids = {r["Ext_Id__c"]: r["sf__Id"] for r in good}
        j = self.ingest("update", "Account", "Id,Name,Industry\n%s,,Energy\n%s,new,#N/A\n" % (ids["k1"], ids["k2"]))
        self.assertEqual(j["numberRecordsFailed"], 0)
        self.assertEqual(self.org.get("Account", ids["k1"], "Name,Industry")["Name"], "n,1")
        j = self.ingest("upsert", "Account", "Ext_Id__c,Name\nk1,up\nnew,made\n", externalIdFieldName="Ext_Id__c")
        self.assertEqual({r["Ext_Id__c"]: r["sf__Created"] for r in self.results(j, "successfulResults")}, {"k1": "false", "new": "true"})
        j = self.ingest("delete", "Account", "Id\n%s\n" % ids["k2"])
        self.assertEqual(j["numberRecordsFailed"], 0)
        j = self.ingest("insert", "Account", "Name,Foo\nx,y\n")
        self.assertEqual((j["state"], j["errorMessage"]), ("Failed", "InvalidBatch : Field name not found : Foo"))
        j = self.ingest("insert", "Account", "Name\r\nx\r\n")
        self.assertIn("LineEnding is invalid", j["errorMessage"])
        k = self.org.new("Contact", LastName="k", Email="k@example.com")
        j = self.ingest("insert", "Task", "Subject,Contact:Who.Email\ns,k@example.com\n")
        self.assertEqual(self.org.soql("SELECT WhoId FROM Task")["records"][0]["WhoId"], k)


class Trouble(Base):
    def test_latency_does_not_block(self):
        self.org.admin("POST", "latency", {"ms": 800})
        self.addCleanup(self.org.admin, "POST", "latency", {"ms": 0, "perRecordUs": 0})
        begun = time.monotonic()
        ts = [threading.Thread(target=self.org.ok, args=("GET", "/limits")) for _ in range(20)]
        [t.start() for t in ts]
        [t.join() for t in ts]
        self.assertTrue(0.79 < time.monotonic() - begun < 12)  # one after the other they would take sixteen

    def test_row_locks(self):
        a, b = self.org.new("Account", Name="a"), self.org.new("Account", Name="b")
        self.settings(lockWaitMs=100)
        self.lock(a)
        r = self.org.insert(rec("Contact", LastName="x", AccountId=a), rec("Contact", LastName="y", AccountId=b), rec("Contact", LastName="z"))
        self.assertEqual([x["success"] for x in r], [False, True, True])
        self.assertEqual(r[0]["errors"][0]["statusCode"], "UNABLE_TO_LOCK_ROW")
        self.assertIn(a, r[0]["errors"][0]["message"])
        self.org.admin("DELETE", "faults")
        self.held(0)
        self.assertGreater(self.org.admin("GET", "stats")["lockWaits"], 0)
        self.assertGreater(self.org.admin("GET", "stats")["lockFailures"], 0)
        self.settings(lockWaitMs=60000)
        begun = time.monotonic()
        t = threading.Thread(target=self.org.admin, args=("POST", "lock", {"ids": [a], "ms": 700}))
        t.start()
        t.join()
        self.assertGreater(time.monotonic() - begun, 0.69)
        self.assertTrue(self.org.insert(rec("Contact", LastName="x", AccountId=a))[0]["success"])

    def fault(self, kind, match="", **more):
        self.org.admin("DELETE", "faults")
        self.org.admin("POST", "faults", dict({"match": match, "kind": kind, "count": 1}, **more))

    def count(self):
        return self.org.admin("GET", "count").get("Account", 0)

    def test_fault_without_count(self):
        self.org.admin("DELETE", "faults")
        self.org.admin("POST", "faults", {"match": "GET /limits", "kind": "refused"})
        for _ in range(3):
            self.assertEqual(self.org.call("GET", DATA + "/limits")[0], 400)
        self.assertEqual(self.org.admin("GET", "faults")[0]["hits"], 3)
        self.org.admin("DELETE", "faults")

    def test_faults(self):
        post = lambda: self.org.call("POST", DATA + "/composite/sobjects", {"records": [rec("Account", Name="f")]})
        self.fault("drop-before", "POST /composite")
        self.assertRaises((http.client.HTTPException, OSError), post)
        self.assertEqual(self.count(), 0)
        self.assertEqual(self.org.admin("GET", "faults")[0]["hits"], 1)
        self.fault("drop-after", "POST /composite")
        self.assertRaises((http.client.HTTPException, OSError), post)
        self.assertEqual(self.count(), 1)
        self.fault("slow-commit", "POST /composite", ms=800)
        begun = time.monotonic()
        self.assertRaises((http.client.HTTPException, OSError), post)
        count = self.count()
        if time.monotonic() - begun < 0.8:  # else it may be there already
            self.assertEqual(count, 1)
        self.until(lambda: self.count() == 2)
        self.assertGreater(time.monotonic() - begun, 0.79)
        self.fault("cut-body", "POST /composite")
        self.assertRaises((http.client.HTTPException, OSError), post)
        self.assertEqual(self.count(), 3)
        for kind, status in (("503", 503), ("500", 500), ("429", 429), ("html", 503)):
            self.fault(kind)
            s, h, d = post()
            self.assertEqual(s, status)
            self.assertEqual("html" in h["content-type"], kind == "html")
        self.fault("lock")
        self.assertEqual(post()[2][0]["errors"][0]["statusCode"], "UNABLE_TO_LOCK_ROW")
        self.fault("delay", ms=200)
        start = time.time()
        self.assertEqual(post()[0], 200)
        self.assertGreater(time.time() - start, 0.19)
        self.fault("lock", after=1)
        self.assertTrue(post()[2][0]["success"])
        self.assertFalse(post()[2][0]["success"])
        self.assertTrue(post()[2][0]["success"])
        self.fault("session")
        self.assertEqual(post()[0], 401)
        self.assertEqual(post()[0], 401)
        self.org.login()

    def test_holds(self):
        out = []
        post = lambda: out.append(self.org.call("POST", DATA + "/composite/sobjects", {"records": [rec("Account", Name="f")]})[0])
        for kind, written in (("hold", 0), ("hold-body", 2)):
            before = self.count()
            self.fault(kind, "POST /composite", count=2)
            ts = [threading.Thread(target=post) for _ in range(2)]
            [t.start() for t in ts]
            self.held(2)
            self.assertEqual((self.count() - before, out), (written, []))
            post()
            self.assertEqual(out.pop(), 200)
            self.org.admin("DELETE", "faults")
            [t.join() for t in ts]
            self.assertEqual((self.count() - before, out), (3, [200, 200]))
            out.clear()

    def test_commit_is_last(self):
        a = self.org.new("Account", Name="a")
        self.org.admin("POST", "latency", {"ms": 400})
        self.addCleanup(self.org.admin, "POST", "latency", {"ms": 0})
        out = []
        put = lambda n: out.append(self.org.insert(rec("Contact", LastName=n, AccountId=a)))
        begun = time.monotonic()
        ts = [threading.Thread(target=put, args=(n,)) for n in "xy"]
        [t.start() for t in ts]
        time.sleep(0.2)
        count = self.org.admin("GET", "count").get("Contact", 0)
        if time.monotonic() - begun < 0.4:  # else the first may be there already
            self.assertEqual(count, 0)
        [t.join() for t in ts]
        self.assertEqual([r[0]["success"] for r in out], [True, True])
        self.assertGreater(time.monotonic() - begun, 0.75)  # one parent: one after the other

    def test_limits(self):
        self.org.admin("POST", "limits", {"dailyMax": 1000, "dailyRemaining": 2})
        self.addCleanup(self.org.admin, "POST", "limits", {"dailyMax": 15000000, "concurrent": 0})
        _, h, d = self.org.call("GET", DATA + "/limits")
        self.assertEqual(d["DailyApiRequests"], {"Max": 1000, "Remaining": 1})
        self.assertEqual(h["sforce-limit-info"], "api-usage=999/1000")
        self.org.ok("GET", "/limits")
        s, _, d = self.org.call("GET", DATA + "/limits")
        self.assertEqual((s, d), (403, [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}]))

    def test_concurrent(self):
        a, out = self.org.new("Account", Name="a"), []
        self.settings(lockWaitMs=60000)
        self.org.admin("POST", "limits", {"concurrent": 2})
        self.addCleanup(self.org.admin, "POST", "limits", {"concurrent": 0})
        self.lock(a)
        ts = [threading.Thread(target=lambda: out.append(self.org.update(rec("Account", Id=a, Name="b")))) for _ in range(2)]
        [t.start() for t in ts]
        self.until(lambda: self.org.admin("GET", "stats")["inFlight"] == 2)
        for _ in range(2):
            s, _, d = self.org.call("GET", DATA + "/limits")
            self.assertEqual((s, d[0]["message"]), (403, "ConcurrentRequests (Concurrent API Requests) Limit exceeded."))
        self.org.admin("DELETE", "faults")
        [t.join() for t in ts]
        self.assertEqual([r[0]["success"] for r in out], [True, True])
        self.assertEqual(self.org.call("GET", DATA + "/limits")[0], 200)

    def test_transport(self):
        big = {"records": [rec("Account", Name="é\u20ac\U0001F600 %d" % i, Description="d" * 500) for i in range(200)]}
        body = gzip.compress(json.dumps(big).encode())
        s, h, d = self.org.raw("POST", DATA + "/composite/sobjects", body, {"Authorization": "Bearer " + self.org.token, "Content-Type": "application/json",
                               "Content-Encoding": "gzip", "Accept-Encoding": "gzip"})
        self.assertEqual((s, h.get("content-encoding")), (200, "gzip"))
        self.assertEqual(len(json.loads(gzip.decompress(d))), 200)
        self.assertEqual(self.org.soql("SELECT Name FROM Account ORDER BY Id LIMIT 1")["records"][0]["Name"], "é\u20ac\U0001F600 0")
        c = http.client.HTTPConnection("127.0.0.1", self.org.port)
        for _ in range(3):
            c.request("POST", DATA + "/sobjects/Account", iter([b'{"Na', b'me":"chunk"}']), {"Authorization": "Bearer " + self.org.token}, encode_chunked=True)
            r = c.getresponse()
            r.read()
            self.assertEqual(r.status, 201)
        c.close()
        self.assertEqual(self.org.raw("POST", DATA + "/sobjects/Account", "{bad", {"Authorization": "Bearer " + self.org.token})[0], 400)
        self.assertEqual(self.org.call("GET", DATA + "/query?q=" + "x" * 17000)[0], 414)
        self.assertEqual(self.org.call("GET", DATA + "/nope")[0], 404)
        self.assertEqual(self.org.call("POST", DATA + "/limits")[0], 405)

    def test_admin(self):
        self.assertEqual(self.org.admin("POST", "seed", lines(rec("Contact", LastName="c", AccountId="@x"), rec("Account", Id="@x", Name="n", RecordTypeId="@recordtype:Account.Partner"))), {"Contact": 1, "Account": 1})
        a = self.org.soql("SELECT Id, RecordType.DeveloperName FROM Account")["records"][0]
        self.assertEqual(a["RecordType"]["DeveloperName"], "Partner")
        self.org.admin("POST", "update", json.dumps({"Id": a["Id"], "Name": "changed"}))
        dump = [json.loads(l) for l in self.org.raw("GET", "/__sim/dump?object=Account")[2].splitlines()]
        self.assertEqual([d["Name"] for d in dump], ["changed"])
        self.org.admin("POST", "delete", json.dumps({"Id": a["Id"]}))
        self.assertEqual(self.org.admin("GET", "count").get("Account"), None)
        self.org.admin("POST", "generate", {"object": "Account", "count": 50, "fields": 20})
        self.org.admin("POST", "generate", {"object": "Contact", "count": 70, "parent": "Account"})
        self.assertEqual(self.org.soql("SELECT COUNT() FROM Contact WHERE Account.Name LIKE '% %'")["totalSize"], 70)
        self.org.admin("DELETE", "stats")
        self.org.insert(rec("Account", Name="s"))
        st = self.org.admin("GET", "stats")
        self.assertEqual((st["byCall"], st["recordsWritten"]), ({"POST composite/sobjects": 1}, 1))


if __name__ == "__main__":
    unittest.main()
