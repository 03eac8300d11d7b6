#!/usr/bin/env python3
"""Holds the simulator's Bulk API 2.0 against the wire facts: life cycles, results, limits, faults."""
import csv
import http.client
import io
import os
import sys
import time
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_simulator as sim  # noqa: E402

DATA = sim.DATA
DEAD = (http.client.HTTPException, OSError)


class Bulk(sim.Base):
    def create(self, operation="insert", obj="Account", **more):
        return self.org.ok("POST", "/jobs/ingest", dict({"object": obj, "operation": operation, "contentType": "CSV"}, **more))

    def put(self, j, text, **headers):
        return self.org.call("PUT", "/" + j["contentUrl"], text, dict({"Content-Type": "text/csv"}, **headers))

    def patch(self, j, state, kind="ingest"):
        return self.org.call("PATCH", DATA + "/jobs/%s/%s" % (kind, j["id"]), {"state": state})

    def look(self, j, kind="ingest"):
        return self.org.ok("GET", "/jobs/%s/%s" % (kind, j["id"]))

    def wait(self, j, want=lambda j: j["state"] in ("JobComplete", "Failed", "Aborted"), kind="ingest"):
        end = time.time() + 30
        while time.time() < end:
            j = self.look(j, kind)
            if want(j):
                return j
            time.sleep(0.01)
        raise AssertionError(j)

    def start(self, text, operation="insert", obj="Account", **more):
        j = self.create(operation, obj, **more)
        s, _, d = self.put(j, text)
        self.assertEqual((s, d), (201, b""))
        s, _, d = self.patch(j, "UploadComplete")
        self.assertEqual((s, d["state"]), (200, "UploadComplete"))
        return j

    def run_job(self, text, operation="insert", obj="Account", **more):
        return self.wait(self.start(text, operation, obj, **more))

    def file(self, j, what, args=""):
        s, h, d = self.org.call("GET", DATA + "/jobs/ingest/%s/%s/%s" % (j["id"], what, args))
        self.assertEqual(s, 200)
        rows = list(csv.reader(io.StringIO(d.decode()), delimiter=","))
        return h, rows[0], [dict(zip(rows[0], r)) for r in rows[1:]]

    def rows(self, j, what):
        return self.file(j, what)[2]

    def failed(self, text, message, **more):
        j = self.run_job(text, **more)
        self.assertEqual(j["state"], "Failed")
        self.assertIn(message, j["errorMessage"])
        return j

    def errors(self, j):
        return [r["sf__Error"] for r in self.rows(j, "failedResults")]

    def names(self, n, first=0):
        return "Name,Ext_Id__c\n" + "".join("n%d,k%d\n" % (i, i) for i in range(first, first + n))


