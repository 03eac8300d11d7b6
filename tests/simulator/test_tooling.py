#!/usr/bin/env python3
"""Holds the simulator's Tooling API, and what plain REST shows of an org's automation, against the wire facts."""
import json
import os
import sys
import unittest
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_simulator import DATA, Base  # noqa: E402

META = {"validationRules": [
            {"object": "Account", "name": "Phone_needed", "active": True, "field": "Phone", "op": "isblank", "message": "no phone"},
            {"object": "Account", "name": "Old", "active": False, "message": "old"},
            {"object": "Project__c", "name": "Cap", "active": True, "namespace": "pkg"}],
        "workflowRules": [{"object": "Account", "name": "Mail", "active": True}, {"object": "Project__c", "name": "Mail", "active": False}],
        "triggers": [{"object": "Account", "name": "AccountTrigger"}, {"object": "Project__c", "name": "ProjectTrigger", "active": False}],
        "flows": [{"object": "Account", "name": "Account_After", "activeVersion": 2, "latestVersion": 3},
                  {"object": "Project__c", "name": "Project_Before", "triggerType": "RecordBeforeSave", "activeVersion": 0, "latestVersion": 1}],
        "duplicateRules": [{"object": "Account", "name": "Same_Account"}, {"object": "Contact", "name": "Same_Contact", "active": False}],
        "recordTypes": [{"object": "Account", "name": "Reseller", "label": "A reseller"}]}


