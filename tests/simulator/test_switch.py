#!/usr/bin/env python3
"""Holds what switches automation (Tooling PATCH, deployRequest, readMetadata) against the wire facts, effects included."""
import io
import json
import os
import re
import sys
import time
import unittest
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_simulator import DATA, Base  # noqa: E402

NS = "http://soap.sforce.com/2006/04/metadata"
META = {"validationRules": [
            {"object": "Account", "name": "No_fax", "field": "Fax", "op": "=", "value": "rule", "message": "no fax", "errorField": "Fax"},
            {"object": "Account", "name": "Locked", "namespace": "pkg"}],
        "workflowRules": [{"object": "Account", "name": "Mail", "field": "Fax", "op": "=", "value": "workflow"}],
        "triggers": [{"object": "Account", "name": "AccountTrigger", "field": "Fax", "op": "=", "value": "trigger", "message": "trigger says no"},
                     {"object": "Account", "name": "pkgTrigger", "namespace": "pkg"}],
        "flows": [{"object": "Account", "name": "Account_After", "activeVersion": 2, "latestVersion": 3, "field": "Fax", "op": "=",
                   "value": "flow"}],
        "duplicateRules": [{"object": "Account", "name": "Same_Account", "field": "Fax", "op": "=", "value": "twin", "message": "twin"}]}


def xml(root, body):
    return '<?xml version="1.0" encoding="UTF-8"?><%s xmlns="%s">%s</%s>' % (root, NS, body, root)