class Ingest(Bulk):
    def test_shape(self):
        s, _, j = self.org.call("POST", DATA + "/jobs/ingest", {"object": "account", "operation": "upsert", "externalIdFieldName": "ext_id__c", "lineEnding": "LF"})
        self.assertEqual(s, 200)
        self.assertEqual(set(j), {"id", "operation", "object", "createdById", "createdDate", "systemModstamp", "state", "externalIdFieldName", "concurrencyMode",
                                  "contentType", "apiVersion", "contentUrl", "lineEnding", "columnDelimiter"})
        self.assertEqual((j["object"], j["externalIdFieldName"], j["apiVersion"], j["concurrencyMode"]), ("Account", "Ext_Id__c", 60.0, "Parallel"))
        self.assertEqual(j["contentUrl"], "services/data/v60.0/jobs/ingest/%s/batches" % j["id"])
        self.assertEqual((j["id"][:3], len(j["id"])), ("750", 18))
        full = self.look(j)
        self.assertEqual({k: full[k] for k in ("jobType", "numberRecordsProcessed", "numberRecordsFailed", "retries")},
                         {"jobType": "V2Ingest", "numberRecordsProcessed": 0, "numberRecordsFailed": 0, "retries": 0})
        self.assertTrue({"totalProcessingTime", "apiActiveProcessingTime", "apexProcessingTime"} <= set(full))
        for bad, code in (({"object": "Nope", "operation": "insert"}, "INVALIDENTITY"), ({"object": "Account", "operation": "merge"}, "JSON_PARSER_ERROR"),
                          ({"object": "Account", "operation": "upsert"}, "INVALIDJOB"), ({"object": "Account", "operation": "insert", "columnDelimiter": "X"}, "JSON_PARSER_ERROR"),
                          ({"object": "Account", "operation": "insert", "contentType": "XML"}, "JSON_PARSER_ERROR")):
            s, _, d = self.org.call("POST", DATA + "/jobs/ingest", bad)
            self.assertEqual((s, d[0]["errorCode"]), (400, code))

    def test_states(self):
        j = self.create()
        self.assertEqual(self.org.call("GET", DATA + "/jobs/ingest/%s/successfulResults" % j["id"])[0], 400)
        self.assertEqual(self.org.call("DELETE", DATA + "/jobs/ingest/" + j["id"])[0], 400)
        self.assertEqual(self.put(j, "Name\nx\n", **{"Content-Type": "application/json"})[0], 415)
        self.assertEqual(self.put(j, "Name\nx\n")[0], 201)
        s, _, d = self.put(j, "Name\ny\n")
        self.assertEqual((s, d[0]["errorCode"]), (400, "INVALIDJOBSTATE"))
        self.assertEqual(self.patch(j, "JobComplete")[0], 400)
        self.assertEqual(self.patch(j, "UploadComplete")[0], 200)
        self.wait(j)
        self.assertEqual(self.put(j, "Name\ny\n")[0], 400)
        for state in ("UploadComplete", "Aborted"):
            s, _, d = self.patch(j, state)
            self.assertEqual((s, d[0]["errorCode"]), (400, "INVALIDJOBSTATE"))
        self.assertEqual(self.org.call("DELETE", DATA + "/jobs/ingest/" + j["id"])[0], 204)
        self.assertEqual(self.org.call("GET", DATA + "/jobs/ingest/" + j["id"])[2], [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}])
        self.assertEqual(self.org.admin("GET", "count")["Account"], 1)

    def test_abort_before(self):
        j = self.create()
        self.put(j, self.names(3))
        self.assertEqual(self.patch(j, "Aborted")[2]["state"], "Aborted")
        self.assertEqual((len(self.rows(j, "unprocessedrecords")), self.rows(j, "successfulResults")), (3, []))
        self.assertEqual(self.patch(self.create(), "Aborted")[0], 200)
        self.settings(bulkDelayMs=600000)
        j = self.start(self.names(2))
        self.assertEqual(self.look(j)["state"], "UploadComplete")
        self.assertEqual(self.patch(j, "Aborted")[0], 200)
        self.assertEqual(len(self.rows(j, "unprocessedrecords")), 2)
        j = self.start(self.names(2))
        self.assertEqual(self.org.call("DELETE", DATA + "/jobs/ingest/" + j["id"])[0], 204)
        self.settings(bulkDelayMs=200)
        j = self.start(self.names(2, 5))
        self.wait(j)
        self.assertEqual(self.org.admin("GET", "count").get("Account", 0), 2)  # of that one alone

    def test_abort_between_batches(self):
        self.org.admin("POST", "faults", {"match": "PATCH /jobs/ingest", "kind": "hold-job", "batches": 1})
        left = self.org.ok("GET", "/limits")["DailyBulkApiBatches"]["Remaining"]
        j = self.start(self.names(25000))
        self.held(1)
        seen = self.look(j)
        self.assertEqual((seen["state"], seen["numberRecordsProcessed"]), ("InProgress", 10000))
        self.assertEqual(self.org.admin("GET", "count")["Account"], 10200)
        self.assertEqual(self.patch(j, "Aborted")[0], 200)
        good, rest = self.rows(j, "successfulResults"), self.rows(j, "unprocessedrecords")
        self.assertEqual((len(good), len(rest)), (20000, 5000))
        self.assertEqual({r["Ext_Id__c"] for r in rest}, {"k%d" % i for i in range(20000, 25000)})
        self.assertEqual((self.look(j)["state"], self.look(j)["numberRecordsProcessed"]), ("Aborted", 20000))
        self.assertEqual(self.org.admin("GET", "count")["Account"], 20000)
        self.assertEqual(self.org.ok("GET", "/limits")["DailyBulkApiBatches"]["Remaining"], left - 2)

    def test_results_are_mixed(self):
        j = self.run_job("Name,Ext_Id__c\n" + "".join("%s,k%d\n" % ("" if i % 10 == 0 else "n", i) for i in range(1000)))
        self.assertEqual((j["numberRecordsProcessed"], j["numberRecordsFailed"]), (1000, 100))
        h, head, good = self.file(j, "successfulResults")
        self.assertEqual(head, ["sf__Id", "sf__Created", "Ext_Id__c", "Name"])
        self.assertEqual(h["sforce-locator"], "null")
        order = [int(r["Ext_Id__c"][1:]) for r in good]
        self.assertEqual(sorted(order), [i for i in range(1000) if i % 10])
        self.assertGreater(sum(b != a + 1 for a, b in zip(order, order[1:])), 800)
        h, head, bad = self.file(j, "failedResults")
        self.assertEqual((head, len(bad)), (["sf__Id", "sf__Error", "Ext_Id__c", "Name"], 100))
        self.assertEqual(bad[0]["sf__Error"], "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --")
        self.assertEqual(self.file(j, "unprocessedrecords")[1:], (["Ext_Id__c", "Name"], []))

    def pages(self, j, what, args):
        seen, locator, n = [], "", 0
        while locator != "null":
            h, _, rows = self.file(j, what, "?" + args + ("&locator=" + urllib.parse.quote(locator) if locator else ""))
            self.assertEqual(int(h["sforce-numberofrecords"]), len(rows))
            seen, locator, n = seen + [r["Ext_Id__c"] for r in rows], h["sforce-locator"], n + 1
        return seen, n

    def test_result_pages(self):
        j = self.run_job("Name,Ext_Id__c\n" + "".join("%s,k%d\n" % ("" if i % 2 else "n", i) for i in range(1000)))
        seen, n = self.pages(j, "successfulResults", "maxRecords=100")
        self.assertEqual((len(seen), len(set(seen)), n), (500, 500, 5))
        self.settings(resultRows=200)
        seen, n = self.pages(j, "failedResults", "")
        self.assertEqual((len(set(seen)), n), (500, 3))
        self.assertEqual(self.org.call("GET", DATA + "/jobs/ingest/%s/failedResults?locator=x" % j["id"])[0], 400)

    def test_unreadable(self):
        for text, message in (("Name,Foo\nx,y\n", "InvalidBatch : Field name not found : Foo"), ("Name\r\nx\r\n", "LineEnding is invalid on user data. Current LineEnding setting is LF"),
                              ("Name,BillingAddress\nx,y\n", "not found : BillingAddress"), ("Name,Name\nx,y\n", "Duplicate column"), ('Name\n "x"\n', "quote"),
                              ('Name\n"x" \n', "quote"), ('Name\n"x\n', "not closed"), ("Name,Phone\nx\n", "number of values"), ("Name,User:Parent.Username\nx,y\n", "not found"),
                              ("Name,Parent.Phone\nx,y\n", "not found"), ("Name,Description\nx,%s\n" % ("d" * 32001), "more characters")):
            j = self.failed(text, message)
            self.assertEqual((j["numberRecordsProcessed"], self.rows(j, "successfulResults")), (0, []))
        self.failed("Subject,Who.Email\nx,y\n", "not found", obj="Task")
        self.failed("Id,Name\n,x\n", "not found", operation="delete")
        self.failed("Name\nx\n", "Current LineEnding setting is CRLF", lineEnding="CRLF")
        j = self.failed("Name,Foo\nx,y\nx,z\n", "Foo")
        self.assertEqual([r["Foo"] for r in self.rows(j, "unprocessedrecords")], ["y", "z"] if self.rows(j, "unprocessedrecords")[0]["Foo"] == "y" else ["z", "y"])
        j = self.failed(self.names(10500) + "one\n", "number of values")
        self.assertEqual((j["numberRecordsProcessed"], len(self.rows(j, "successfulResults")), len(self.rows(j, "unprocessedrecords"))), (10000, 10000, 500))

    def test_values(self):
        text = 'Name;Description;Industry;Parent.Ext_Id__c;AnnualRevenue\r\n"a;""b";"two\nlines";Energy;;3.5E8\r\n\r\n'
        j = self.run_job(text, lineEnding="CRLF", columnDelimiter="SEMICOLON")
        self.assertEqual((j["state"], j["numberRecordsFailed"], j["lineEnding"], j["columnDelimiter"]), ("JobComplete", 0, "CRLF", "SEMICOLON"))
        a = self.org.soql("SELECT Id, Name, Description, Industry, AnnualRevenue FROM Account")["records"][0]
        self.assertEqual((a["Name"], a["Description"], a["AnnualRevenue"]), ('a;"b', "two\nlines", 3.5e8))
        raw = self.org.call("GET", DATA + "/jobs/ingest/%s/successfulResults" % j["id"])[2]
        self.assertTrue(raw.startswith(b'"sf__Id";"sf__Created";"AnnualRevenue"'))
        self.assertTrue(raw.endswith(b'"3.5E8";"";"Energy";"two\nlines";"a;""b"\r\n'))
        j = self.run_job("\ufeffId,Industry,Description\n%s,#N/A,\n" % a["Id"], "update")
        self.assertEqual(j["numberRecordsFailed"], 0)
        b = self.org.get("Account", a["Id"], "Industry,Description")
        self.assertEqual((b["Industry"], b["Description"]), (None, "two\nlines"))
        self.settings(csvFieldChars=131072)
        self.assertEqual(self.run_job("Name,Description\nx,%s\n" % ("d" * 32000))["numberRecordsFailed"], 0)

    def test_relations(self):
        self.org.new("Account", Name="p", Ext_Id__c="p")
        k = self.org.new("Contact", LastName="k", Email="k@example.com")
        j = self.run_job("Name,Parent.Ext_Id__c,Ext_Id__c\na,p,a\nb,gone,b\n")
        self.assertEqual(self.errors(j), ["INVALID_FIELD:Foreign key external ID: gone not found for field Ext_Id__c in entity Account:ParentId --"])
        self.assertEqual(self.rows(j, "failedResults")[0]["sf__Id"], "")
        j = self.run_job("Subject,Contact:Who.Email,User:Owner.Username\ns,k@example.com,admin@src.example\n", obj="Task")
        self.assertEqual((j["numberRecordsFailed"], self.org.soql("SELECT WhoId FROM Task")["records"][0]["WhoId"]), (0, k))

    def test_writes(self):
        a, b = self.org.new("Account", Name="a", Ext_Id__c="a"), self.org.new("Account", Name="b")
        self.org.call("DELETE", DATA + "/sobjects/Account/" + b)
        k = self.org.new("Contact", LastName="k")
        j = self.run_job("Id,Name\n%s,x\n%s,y\n,z\n%s,w\n" % (a[:15], b, k), "update")
        self.assertEqual(sorted(self.errors(j)), ["ENTITY_IS_DELETED:entity is deleted:--", "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--",
                                                  "MISSING_ARGUMENT:Id not specified in an update call:Id --"])
        j = self.run_job("Ext_Id__c,Name\na,up\nb,new\n,none\n", "upsert", externalIdFieldName="Ext_Id__c")
        self.assertEqual({r["Ext_Id__c"]: r["sf__Created"] for r in self.rows(j, "successfulResults")}, {"a": "false", "b": "true"})
        self.assertEqual(self.errors(j), ["MISSING_ARGUMENT:Ext_Id__c not specified:--"])
        j = self.run_job("Id,Name\n,fine\n%s,bad\n" % a, "insert")
        self.assertEqual((j["numberRecordsProcessed"], len(self.errors(j))), (2, 1))
        j = self.run_job("Id\n%s\n" % a, "hardDelete")
        self.assertEqual((j["numberRecordsFailed"], self.rows(j, "successfulResults")[0]["sf__Created"]), (0, "false"))
        self.assertEqual(self.org.soql("SELECT COUNT() FROM Account WHERE Id = '%s'" % a, "/queryAll")["totalSize"], 0)
        self.assertEqual(self.org.soql("SELECT COUNT() FROM Account WHERE Id = '%s'" % b, "/queryAll")["totalSize"], 1)

    def test_one_shot(self):
        def post(data):
            body = ('--X\r\nContent-Disposition: form-data; name="job"\r\nContent-Type: application/json\r\n\r\n{"object":"Account","operation":"insert"}\r\n'
                    '--X\r\nContent-Disposition: form-data; name="content"; filename="content"\r\nContent-Type: text/csv\r\n\r\n%s\r\n--X--\r\n' % data)
            return self.org.call("POST", DATA + "/jobs/ingest", body, {"Content-Type": "multipart/form-data; boundary=X"})
        s, _, j = post("Name\none\ntwo\n")
        self.assertEqual((s, j["state"]), (200, "UploadComplete"))
        self.assertEqual(self.wait(j)["numberRecordsProcessed"], 2)
        s, _, d = post("Name\n" + "x" * 100001)
        self.assertEqual((s, d[0]["errorCode"]), (400, "CLIENTINPUTERROR"))

    def test_limits(self):
        self.settings(uploadBytes=50)
        j = self.create()
        s, _, d = self.put(j, self.names(10))
        self.assertEqual((s, d[0]["errorCode"]), (400, "CLIENTINPUTERROR"))
        self.settings(uploadBytes=100000000)
        self.org.admin("POST", "limits", {"bulkBatchesRemaining": 2, "bulkQueryJobsRemaining": 1})
        self.addCleanup(self.org.admin, "POST", "limits", {"bulkBatchesMax": 15000, "bulkQueryJobsMax": 10000})
        self.assertEqual(self.org.ok("GET", "/limits")["DailyBulkV2QueryJobs"], {"Max": 10000, "Remaining": 1})
        j = self.run_job(self.names(30000))
        self.assertEqual((j["state"], j["numberRecordsProcessed"], j["errorMessage"].split(" ")[0]), ("Failed", 20000, "ExceededQuota"))
        self.assertEqual((len(self.rows(j, "successfulResults")), len(self.rows(j, "unprocessedrecords"))), (20000, 10000))
        s, _, d = self.org.call("POST", DATA + "/jobs/ingest", {"object": "Account", "operation": "insert"})
        self.assertEqual((s, d[0]["errorCode"]), (400, "EXCEEDEDQUOTA"))
        q = {"operation": "query", "query": "SELECT Id FROM Account LIMIT 1"}
        self.org.ok("POST", "/jobs/query", q)
        s, _, d = self.org.call("POST", DATA + "/jobs/query", q)
        self.assertEqual((s, d[0]["errorCode"]), (400, "EXCEEDEDQUOTA"))

    def test_keeping(self):
        j = self.run_job("Name\nx\n")
        self.settings(bulkKeepSeconds=0)
        time.sleep(0.01)
        self.assertEqual(self.org.call("GET", DATA + "/jobs/ingest/" + j["id"])[0], 404)
        self.assertEqual(self.org.ok("GET", "/jobs/ingest")["records"], [])
        self.settings(bulkKeepSeconds=604800)
        for _ in range(1001):
            self.create()
        page = self.org.ok("GET", "/jobs/ingest")
        self.assertEqual((len(page["records"]), page["done"]), (1000, False))
        self.assertTrue(self.org.call("GET", page["nextRecordsUrl"])[2]["done"])


