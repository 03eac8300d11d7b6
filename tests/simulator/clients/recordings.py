"""Recorded traffic replayed against the simulator, and recorded describes compared with its own, field by field.

A recorded request is sent as it was, but for ids (a recorded id becomes the simulator's once a reply has shown which) and the
version. Its reply must be equal: status, keys, values; times and tokens must only look alike.
"""
import glob
import json
import os
import re
import sys
import time
import urllib.parse

import yaml

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import test_simulator as sim  # noqa: E402

ID = re.compile(r"(?:(?<=%27)|\b)[a-zA-Z0-9]{3}[0-9a-zA-Z]{12}(?:[A-Z0-5]{3})?\b")
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000$")


class Match:
    """Compares replies; learns which recorded id is which of ours."""

    def __init__(self, loose=()):
        self.ids, self.diffs, self.loose = {}, [], loose

    def here(self, text):
        return ID.sub(lambda m: self.ids.get(m.group()[:15], m.group())[:len(m.group())], text)

    def diff(self, path, want, got):
        if not any(re.search(p, path) for p in self.loose):
            self.diffs.append("%s: recorded %r, here %r" % (path, want, got))

    def value(self, path, want, got):
        if isinstance(want, dict) and isinstance(got, dict):
            for k in want.keys() - got.keys():
                self.diff(path + "." + k, want[k], "nothing")
            for k in got.keys() - want.keys():
                self.diff(path + "." + k, "nothing", got[k])
            for k in want.keys() & got.keys():
                self.value(path + "." + k, want[k], got[k])
        elif isinstance(want, list) and isinstance(got, list) and self.named(want) and self.named(got):
            got = {f["name"]: f for f in got}
            for f in want:  # a recording leaves some out, and so does a schema
                if f["name"] in got:
                    self.value("%s[%s]" % (path, f["name"]), f, got[f["name"]])
        elif isinstance(want, list) and isinstance(got, list):
            if path.endswith(".records"):  # no query of the recordings asks for an order
                want, got = (sorted(rows, key=self.order) for rows in (want, got))
            if len(want) != len(got):
                self.diff(path + "[]", len(want), len(got))
            for i, (a, b) in enumerate(zip(want, got)):
                self.value("%s[%d]" % (path, i), a, b)
        elif isinstance(want, str) and isinstance(got, str):
            self.text(path, want, got)
        elif want != got or isinstance(want, bool) != isinstance(got, bool):
            self.diff(path, want, got)

    def order(self, row):
        values = {k: v for k, v in row.items() if k not in ("attributes", "Id")}
        return json.dumps(values, sort_keys=True), self.plain(self.here(row["attributes"].get("url", "")))

    @staticmethod
    def named(rows):
        return all(isinstance(f, dict) and "name" in f for f in rows)

    def text(self, path, want, got):
        there, here = ID.findall(want), ID.findall(got)
        if [i[:3] for i in there] == [i[:3] for i in here] or "a0" in want[:2]:
            for a, b in zip(there, here):
                self.ids.setdefault(a[:15], b)
        if TIME.match(want) and TIME.match(got):
            return
        if self.plain(self.here(want)) != self.plain(got):
            self.diff(path, want, got)

    @staticmethod
    def plain(text):
        text = re.sub(r"^https?://[^/]*|(?<=/\d\d\.0/)00D\w*", "", text)
        return re.sub(r"/(v[0-9x]+\.0|<api_version>)(?=/|$)", "/v", text)


