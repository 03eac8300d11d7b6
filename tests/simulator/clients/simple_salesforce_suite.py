"""simple-salesforce against a simulated org: run by simple-salesforce.t."""
import datetime
import os
import unittest
import urllib.parse

import requests
from simple_salesforce import Salesforce, SalesforceLogin
from simple_salesforce.exceptions import (SalesforceAuthenticationFailed, SalesforceError, SalesforceExpiredSession, SalesforceMalformedRequest,
                                          SalesforceMoreThanOneRecord, SalesforceOperationError, SalesforceResourceNotFound)

URL, TOKEN = os.environ["SRC_URL"], os.environ["SRC_TOKEN"]
HOST = urllib.parse.urlparse(URL).netloc


class ToSimulator(requests.adapters.HTTPAdapter):
    """The client turns every URL into https, and logs in at salesforce.com: here that is the simulator."""

    def send(self, request, *args, **kwargs):
        request.url = URL + request.url.split("://", 1)[1][len(urllib.parse.urlparse(request.url).netloc):]
        return super().send(request, *args, **kwargs)


def session():
    s = requests.Session()
    s.mount("https://", ToSimulator())
    return s


def client(token=TOKEN):
    return Salesforce(instance_url=URL, session_id=token, session=session(), version="60.0")


def admin(method, what, body=None):
    r = requests.request(method, URL + "/__sim/" + what, json=body, timeout=30)
    r.raise_for_status()
    return r.json()