class Faults(Bulk):
    def fault(self, kind, match, **kw):
        self.org.admin("DELETE", "faults")
        self.org.admin("POST", "faults", dict({"match": match, "kind": kind, "count": 1}, **kw))

    def test_replies_lost(self):
        self.fault("drop-after", "POST /jobs/ingest")
        self.assertRaises(DEAD, self.create)
        self.assertEqual([j["state"] for j in self.org.ok("GET", "/jobs/ingest")["records"] if j["state"] == "Open"][:1], ["Open"])
        j = self.create()
        self.fault("drop-before", "PUT /jobs")
        self.assertRaises(DEAD, self.put, j, "Name\nx\n")
        self.fault("cut-body", "PUT /jobs")
        self.assertRaises(DEAD, self.put, j, "Name\nx\n")
        self.assertEqual(self.put(j, "Name\nx\n")[0], 400)
        self.fault("cut-body", "PATCH /jobs")
        self.assertRaises(DEAD, self.patch, j, "UploadComplete")
        self.assertEqual(self.wait(j)["numberRecordsProcessed"], 1)
        self.fault("cut-body", "successfulResults")
        self.assertRaises(DEAD, self.rows, j, "successfulResults")
        j = self.create()
        self.put(j, "Name\nx\n")
        self.fault("drop-after", "PATCH /jobs")
        self.assertRaises(DEAD, self.patch, j, "UploadComplete")
        self.wait(j)
        j = self.create()
        self.put(j, "Name\nx\n")
        self.fault("slow-commit", "PATCH /jobs", ms=800)
        begun = time.monotonic()
        self.assertRaises(DEAD, self.patch, j, "UploadComplete")
        state = self.look(j)["state"]
        if time.monotonic() - begun < 0.8:  # else it may be closed already
            self.assertEqual(state, "Open")
        self.wait(j)
        self.assertEqual(self.org.admin("GET", "count")["Account"], 3)

    def test_refused(self):
        j = self.create()
        for kind, status in (("503", 503), ("html", 503), ("429", 429)):
            self.fault(kind, "PUT /jobs")
            self.assertEqual(self.put(j, "Name\nx\n")[0], status)
        self.fault("session", "PUT /jobs")
        self.assertEqual(self.put(j, "Name\nx\n")[0], 401)
        self.org.login()
        self.assertEqual(self.put(j, "Name\nx\n")[0], 201)
        self.fault("session", "GET /jobs")
        self.patch(j, "UploadComplete")
        self.assertEqual(self.org.call("GET", DATA + "/jobs/ingest/" + j["id"])[0], 401)
        self.org.login()
        self.assertEqual(self.wait(j)["state"], "JobComplete")

    def test_job_fails(self):
        self.fault("fail-job", "PATCH /jobs/ingest", batches=1)
        j = self.run_job(self.names(15000))
        self.assertEqual((j["state"], j["numberRecordsProcessed"], j["numberRecordsFailed"]), ("Failed", 10000, 0))
        self.assertEqual([len(self.rows(j, f)) for f in ("successfulResults", "failedResults", "unprocessedrecords")], [10000, 0, 5000])
        self.fault("fail-job", "PATCH /jobs/ingest")
        j = self.failed(self.names(5, 20000), "InternalServerError")
        self.assertEqual(j["numberRecordsProcessed"], 0)

    def test_rows_fail(self):
        self.fault("lock", "PATCH /jobs/ingest", rows=0.3)
        j = self.run_job(self.names(1000))
        self.assertEqual(j["state"], "JobComplete")
        self.assertTrue(200 < j["numberRecordsFailed"] < 400)
        self.assertEqual(set(self.errors(j)), {"UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 1 records:--"})
        self.fault("row-error", "PATCH /jobs/ingest")
        self.assertEqual(self.run_job(self.names(3, 5000))["numberRecordsFailed"], 3)
        self.fault("lock", "POST /composite", rows=0.5)
        made = [r["success"] for r in self.org.insert(*[sim.rec("Account", Name="x") for _ in range(200)])]
        self.assertTrue(50 < sum(made) < 150)

    def test_row_locks(self):
        a = self.org.new("Account", Name="a")
        for ms in (600, 2400, 9600):  # it may not have begun when we look, or be over
            self.settings(bulkBatchMs=ms, lockWaitMs=100)
            before = self.org.admin("GET", "count").get("Contact", 0)
            j = self.start("LastName,AccountId\nx,%s\n" % a, obj="Contact")
            time.sleep(0.2)
            during = self.org.admin("GET", "count").get("Contact", 0) - before
            errors = [e["statusCode"] for e in self.org.update(sim.rec("Account", Id=a, Name="b"))[0]["errors"]]
            self.assertEqual(self.wait(j)["numberRecordsFailed"], 0)
            if (during, errors) == (0, ["UNABLE_TO_LOCK_ROW"]):
                break
        self.assertEqual((during, errors), (0, ["UNABLE_TO_LOCK_ROW"]))