class Recordings(sim.Base):
    def setUp(self):
        super().setUp()
        before = self.org.admin("GET", "settings")["emailCase"]
        self.org.admin("POST", "settings", {"emailCase": "lower"})
        self.addCleanup(self.org.admin, "POST", "settings", {"emailCase": before})

    def same(self, match):
        if match.diffs:
            self.fail("\n".join([""] + match.diffs))

    def replay(self, name, method, uri, body, status, want, match, version):
        uri = re.sub(r"^https://[^/]*", "", uri)
        uri = re.sub(r"(%3C|%3E=)%20\d{4}-[0-9T:%A-]*Z", lambda m: m.group(1) + ("%202099" if m.group(1) == "%3C" else "%202000") + "-01-01T00:00:00Z", uri)
        uri, body = (re.sub(r"vxx\.0|<api_version>", version, t or "") for t in (uri, body))
        body = re.sub(r"(If-Modified-Since\": \"...), (.. ...) \d{4}", r"\1, \2 2099", body)
        headers = {"Authorization": "Bearer " + self.org.token, "Content-Type": "application/json"}
        if "/oauth2/" in uri:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urllib.parse.urlencode({"grant_type": "password", "client_id": "orgsync", "client_secret": "orgsync-secret",
                                           "username": "admin@src.example", "password": "simulator"})
        s, _, data = self.org.raw(method.upper(), match.here(uri), match.here(body) or None, headers)
        got = json.loads(data) if data else None
        path = "%s %s %s" % (name, method.upper(), uri[:60])
        if s != status:
            match.diff(path + " status", (status, want), (s, got))
        elif want is not None or got is not None:
            match.value(path, want, got)


def interactions(path):
    with open(path, encoding="utf-8") as f:
        doc = yaml.load(f, Loader=yaml.CBaseLoader if hasattr(yaml, "CBaseLoader") else yaml.BaseLoader)
    for i in doc.get("http_interactions") or doc.get("interactions"):
        if "request" not in i:
            continue
        q, r = i["request"], i["response"]
        text = lambda b: b.get("string", "") if isinstance(b, dict) else "" if b in (None, "null") else b
        reply = text(r["body"])
        yield q["method"], q["uri"], text(q["body"]), int(r["status"]["code"]), json.loads(reply) if reply.strip() else None


# What an org of another name, age, edition and number of records says otherwise.
TOKEN = (r"token\.(access_token|signature|issued_at)$", r"token\.refresh_token$")
OTHER_ORG = (r" GET /id/\w+/\w+\.(first_name|last_name|display_name|nick_name|username|email|addr_zip|photos\.\w+)$", r"/v\d\d\.0/\.\w+$",
             r"(ETag|Last-Modified)$", r"recordCount\S*\.sObjects\[\w*\](\.count)?$", r"composite\S*\[\d\]\.body\.totalSize$")
# Labels, links to pages, and flags of the user interface and of search; parents among objects that are not simulated.
DESCRIBE = (r"[lL]abel(Plural)?$", r"\.urls\.\w+$", r"childRelationships", r"searchPrefilterable$", r"extraTypeInfo$", r"referenceTo\[(\d+)?\]$",
            r"\.(feed|mru)Enabled$", r"\.search(Layout)?able$", r"\.deepCloneable$", r"RecurrenceTimeZoneSidKey\]\.picklistValues",
            r"\.(supportedScopes|actionOverrides|namedLayoutInfos)\b", r"Mapping$")
# Keys and values of fields that came after the recording, or that no sync looks at.
SOME = (r"\[(ChannelProgram(Level)?Name|HasOpenActivity|HasOverdueTask|Comments|CaseNumber|Subject|Fiscal|ActivityDate)\]\.(sort|filter|group|aggregat)able$",
        r"\[(Comments|Fiscal)\]\.byteLength$", r"\[Jigsaw\w+\]\.relationshipName$", r"\[Primary_Contact__c\]\.", r"\]\.defaultValue$",
        r"\[(ClosedDate|ExpectedRevenue)\]\.permissionable$",
        r"\.(sobjectDescribeOption|associateEntityType|associateParentEntity)$")


class Older(Match):
    """Keys that only we have came with later versions of the API."""

    def diff(self, path, want, got):
        if want != "nothing" or ".fields[" not in path and "describe." not in path:
            super().diff(path, want, got)