class Tooling(Base):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.org = cls.src
        cls.org.admin("POST", "schema", META)

    def query(self, q):
        return self.org.soql(q, "/tooling/query")

    def refused(self, q, path="/tooling/query"):
        status, _, data = self.org.call("GET", DATA + path + "?q=" + urllib.parse.quote(q))
        self.assertEqual(status, 400)
        return data[0]["errorCode"], data[0]["message"]

    def test_envelope_and_validation_rules(self):
        page = self.query("SELECT Id, ValidationName, Active, EntityDefinition.QualifiedApiName, NamespacePrefix FROM ValidationRule "
                          "WHERE Active = true ORDER BY ValidationName")
        self.assertEqual([page[k] for k in ("size", "totalSize", "done", "queryLocator", "entityTypeName")],
                         [2, 2, True, None, "ValidationRule"])
        cap, phone = page["records"]
        self.assertRegex(phone["attributes"]["url"], "^" + DATA + "/tooling/sobjects/ValidationRule/03d")
        self.assertEqual([phone["ValidationName"], phone["Active"], phone["EntityDefinition"]["QualifiedApiName"], phone["NamespacePrefix"]],
                         ["Phone_needed", True, "Account", None])
        self.assertEqual([cap["EntityDefinition"]["QualifiedApiName"], cap["NamespacePrefix"]], ["Project__c", "pkg"])
        names = [r["ValidationName"] for r in self.query(
            "SELECT ValidationName FROM ValidationRule WHERE EntityDefinition.QualifiedApiName IN ('Account') AND Active = false")["records"]]
        self.assertEqual(names, ["Old"])

    def test_whole_metadata_is_for_one_row(self):
        code, text = self.refused("SELECT Id, Metadata FROM ValidationRule")
        self.assertEqual(code, "MALFORMED_QUERY")
        self.assertIn("no more than one row", text)
        self.assertEqual(self.refused("SELECT FullName FROM WorkflowRule")[0], "MALFORMED_QUERY")
        row = self.query("SELECT FullName, Metadata FROM ValidationRule WHERE ValidationName = 'Old'")["records"][0]
        self.assertEqual([row["FullName"], row["Metadata"]["active"], row["Metadata"]["errorMessage"]], ["Account.Old", False, "old"])

    def test_workflow_rules_tell_their_state_one_by_one(self):
        rows = self.query("SELECT Id, Name, TableEnumOrId FROM WorkflowRule")["records"]
        entity = self.query("SELECT DurableId FROM EntityDefinition WHERE QualifiedApiName = 'Project__c'")["records"][0]["DurableId"]
        self.assertRegex(entity, "^01I.{12}$")
        self.assertEqual({r["TableEnumOrId"] for r in rows}, {"Account", entity})
        self.assertEqual(self.refused("SELECT Active FROM WorkflowRule")[0], "INVALID_FIELD")
        for row in rows:
            one = self.org.ok("GET", "/tooling/sobjects/WorkflowRule/" + row["Id"])
            self.assertEqual(one["Metadata"]["active"], row["TableEnumOrId"] == "Account")
        self.assertEqual(self.org.call("GET", DATA + "/tooling/sobjects/WorkflowRule/01Q000000000000AAA")[0], 404)

    def test_triggers(self):
        rows = self.query("SELECT Name, TableEnumOrId, Status, NamespacePrefix, EntityDefinition.QualifiedApiName FROM ApexTrigger ORDER BY Name")["records"]
        self.assertEqual([(r["Name"], r["Status"], r["EntityDefinition"]["QualifiedApiName"]) for r in rows],
                         [("AccountTrigger", "Active", "Account"), ("ProjectTrigger", "Inactive", "Project__c")])
        self.assertEqual(rows[0]["TableEnumOrId"], "Account")

    def test_flows_keep_their_versions(self):
        rows = {r["DeveloperName"]: r for r in self.query(
            "SELECT Id, DeveloperName, ActiveVersionId, ActiveVersion.VersionNumber, LatestVersionId FROM FlowDefinition")["records"]}
        on, off = rows["Account_After"], rows["Project_Before"]
        self.assertEqual(on["ActiveVersion"]["VersionNumber"], 2)
        self.assertNotEqual(on["ActiveVersionId"], on["LatestVersionId"])
        self.assertEqual([off["ActiveVersionId"], off["ActiveVersion"]], [None, None])
        states = [r["Status"] for r in self.query("SELECT Status FROM Flow WHERE Definition.DeveloperName = 'Account_After' "
                                                  "ORDER BY VersionNumber")["records"]]
        self.assertEqual(states, ["Obsolete", "Active", "Draft"])
        one = self.org.ok("GET", "/tooling/sobjects/FlowDefinition/" + on["Id"])
        self.assertEqual(one["Metadata"]["activeVersionNumber"], 2)

    def test_rest_shows_flows_and_duplicate_rules(self):
        q = ("SELECT ApiName, IsActive, ProcessType, TriggerType, TriggerObjectOrEvent.QualifiedApiName, VersionNumber FROM FlowDefinitionView "
             "WHERE ProcessType IN ('AutoLaunchedFlow','Workflow') AND TriggerType != null ORDER BY ApiName")
        rows = self.org.soql(q)["records"]
        self.assertEqual([(r["ApiName"], r["IsActive"], r["TriggerType"], r["TriggerObjectOrEvent"]["QualifiedApiName"]) for r in rows],
                         [("Account_After", True, "RecordAfterSave", "Account"), ("Project_Before", False, "RecordBeforeSave", "Project__c")])
        rows = self.org.soql("SELECT Id, DeveloperName, SobjectType, IsActive FROM DuplicateRule ORDER BY DeveloperName")["records"]
        self.assertEqual([(r["DeveloperName"], r["SobjectType"], r["IsActive"]) for r in rows],
                         [("Same_Account", "Account", True), ("Same_Contact", "Contact", False)])

    def test_each_api_has_its_objects(self):
        for name in ("ValidationRule", "WorkflowRule", "ApexTrigger", "FlowDefinition"):
            self.assertEqual(self.refused("SELECT Id FROM " + name, "/query")[0], "INVALID_TYPE")
            self.assertEqual(self.org.call("GET", DATA + "/sobjects/%s/describe" % name)[0], 404)
        self.assertEqual(self.refused("SELECT Id FROM Account")[0], "INVALID_TYPE")
        shown = {o["name"] for o in self.org.ok("GET", "/sobjects")["sobjects"]}
        self.assertNotIn("ValidationRule", shown)
        self.assertIn("DuplicateRule", shown)
        self.assertIn("ValidationRule", {o["name"] for o in self.org.ok("GET", "/tooling/sobjects")["sobjects"]})

    def sub(self, path, ref):
        return {"method": "GET", "url": DATA + path, "referenceId": ref}

    def test_composite(self):
        rules = "/tooling/query?q=" + urllib.parse.quote("SELECT ValidationName FROM ValidationRule WHERE Active = true")
        bad = "/tooling/query?q=" + urllib.parse.quote("SELECT Nothing FROM ApexTrigger")
        data = self.org.ok("POST", "/tooling/composite", {"allOrNone": False, "compositeRequest": [
            self.sub(rules, "a"), self.sub(bad, "b"), self.sub("/query?q=SELECT+Id+FROM+Account", "c")]})["compositeResponse"]
        self.assertEqual([d["httpStatusCode"] for d in data], [200, 400, 404])
        self.assertEqual(data[0]["body"]["totalSize"], 2)
        self.assertEqual(data[1]["body"][0]["errorCode"], "INVALID_FIELD")
        data = self.org.ok("POST", "/composite", {"compositeRequest": [self.sub(rules, "a")]})["compositeResponse"]
        self.assertEqual(data[0]["httpStatusCode"], 404)
        many = [self.sub(rules, "r%d" % i) for i in range(6)]
        self.assertEqual(self.org.call("POST", DATA + "/tooling/composite", {"compositeRequest": many})[0], 400)

    def test_record_types_and_rules_at_work(self):
        types = self.org.ok("GET", "/sobjects/Account/describe")["recordTypeInfos"]
        self.assertIn(("Reseller", "A reseller", True), [(t["developerName"], t["name"], t["active"]) for t in types])
        self.assertEqual(self.org.refused("Account", Name="x")["statusCode"], "FIELD_CUSTOM_VALIDATION_EXCEPTION")

    def test_faults_without_a_count_go_on(self):
        self.org.admin("POST", "faults", {"match": "tooling/composite", "kind": "refused"})
        for _ in range(3):
            self.assertEqual(self.org.call("POST", DATA + "/tooling/composite", {"compositeRequest": []})[0], 400)
        self.assertEqual(self.org.admin("GET", "faults")[0]["hits"], 3)
        self.org.admin("DELETE", "faults")

    def test_pages(self):
        self.org.admin("POST", "settings", {"pageRows": 2})
        try:
            page = self.query("SELECT ValidationName FROM ValidationRule ORDER BY ValidationName")
            self.assertEqual([page["size"], page["totalSize"], page["done"]], [2, 3, False])
            self.assertIn("/tooling/query/", page["nextRecordsUrl"])
            rest = self.org.call("GET", page["nextRecordsUrl"])[2]
            self.assertEqual([r["ValidationName"] for r in page["records"] + rest["records"]], ["Cap", "Old", "Phone_needed"])
        finally:
            self.org.admin("POST", "settings", {"pageRows": 0})


