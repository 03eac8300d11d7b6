#!/usr/bin/env python3
"""Holds files (forms, raw bodies, versions, documents, links) against the wire facts."""
import hashlib
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_simulator import DATA, Base  # noqa: E402

BYTES = bytes(range(256)) * 40 + b"\r\n--x\r\n"


class Files(Base):
    def form(self, method, path, fields, name, body, end="--", mark="x-5f2"):
        head = ('--%s\r\nContent-Disposition: form-data; name="entity"\r\nContent-Type: application/json\r\n\r\n%s\r\n--%s\r\n'
                'Content-Disposition: form-data; name="%s"; filename="a"\r\nContent-Type: application/octet-stream\r\n\r\n'
                % (mark, json.dumps(fields), mark, name)).encode()
        return self.org.call(method, DATA + path, head + body + ("\r\n--%s%s\r\n" % (mark, end)).encode(),
                             {"Content-Type": 'multipart/form-data; boundary="%s"' % mark})

    def version(self, title="a.txt", body=BYTES, **fields):
        status, _, data = self.form("POST", "/sobjects/ContentVersion", dict({"Title": title, "PathOnClient": title}, **fields),
                                    "VersionData", body)
        self.assertEqual(status, 201, data)
        return self.org.soql("SELECT Id, ContentDocumentId, VersionNumber, IsLatest, Checksum, ContentSize, FileExtension, VersionData "
                             "FROM ContentVersion WHERE Id = '%s'" % data["id"])["records"][0]

    def test_attachment(self):
        account = self.org.new("Account", Name="x")
        status, _, data = self.form("POST", "/sobjects/Attachment", {"Name": "a", "ParentId": account}, "Body", BYTES)
        self.assertEqual(status, 201)
        row = self.org.soql("SELECT Id, BodyLength, Body FROM Attachment")["records"][0]
        self.assertEqual((row["BodyLength"], row["Body"]), (len(BYTES), DATA + "/sobjects/Attachment/%s/Body" % row["Id"]))
        self.assertEqual(self.org.call("GET", row["Body"])[2], BYTES)
        self.assertEqual(self.form("PATCH", "/sobjects/Attachment/" + row["Id"], {}, "Body", b"other")[0], 204)
        self.assertEqual(self.org.call("GET", row["Body"])[2], b"other")

    def test_form_without_its_end(self):
        status, _, data = self.form("POST", "/sobjects/ContentVersion", {"Title": "a", "PathOnClient": "a"}, "VersionData", BYTES, end="")
        self.assertEqual((status, data[0]["errorCode"]), (400, "INVALID_MULTIPART_REQUEST"))
        self.assertEqual(self.org.soql("SELECT Id FROM ContentVersion")["totalSize"], 0)

    def test_documents_of_quotes(self):
        account = self.org.new("Account", Name="x")
        deal = self.org.new("Opportunity", Name="d", AccountId=account, StageName="Prospecting", CloseDate="2027-01-01")
        quote = self.org.new("Quote", Name="Offer", OpportunityId=deal, Tax=5)
        for number, body in ((1, BYTES), (2, b"two")):
            status, _, data = self.form("POST", "/sobjects/QuoteDocument", {"QuoteId": quote, "Status": "Completed"}, "Document", body)
            self.assertEqual(status, 201, data)
            row = self.org.soql("SELECT Id, Name, Document, GrandTotal, ContentVersionDocument.Checksum FROM QuoteDocument WHERE Id = '%s'" %
                                data["id"])["records"][0]
            self.assertEqual((row["Name"], row["GrandTotal"]), ("Offer_V%d.pdf" % number, 5))
            self.assertEqual(self.org.call("GET", row["Document"])[2], body)
            self.assertEqual(row["ContentVersionDocument"]["Checksum"], hashlib.md5(body).hexdigest())
        made = self.org.soql("SELECT Id FROM ContentVersion WHERE Title = 'Offer_V1.pdf'")["records"][0]["Id"]
        for fields, body in (({}, b""), ({"ContentVersionDocumentId": made}, b"x"), ({"DocumentTemplate": "0EH000000000001"}, b"x")):
            status, _, data = self.form("POST", "/sobjects/QuoteDocument", dict({"QuoteId": quote}, **fields), "Document", body)
            self.assertEqual((status, data[0]["errorCode"]), (400, "UNKNOWN_EXCEPTION"))
        status, _, data = self.form("PATCH", "/sobjects/QuoteDocument/" + row["Id"], {}, "Document", b"other")
        self.assertEqual((status, data[0]["errorCode"]), (400, "INVALID_FIELD_FOR_INSERT_UPDATE"))

    def test_versions(self):
        first = self.version()
        self.assertEqual((first["VersionNumber"], first["IsLatest"], first["ContentSize"], first["FileExtension"]),
                         ("1", True, len(BYTES), "txt"))
        self.assertEqual(first["Checksum"], hashlib.md5(BYTES).hexdigest())
        self.assertEqual(self.org.call("GET", first["VersionData"])[2], BYTES)
        second = self.version(body=b"two", ContentDocumentId=first["ContentDocumentId"])
        self.assertEqual((second["ContentDocumentId"], second["VersionNumber"]), (first["ContentDocumentId"], "2"))
        rows = self.org.soql("SELECT Id FROM ContentVersion WHERE IsLatest = true")["records"]
        self.assertEqual([r["Id"] for r in rows], [second["Id"]])
        document = self.org.soql("SELECT LatestPublishedVersionId FROM ContentDocument")["records"][0]
        self.assertEqual(document["LatestPublishedVersionId"], second["Id"])

    def test_links(self):
        account = self.org.new("Account", Name="x")
        document = self.version(FirstPublishLocationId=account)["ContentDocumentId"]
        rows = self.org.soql("SELECT LinkedEntityId, ShareType FROM ContentDocumentLink WHERE ContentDocumentId = '%s'" % document)["records"]
        self.assertEqual(sorted(r["ShareType"] for r in rows), ["I", "V"])
        self.assertIn(account, [r["LinkedEntityId"] for r in rows])
        error = self.org.refused("ContentDocumentLink", ContentDocumentId=document, LinkedEntityId=account)
        self.assertEqual(error["statusCode"], "DUPLICATE_VALUE")
        status, _, data = self.org.call("GET", DATA + "/query?q=SELECT+Id+FROM+ContentDocumentLink")
        self.assertEqual((status, data[0]["errorCode"]), (400, "MALFORMED_QUERY"))
        semi = "SELECT Id FROM ContentDocumentLink WHERE ContentDocumentId IN (SELECT Id FROM ContentDocument)"
        self.assertEqual(self.org.soql(semi)["totalSize"], 2)


if __name__ == "__main__":
    unittest.main()