class Replay(Recordings):
    """Made by a tool that syncs Salesforce with a database: its custom objects are made from the recorded describes."""

    def conversation(self, path, match, version):
        seen = list(interactions(path))
        for _, uri, _, _, reply in seen:
            if uri.endswith("/describe"):
                self.org.admin("POST", "schema", reply)
        self.assertTrue(seen)
        for n, one in enumerate(seen):
            self.replay(str(n), *one, match, version)
        self.same(match)

    def test_database_sync(self):
        for path in sorted(glob.glob(sim.FIXTURES + "/rest/restforce-db-cassettes/*.yml")):
            with self.subTest(recording=os.path.basename(path)):
                self.org.admin("POST", "reset")
                self.conversation(path, Older(TOKEN + OTHER_ORG + DESCRIBE + SOME + (r"OwnerId\]\.permissionable$",)), "v26.0")

    def test_loads(self):
        for name in ("TestCompositeParallelSalesforce.test_composite_parallel_salesforce", "TestCompositeParallelSalesforce.test_errors",
                     "TestCompositeParallelSalesforce.test_reference_ids", "ManualEditTestCompositeParallelSalesforce.test_http_headers",
                     "TestCountSObjects.test_count_sobjects__errors", "TestCountSObjects.test_count_sobjects_simple", "TestUpsert.test_simple_upsert__rest",
                     "TestUpsert.test_upsert__rest", "TestUpsert.test_upsert_complex_external_id_field__rest",
                     "TestUpsert.test_upsert_complex_external_id_field_rest__duplicate_error"):
            with self.subTest(recording=name):
                self.org.admin("POST", "reset")
                self.conversation("%s/rest/cumulusci-cassettes/%s.yaml" % (sim.FIXTURES, name), Match(OTHER_ORG), "v60.0")


class Describes(Recordings):
    def test_objects(self):
        for path in sorted(glob.glob(sim.FIXTURES + "/describe/cumulusci/*.json")):
            with open(path, encoding="utf-8") as f:
                want = json.load(f)
            if "fields" not in want or "PersonAccount" in path or want["name"] == "Custom__c":
                continue
            with self.subTest(describe=os.path.basename(path)):
                match = Match(DESCRIBE + SOME)
                got = self.org.ok("GET", "/sobjects/%s/describe" % want["name"])
                match.value(want["name"], want, got)
                self.same(match)
                mine = {f["name"] for f in got["fields"]}
                self.assertEqual({f["name"] for f in want["fields"] if not f["name"].endswith("__c")} - mine, set())

    def test_global(self):
        with open(sim.FIXTURES + "/describe/cumulusci/Global.json", encoding="utf-8") as f:
            want = json.load(f)
        match = Match(DESCRIBE + (r"associate(Parent)?Entity(Type)?$", r"\.(layout|trigger|merge)able$", r"(Event|Lead)\]\.keyPrefix$"))
        match.value("global", want, self.org.ok("GET", "/sobjects"))
        self.same(match)