class Changes(Base):
    def test_laid_over_and_kept(self):
        self.dst.admin("POST", "schema", META)
        again = json.loads(json.dumps(META))
        again["triggers"][0]["active"] = False
        again["workflowRules"][0]["active"] = False
        again["flows"][0]["activeVersion"] = 0
        self.dst.admin("POST", "schema", again)
        self.dst.admin("POST", "reset")
        count = self.dst.admin("GET", "count")
        self.assertNotIn("ApexTrigger", count)
        rows = self.dst.soql("SELECT Name, Status FROM ApexTrigger ORDER BY Name", "/tooling/query")["records"]
        self.assertEqual([(r["Name"], r["Status"]) for r in rows], [("AccountTrigger", "Inactive"), ("ProjectTrigger", "Inactive")])
        flow = self.dst.soql("SELECT ActiveVersionId FROM FlowDefinition WHERE DeveloperName = 'Account_After'", "/tooling/query")["records"]
        self.assertEqual([r["ActiveVersionId"] for r in flow], [None])
        rule = self.dst.soql("SELECT Metadata FROM WorkflowRule WHERE TableEnumOrId = 'Account'", "/tooling/query")["records"]
        self.assertEqual([r["Metadata"]["active"] for r in rule], [False])
        status, _, data = self.dst.raw("POST", "/__sim/schema", {"triggers": [{"object": "Nobody__c", "name": "x"}]})
        self.assertEqual([status, b"not there" in data], [400, True])

    def test_rights(self):
        self.dst.admin("POST", "schema", {"objects": [{"name": "Contact", "createable": False}, {"name": "Lead", "hidden": True},
                                                      {"name": "Account", "fields": [{"name": "Phone", "readOnly": True},
                                                                                     {"name": "Fax", "hidden": True}]}]})
        self.assertFalse(self.dst.ok("GET", "/sobjects/Contact/describe")["createable"])
        self.assertEqual(self.dst.call("GET", DATA + "/sobjects/Lead/describe")[0], 404)
        self.assertEqual(self.dst.call("GET", DATA + "/query?q=SELECT+Id+FROM+Lead")[2][0]["errorCode"], "INVALID_TYPE")
        fields = {f["name"]: f for f in self.dst.ok("GET", "/sobjects/Account/describe")["fields"]}
        self.assertNotIn("Fax", fields)
        self.assertEqual([fields["Phone"][k] for k in ("createable", "updateable", "permissionable")], [False, False, True])
        self.assertEqual(self.dst.refused("Account", Name="x", Phone="1")["statusCode"], "INVALID_FIELD_FOR_INSERT_UPDATE")


if __name__ == "__main__":
    unittest.main()