class Switch(Base):
    def setUp(self):
        super().setUp()
        self.org.admin("POST", "schema", META)

    def one(self, kind, name, field="ValidationName"):
        return self.org.soql("SELECT Id, Metadata FROM %s WHERE %s = '%s'" % (kind, field, name), "/tooling/query")["records"][0]

    def patch(self, kind, id, metadata):
        return self.org.call("PATCH", DATA + "/tooling/sobjects/%s/%s" % (kind, id), {"Metadata": metadata})

    def makes(self, fax):
        """The code with which an account is refused; None: it is in."""
        status, _, data = self.org.call("POST", DATA + "/sobjects/Account", {"Name": "x", "Fax": fax})
        return None if status == 201 else data[0]["errorCode"]

    def test_validation_rule(self):
        rule = self.one("ValidationRule", "No_fax")
        self.assertEqual(self.makes("rule"), "FIELD_CUSTOM_VALIDATION_EXCEPTION")
        status, _, data = self.patch("ValidationRule", rule["Id"], {"active": False})
        self.assertEqual((status, data[0]["errorCode"]), (400, "REQUIRED_FIELD_MISSING"))
        self.assertEqual(self.patch("ValidationRule", rule["Id"], dict(rule["Metadata"], active=False))[0], 204)
        self.assertIsNone(self.makes("rule"))
        off = self.org.soql("SELECT Active, ErrorMessage FROM ValidationRule WHERE ValidationName = 'No_fax'", "/tooling/query")["records"][0]
        self.assertEqual((off["Active"], off["ErrorMessage"]), (False, "no fax"))
        self.assertEqual(self.patch("ValidationRule", rule["Id"], rule["Metadata"])[0], 204)
        self.assertEqual(self.makes("rule"), "FIELD_CUSTOM_VALIDATION_EXCEPTION")
        self.assertEqual(self.one("ValidationRule", "No_fax")["Metadata"], rule["Metadata"])

    def test_managed_and_unknown(self):
        rule = self.one("ValidationRule", "Locked")
        status, _, data = self.patch("ValidationRule", rule["Id"], rule["Metadata"])
        self.assertEqual((status, data[0]["errorCode"]), (400, "CANNOT_MODIFY_MANAGED_OBJECT"))
        self.assertEqual(self.patch("ValidationRule", "03d000000000000AAA", {})[0], 404)
        trigger = self.one("ApexTrigger", "AccountTrigger", "Name")
        self.assertEqual(self.patch("ApexTrigger", trigger["Id"], trigger["Metadata"])[0], 400)

    def test_workflow_and_flow_in_one_composite(self):
        rule, flow = self.one("WorkflowRule", "Mail", "Name"), self.one("FlowDefinition", "Account_After", "DeveloperName")
        self.assertEqual(flow["Metadata"]["activeVersionNumber"], 2)
        self.assertEqual(self.makes("workflow"), "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")

        def both(active, version):
            url = DATA + "/tooling/sobjects/"
            parts = [{"method": "PATCH", "url": url + "WorkflowRule/" + rule["Id"], "referenceId": "a",
                      "body": {"Metadata": dict(rule["Metadata"], active=active)}},
                     {"method": "PATCH", "url": url + "FlowDefinition/" + flow["Id"], "referenceId": "b",
                      "body": {"Metadata": {"activeVersionNumber": version}}}]
            reply = self.org.ok("POST", "/tooling/composite", {"allOrNone": False, "compositeRequest": parts})["compositeResponse"]
            return [r["httpStatusCode"] for r in reply]

        self.assertEqual(both(False, 0), [204, 204])
        self.assertEqual([self.makes("workflow"), self.makes("flow")], [None, None])
        view = self.org.soql("SELECT IsActive, ActiveVersionId FROM FlowDefinitionView WHERE ApiName = 'Account_After'")["records"][0]
        self.assertFalse(view["IsActive"])
        states = {r["VersionNumber"]: r["Status"] for r in self.org.soql("SELECT VersionNumber, Status FROM Flow", "/tooling/query")["records"]}
        self.assertEqual(states, {1: "Obsolete", 2: "Obsolete", 3: "Draft"})
        self.assertEqual(both(True, 9), [204, 400])
        self.assertEqual(both(True, 2), [204, 204])
        self.assertEqual(self.makes("flow"), "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")
        row = self.org.soql("SELECT ActiveVersion.VersionNumber FROM FlowDefinition WHERE DeveloperName = 'Account_After'",
                            "/tooling/query")["records"][0]
        self.assertEqual(row["ActiveVersion"]["VersionNumber"], 2)

    # ---- deployments ----

    def deploy(self, files, options=None, wait=True):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as z:
            for name, text in files.items():
                z.writestr(name, text)
        body = b"".join([b"--bound\r\nContent-Disposition: form-data; name=\"json\"\r\nContent-Type: application/json\r\n\r\n",
                         json.dumps({"deployOptions": dict({"singlePackage": True, "rollbackOnError": True}, **(options or {}))}).encode(),
                         b"\r\n--bound\r\nContent-Disposition: form-data; name=\"file\"; filename=\"deploy.zip\"\r\n"
                         b"Content-Type: application/zip\r\n\r\n", packed.getvalue(), b"\r\n--bound--\r\n"])
        status, _, data = self.org.raw("POST", DATA + "/metadata/deployRequest", body,
                                       {"Content-Type": "multipart/form-data; boundary=bound", "Authorization": "Bearer " + self.org.token})
        data = json.loads(data)
        self.assertEqual(status, 201, data)
        self.assertEqual((data["deployResult"]["done"], data["id"][:3]), (False, "0Af"))
        return self.result(data["id"]) if wait else data["id"]

    def result(self, id):
        end = time.monotonic() + 20
        while True:
            r = self.org.ok("GET", "/metadata/deployRequest/%s?includeDetails=true" % id)["deployResult"]
            if r["done"]:
                return r
            self.assertIn(r["status"], ("Pending", "InProgress"))
            self.assertLess(time.monotonic(), end)

    def package(self, name, *members):
        return {"package.xml": xml("Package", "<types>%s<name>%s</name></types><version>60.0</version>" % (
            "".join("<members>%s</members>" % m for m in members), name))}

    def trigger(self, name, status):
        body = self.org.soql("SELECT Body FROM ApexTrigger WHERE Name = '%s'" % name, "/tooling/query")["records"][0]["Body"]
        return dict(self.package("ApexTrigger", name), **{
            "triggers/%s.trigger" % name: body,
            "triggers/%s.trigger-meta.xml" % name: xml("ApexTrigger", "<apiVersion>60.0</apiVersion><status>%s</status>" % status)})

    def test_trigger_is_deployed_in_its_own_time(self):
        self.settings(deployMs=600)
        self.assertEqual(self.makes("trigger"), "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")
        files, begun = self.trigger("AccountTrigger", "Inactive"), time.monotonic()
        first = self.deploy(files, wait=False)
        refused = self.makes("trigger")
        if time.monotonic() - begun < 0.6:  # else it may be deployed already
            self.assertEqual(refused, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")
        second = self.deploy(self.trigger("AccountTrigger", "Inactive"), wait=False)
        states = [self.org.ok("GET", "/metadata/deployRequest/" + i)["deployResult"]["status"] for i in (first, second)]
        self.assertNotEqual(states, ["InProgress", "InProgress"])
        done = self.result(first)
        self.assertEqual((done["status"], done["success"], done["numberComponentsDeployed"], done["details"]["componentFailures"]),
                         ("Succeeded", True, 1, []))
        self.assertIsNone(self.makes("trigger"))
        self.assertTrue(self.result(second)["success"])
        self.assertTrue(self.deploy(self.trigger("AccountTrigger", "Active"))["success"])
        self.assertEqual(self.makes("trigger"), "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")

    def test_refused_deployments_change_nothing(self):
        self.settings(apexTests="fail")
        failed = self.deploy(self.trigger("AccountTrigger", "Inactive"))
        self.assertEqual((failed["status"], failed["success"], failed["numberTestErrors"]), ("Failed", False, 1))
        self.assertEqual(failed["details"]["runTestResult"]["numFailures"], 1)
        self.org.admin("POST", "settings", {"apexTests": "pass"})
        none = self.deploy({"triggers/x.trigger": ""})
        self.assertEqual((none["details"]["componentFailures"][0]["problem"], none["status"]), ("No package.xml found", "Failed"))
        managed = self.deploy(self.trigger("pkgTrigger", "Inactive"))
        self.assertIn("managed", managed["details"]["componentFailures"][0]["problem"])
        half = dict(self.package("ApexTrigger", "AccountTrigger", "Gone"), **self.trigger("AccountTrigger", "Inactive"))
        half.update(self.package("ApexTrigger", "AccountTrigger", "Gone"))
        self.assertFalse(self.deploy(half)["success"])
        self.assertEqual(self.makes("trigger"), "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")
        self.assertEqual(self.org.call("GET", DATA + "/metadata/deployRequest/0Af000000000000AAA")[0], 404)

    # ---- duplicate rules ----

    def soap(self, names, token=None, action='"readMetadata"', type="DuplicateRule"):
        body = ('<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="%s"><soapenv:Header><SessionHeader>'
                '<sessionId>%s</sessionId></SessionHeader></soapenv:Header><soapenv:Body><readMetadata><type>%s</type>%s</readMetadata>'
                '</soapenv:Body></soapenv:Envelope>') % (NS, token or self.org.token, type, "".join("<fullNames>%s</fullNames>" % n for n in names))
        headers = {"Content-Type": "text/xml; charset=UTF-8"}
        if action:
            headers["SOAPAction"] = action
        status, _, data = self.org.raw("POST", "/services/Soap/m/60.0", body.encode(), headers)
        return status, data.decode()

    def test_duplicate_rule(self):
        self.assertEqual(self.makes("twin"), "DUPLICATES_DETECTED")
        status, text = self.soap(["Account.Same_Account", "Account.None"])
        self.assertEqual(status, 200)
        self.assertIn('<records xsi:nil="true"/>', text)
        inner = re.search(r'<records xsi:type="DuplicateRule">(.*?)</records>', text, re.S).group(1)
        inner = re.sub("<fullName>.*?</fullName>", "", inner)
        self.assertIn("<isActive>true</isActive>", inner)
        xsi = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'

        def file(text):
            return dict(self.package("DuplicateRule", "Account.Same_Account"), **{
                "duplicateRules/Account.Same_Account.duplicateRule": xml("DuplicateRule", text).replace(" xmlns=", xsi + " xmlns=")})

        part = self.deploy(file("<isActive>false</isActive>"))
        self.assertIn("Required field is missing", part["details"]["componentFailures"][0]["problem"])
        self.assertTrue(self.deploy(file(inner.replace("<isActive>true", "<isActive>false")))["success"])
        self.assertIsNone(self.makes("twin"))
        self.assertIn("<isActive>false</isActive>", self.soap(["Account.Same_Account"])[1])
        self.assertTrue(self.deploy(file(inner))["success"])
        self.assertEqual(self.makes("twin"), "DUPLICATES_DETECTED")

    def test_soap_faults(self):
        status, text = self.soap(["a.b"], token="00Dx!no")
        self.assertEqual((status, "<faultcode>sf:INVALID_SESSION_ID</faultcode>" in text), (500, True))
        self.assertEqual(self.soap(["a.b"], action=None)[0], 500)
        self.assertIn("sf:EXCEEDED_ID_LIMIT", self.soap(["a.b%d" % i for i in range(11)])[1])
        self.assertIn("sf:INVALID_TYPE", self.soap(["a.b"], type="Nothing")[1])


if __name__ == "__main__":
    unittest.main()