class Bodies(Recordings):
    """Single replies, most of them samples: the same keys and kinds of values."""

    def shape(self, v):
        if isinstance(v, dict):
            return {k: self.shape(x) for k, x in v.items()}
        if isinstance(v, list):
            return [self.shape(x) for x in v[:1]]
        return "number" if isinstance(v, (int, float)) and not isinstance(v, bool) else type(v).__name__

    def check(self, name, got, more=()):
        with open("%s/rest/restforce/%s.json" % (sim.FIXTURES, name), encoding="utf-8") as f:
            want = json.load(f)
        with self.subTest(reply=name):
            got = {k: v for k, v in got.items() if k not in more} if isinstance(got, dict) else got
            self.assertEqual(self.shape(got), self.shape(want))
            if isinstance(want, list) and want and "errorCode" in want[0]:
                self.assertEqual(got[0]["errorCode"], want[0]["errorCode"])

    def token(self, **form):
        form = dict({"client_id": "orgsync", "client_secret": "orgsync-secret"}, **form)
        return json.loads(self.org.raw("POST", "/services/oauth2/token", urllib.parse.urlencode(form))[2])

    def test_auth(self):
        user = {"grant_type": "password", "username": "admin@src.example"}
        self.check("auth_success_response", self.token(password="simulator", **user), ("token_type",))
        self.check("auth_error_response", self.token(password="wrong", **user))
        self.check("refresh_success_response", self.token(grant_type="refresh_token", refresh_token="refresh-src"), ("token_type",))
        self.check("refresh_error_response", self.token(grant_type="refresh_token", refresh_token="wrong"))
        self.check("expired_session_response", json.loads(self.org.raw("GET", sim.DATA + "/limits", headers={"Authorization": "Bearer x"})[2]))
        self.check("services_data_success_response", json.loads(self.org.raw("GET", "/services/data")[2]))

    def test_records(self):
        call = lambda *args: self.org.call(*args)[2]
        made = call("POST", sim.DATA + "/sobjects/Account", {"Name": "a"})
        self.check("sobject/create_success_response", made)
        self.check("sobject/write_error_response", call("POST", sim.DATA + "/sobjects/Account", {"foo": "a"}))
        self.check("sobject/upsert_created_success_response", call("PATCH", "/services/data/v26.0/sobjects/Account/Ext_Id__c/x", {"Name": "x"}))
        self.check("sobject/upsert_error_response", call("PATCH", sim.DATA + "/sobjects/Account/Namez/x", {"Name": "x"}))
        self.check("sobject/delete_error_response", call("DELETE", sim.DATA + "/sobjects/Account/rid/x"))
        self.check("sobject/sobject_find_error_response", call("GET", sim.DATA + "/sobjects/Account/23foo/x"))
        self.check("sobject/sobject_describe_error_response", call("GET", sim.DATA + "/sobjects/Whizbang/describe"))
        self.check("sobject/query_empty_response", self.org.soql("SELECT Id FROM Lead"))
        self.check("sobject/query_error_response", call("GET", sim.DATA + "/query?q=SELECT+Nope+FROM+Account"))
        self.check("sobject/org_query_response", self.org.soql("SELECT Id FROM Organization"))
        for _ in range(2):
            self.org.new("Contact", LastName="x", Email="two@example.com")
        self.check("sobject/upsert_multiple_error_response", call("PATCH", sim.DATA + "/sobjects/Contact/Email/two@example.com", {"LastName": "y"}))
        call("DELETE", sim.DATA + "/sobjects/Account/" + made["id"])
        window = "?start=2099-01-01T00:00:00Z&end=2099-01-02T00:00:00Z"
        self.check("sobject/get_deleted_success_response", dict(self.org.ok("GET", "/sobjects/Account/deleted/" + self.now())))
        self.check("sobject/get_updated_success_response", dict(self.org.ok("GET", "/sobjects/Account/updated/" + self.now())))
        self.assertEqual(call("GET", sim.DATA + "/sobjects/Account/updated/" + window)["ids"], [])

    @staticmethod
    def now():
        at = lambda s: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + s))
        return "?start=%s&end=%s" % (at(-600), at(120))

    def test_organization(self):
        with open(sim.FIXTURES + "/rest/cumulusci/Organization_record.json", encoding="utf-8") as f:
            want = json.load(f)
        org = self.org.soql("SELECT Id FROM Organization")["records"][0]["Id"]
        got = self.org.ok("GET", "/sobjects/Organization/" + org)
        self.assertEqual({k: type(v) for k, v in got.items() if v is not None and want.get(k) is not None and k in want},
                         {k: type(want[k]) for k, v in got.items() if v is not None and want.get(k) is not None})
        self.assertEqual(set(got) - set(want), set())