class Query(Bulk):
    def query(self, soql, **more):
        return self.org.ok("POST", "/jobs/query", dict({"operation": "query", "query": soql}, **more))

    def results(self, j, args=""):
        s, h, d = self.org.call("GET", DATA + "/jobs/query/%s/results%s" % (j["id"], args), headers={"Accept": "text/csv"})
        self.assertEqual(s, 200)
        return h, d

    def rows_of(self, j, args=""):
        return list(csv.reader(io.StringIO(self.results(j, args)[1].decode())))[1:]

    def test_life(self):
        self.settings(bulkDelayMs=600000)
        self.org.new("Account", Name="a")
        j = self.query("SELECT Id FROM Account")
        self.assertEqual(j["state"], "UploadComplete")
        self.assertNotIn("contentUrl", j)
        self.assertEqual(self.look(j, "query")["numberRecordsProcessed"], 0)
        s, _, d = self.org.call("GET", DATA + "/jobs/query/%s/results" % j["id"])
        self.assertEqual((s, d[0]["errorCode"]), (400, "INVALIDJOBSTATE"))
        self.settings(earlyResults="404")
        self.assertEqual(self.org.call("GET", DATA + "/jobs/query/%s/results" % j["id"])[0], 404)
        s, _, d = self.org.call("DELETE", DATA + "/jobs/query/" + j["id"])
        self.assertEqual((s, d[0]), (400, {"errorCode": "API_ERROR", "message": "Error encountered when deleting the job because the job is not terminated"}))
        self.settings(bulkDelayMs=0, bulkBatchMs=600000)
        j = self.query("SELECT Id FROM Account")
        self.assertEqual(self.look(j, "query")["state"], "InProgress")
        self.assertEqual(self.org.call("DELETE", DATA + "/jobs/query/" + j["id"])[0], 400)
        self.settings(bulkDelayMs=100, bulkBatchMs=100)
        j, begun = self.query("SELECT Id FROM Account"), time.monotonic()
        done = self.wait(j, kind="query")
        self.assertEqual((done["state"], done["numberRecordsProcessed"], done["jobType"], done["retries"], done["isPkChunkingSupported"]), ("JobComplete", 1, "V2Query", 0, True))
        self.assertGreater(time.monotonic() - begun, 0.15)
        self.assertEqual(self.patch(j, "Aborted", "query")[0], 400)
        self.settings(bulkDelayMs=600000)
        j = self.query("SELECT Id FROM Account")
        self.assertEqual(self.patch(j, "Aborted", "query")[2]["state"], "Aborted")
        self.assertEqual(self.patch(j, "Aborted", "query")[0], 400)
        self.assertEqual(self.org.call("GET", DATA + "/jobs/query/%s/results" % j["id"])[0], 404)
        self.assertEqual(self.org.call("DELETE", DATA + "/jobs/query/" + j["id"])[0], 204)

    def test_pages(self):
        self.org.admin("POST", "generate", {"object": "Account", "count": 2500})
        j = self.query("SELECT Id, Ext_Id__c FROM Account")
        whole = self.rows_of(j)
        ids = [r[0] for r in whole]
        self.assertEqual(len(set(ids)), 2500)
        self.assertNotEqual(ids, sorted(ids))
        again, at = [], "/jobs/query/%s/resultPages?maxRecords=400" % j["id"]
        while at:
            p = self.org.call("GET", at if at.startswith("/services") else DATA + at)[2]
            self.assertTrue(1 <= len(p["resultPages"]) <= 5)
            for page in p["resultPages"]:
                h, d = self.results(j, page["resultUrl"][page["resultUrl"].index("?"):])
                again += list(csv.reader(io.StringIO(d.decode())))[1:]
                self.assertIn(h["sforce-numberofrecords"], ("400", "100"))
            self.assertEqual(p["done"], "nextRecordsUrl" not in p)
            at = p.get("nextRecordsUrl")
        self.assertEqual(again, whole)
        self.settings(resultRows=1000)
        h, _ = self.results(j, "?maxRecords=2000")
        self.assertEqual(h["sforce-numberofrecords"], "1000")
        twice = [self.results(j, "?locator=" + h["sforce-locator"])[1] for _ in range(2)]
        self.assertEqual(twice[0], twice[1])
        self.assertEqual(self.org.call("GET", DATA + "/jobs/query/%s/results?locator=zz" % j["id"])[0], 400)
        old = self.org.call("POST", "/services/data/v57.0/jobs/query", {"operation": "query", "query": "SELECT Id FROM Account"})[2]
        self.assertEqual(self.org.call("GET", "/services/data/v57.0/jobs/query/%s/resultPages" % old["id"])[0], 404)
        j = self.query("SELECT Id FROM Account ORDER BY Id LIMIT 100")
        ids = [r[0] for r in self.rows_of(j)]
        self.assertEqual((len(ids), ids), (100, sorted(ids)))

    def test_refused(self):
        for soql in ("SELECT COUNT() FROM Account", "SELECT COUNT(Id) FROM Account", "SELECT Industry FROM Account GROUP BY Industry", "SELECT Id FROM Account OFFSET 5",
                     "SELECT Id, (SELECT Id FROM Contacts) FROM Account", "SELECT BillingAddress FROM Account", "SELECT FIELDS(ALL) FROM Account LIMIT 200",
                     "SELECT TYPEOF Who WHEN Contact THEN Id END FROM Task", "SELECT Nope FROM Account", "SELECT", "SELECT Body FROM Attachment"):
            s, _, d = self.org.call("POST", DATA + "/jobs/query", {"operation": "query", "query": soql})
            self.assertEqual((s, "errorCode" in d[0]), (400, True), soql)
        self.assertEqual(self.org.call("POST", DATA + "/jobs/query", {"operation": "insert", "query": "SELECT Id FROM Account"})[0], 400)

    def test_values(self):
        a = self.org.new("Account", Name="a", AnnualRevenue=10000000, NumberOfEmployees=300)
        self.org.new("Account", Name="gone")
        self.org.call("DELETE", DATA + "/sobjects/Account/" + self.org.soql("SELECT Id FROM Account WHERE Name = 'gone'")["records"][0]["Id"])
        soql = "SELECT AnnualRevenue, NumberOfEmployees, Industry FROM Account"
        for how, value in (("same", "1.0E7"), ("plain", "10000000"), ("point", "10000000.0"), ("java", "1.0E7")):
            self.settings(csvDoubles=how)
            self.assertEqual(self.results(self.query(soql))[1].decode().split("\n")[1], '"%s","300",""' % value)
        self.settings(csvNull="bare")
        self.assertEqual(self.results(self.query(soql))[1].decode().split("\n")[1], '"1.0E7","300",')
        j = self.query("SELECT Id FROM Contact", lineEnding="CRLF", columnDelimiter="PIPE")
        h, d = self.results(j)
        self.assertEqual((h["sforce-numberofrecords"], h["sforce-locator"], d), ("0", "null", b'"Id"\r\n'))
        self.settings(emptyResults="nothing")
        self.assertEqual(self.results(j)[1], b"")
        self.assertEqual(len(self.rows_of(self.query("SELECT Id FROM Account", operation="queryAll"))), 2)
        self.assertEqual(self.rows_of(self.query("SELECT Id, Owner.Username FROM Account")), [[a, "admin@src.example"]])


if __name__ == "__main__":
    unittest.main()