class SimpleSalesforce(unittest.TestCase):
    def setUp(self):
        admin("POST", "reset")
        self.sf = client()

    def test_logins(self):
        for kw in ({"consumer_key": "orgsync", "consumer_secret": "orgsync-secret", "domain": "myorg.my"},
                   {"username": "admin@src.example", "password": "simulator", "consumer_key": "orgsync", "consumer_secret": "orgsync-secret"}):
            token, instance = SalesforceLogin(session=session(), **kw)
            self.assertEqual(instance, HOST)
            self.assertEqual(client(token).query("SELECT Id FROM Organization")["totalSize"], 1)
        with self.assertRaises(SalesforceAuthenticationFailed):
            SalesforceLogin(session=session(), consumer_key="orgsync", consumer_secret="wrong", domain="myorg.my")
        with self.assertRaises(SalesforceExpiredSession):
            client("00Dnone!dead").query("SELECT Id FROM User")

    def test_describe(self):
        names = {o["name"] for o in self.sf.describe()["sobjects"]}
        self.assertTrue({"Account", "Contact", "Ledger__c"} <= names)
        fields = {f["name"]: f for f in self.sf.Account.describe()["fields"]}
        self.assertEqual((fields["Name"]["type"], fields["ParentId"]["referenceTo"]), ("string", ["Account"]))
        self.assertEqual(self.sf.Account.metadata()["objectDescribe"]["name"], "Account")
        self.assertFalse(self.sf.is_sandbox())

    def test_one_record(self):
        made = self.sf.Account.create({"Name": "one", "Ext_Id__c": "e1/ä"})
        self.assertTrue(made["success"])
        self.assertEqual(self.sf.Account.get(made["id"])["Name"], "one")
        self.assertEqual(self.sf.Account.get_by_custom_id("Ext_Id__c", "e1/ä")["Id"], made["id"])
        self.assertEqual(self.sf.Account.update(made["id"], {"Name": "two", "Phone": None}), 204)
        self.assertIn(self.sf.Account.upsert("Ext_Id__c/e%202", {"Name": "three"}), (200, 201))
        self.assertEqual(self.sf.query("SELECT COUNT() FROM Account")["totalSize"], 2)
        self.assertEqual(self.sf.Account.delete(made["id"]), 204)
        with self.assertRaises(SalesforceResourceNotFound) as e:
            self.sf.Account.get(made["id"])
        self.assertEqual(e.exception.content[0]["errorCode"], "ENTITY_IS_DELETED")

    def test_errors(self):
        for call, code in ((lambda: self.sf.Account.create({"Phone": "1"}), "REQUIRED_FIELD_MISSING"), (lambda: self.sf.Account.create({"Nope": "1"}), "INVALID_FIELD"),
                           (lambda: self.sf.query("SELECT Nope FROM Account"), "INVALID_FIELD"), (lambda: self.sf.query("SELECT"), "MALFORMED_QUERY")):
            with self.assertRaises(SalesforceMalformedRequest) as e:
                call()
            self.assertEqual(e.exception.content[0]["errorCode"], code)

    def test_several_matches(self):
        self.sf.restful("composite/sobjects", method="POST", json={"records": [
            {"attributes": {"type": "Contact"}, "LastName": "x", "Email": "two@example.com"} for _ in range(2)]})
        with self.assertRaises(SalesforceMoreThanOneRecord) as e:
            self.sf.Contact.get_by_custom_id("Email", "two@example.com")
        self.assertEqual(len(e.exception.content), 2)

    def test_query(self):
        admin("POST", "generate", {"object": "Lead", "count": 4500})
        page = self.sf.query("SELECT Id FROM Lead")
        self.assertEqual((page["totalSize"], page["done"], len(page["records"])), (4500, False, 2000))
        more = self.sf.query_more(page["nextRecordsUrl"], identifier_is_url=True)
        self.assertEqual(len(self.sf.query_more(more["nextRecordsUrl"].split("/")[-1])["records"]), 500)
        self.assertEqual(len({r["Id"] for r in self.sf.query_all_iter("SELECT Id, Name FROM Lead")}), 4500)
        first = self.sf.query("SELECT Id FROM Lead LIMIT 1")["records"][0]["Id"]
        self.sf.Lead.delete(first)
        self.assertEqual(len(self.sf.query_all("SELECT Id FROM Lead", include_deleted=True)["records"]), 4500)

    def test_replication(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        a = self.sf.Account.create({"Name": "a"})["id"]
        b = self.sf.Account.create({"Name": "b"})["id"]
        self.sf.Account.delete(b)
        window = now - datetime.timedelta(hours=1), now + datetime.timedelta(minutes=2)
        self.assertEqual(self.sf.Account.updated(*window)["ids"], [a])
        self.assertEqual([r["id"] for r in self.sf.Account.deleted(*window)["deletedRecords"]], [b])

    def test_collections(self):
        made = self.sf.restful("composite/sobjects", method="POST", json={"allOrNone": False, "records": [
            {"attributes": {"type": "Account"}, "Name": "n"}, {"attributes": {"type": "Account"}}]})
        self.assertEqual([r["success"] for r in made], [True, False])
        tree = self.sf.restful("composite/tree/Account", method="POST", json={"records": [
            {"attributes": {"type": "Account", "referenceId": "r"}, "Name": "t"}]})
        self.assertFalse(tree["hasErrors"])

    def test_limits(self):
        limits = self.sf.limits()
        self.assertTrue(limits["DailyApiRequests"]["Max"] > limits["DailyApiRequests"]["Remaining"])
        self.assertEqual(self.sf.api_usage["api-usage"].total, limits["DailyApiRequests"]["Max"])

    def test_bulk_ingest(self):
        rows = [{"Name": 'b "%d",\n' % i, "Ext_Id__c": "b%d" % i} for i in range(300)] + [{"Name": "", "Ext_Id__c": "bad"}]
        done = self.sf.bulk2.Account.insert(records=rows, wait=0.02)[0]
        self.assertEqual((done["numberRecordsProcessed"], done["numberRecordsFailed"]), (301, 1))
        results = self.sf.bulk2.Account.get_all_ingest_records(done["job_id"])
        self.assertEqual([len(results[k]) for k in ("successfulRecords", "failedRecords", "unprocessedRecords")], [300, 1, 0])
        self.assertTrue(results["failedRecords"][0]["sf__Error"].endswith(":Name --"))
        ids = [{"Id": r["sf__Id"]} for r in results["successfulRecords"]]
        self.sf.bulk2.Account.upsert(records=[{"Ext_Id__c": "b1", "Name": "new"}, {"Ext_Id__c": "n", "Name": "n"}], external_id_field="Ext_Id__c", wait=0.02)
        self.assertEqual(self.sf.query("SELECT Name FROM Account WHERE Ext_Id__c = 'b1'")["records"][0]["Name"], "new")
        done = self.sf.bulk2.Account.update(records=[dict(r, Phone="1") for r in ids], batch_size=100, wait=0.02)
        self.assertEqual([d["numberRecordsFailed"] for d in done], [0, 0, 0, 0][:len(done)])
        self.assertEqual(self.sf.bulk2.Account.delete(records=ids[:200], wait=0.02)[0]["numberRecordsFailed"], 0)
        self.assertEqual(self.sf.bulk2.Account.hard_delete(records=ids[200:], wait=0.02)[0]["numberRecordsFailed"], 0)
        self.assertEqual(admin("GET", "count")["Account"], 1)
        with self.assertRaises(SalesforceOperationError) as e:
            self.sf.bulk2.Account.insert(records=[{"Name": "x", "Foo": "y"}], wait=0.02)
        self.assertIn("Field name not found : Foo", str(e.exception))

    def test_bulk_query(self):
        admin("POST", "generate", {"object": "Contact", "count": 2500})
        pages = list(self.sf.bulk2.Contact.query("SELECT Id, LastName FROM Contact", max_records=1000, wait=0.02))
        self.assertEqual([p.count("\n") for p in pages], [1001, 1001, 501])
        ids = {line.split(",")[0] for p in pages for line in p.splitlines()[1:]}
        self.assertEqual(len(ids), 2500)
        with self.assertRaises(SalesforceError):
            list(self.sf.bulk2.Contact.query("SELECT COUNT() FROM Contact", wait=0.02))
