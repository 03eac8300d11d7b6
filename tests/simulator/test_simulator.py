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


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


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
        c.request(method, path, body=body, headers=h)
        r = c.getresponse()
        data = r.read()
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
        cls.src, cls.dst = Org("src", free_port()), Org("dst", free_port())
        cls.proc = subprocess.Popen([PROGRAM, "--org", "src=%d" % cls.src.port, "--org", "dst=%d" % cls.dst.port] + args,
                                    stderr=subprocess.PIPE, text=True)
        assert cls.proc.stderr.readline() == "ready\n"
        cls.src.login()
        cls.dst.login()

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


if __name__ == "__main__":
    unittest.main()
