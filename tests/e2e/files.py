#!/usr/bin/env python3
"""Files of simulated orgs, by plain REST.

  files.py URL attach PARENT BYTES NAME ...   attachments of the first record of an object
  files.py URL change OBJECT NAME BYTES ...   other bodies
  files.py URL touch OBJECT NAME              the record alone
  files.py URL remove OBJECT NAME
  files.py URL publish PARENT BYTES TITLE ... files, published at the first record of an object
  files.py URL version TITLE BYTES ...        new versions of files
  files.py URL versions TITLE                 the numbers of a file's versions
  files.py URL link TITLE PARENT SHARE VISIBILITY
  files.py URL unlink TITLE PARENT
  files.py URL document FOLDER BYTES NAME ... documents
  files.py URL folders                        where documents lie
  files.py URL quote QUOTE BYTES NAME ...     documents of a quote; NAME says what bytes they are of
  files.py URL quotes                         the names that the org gave them, and what of a file it made of each
"""
import json
import random
import sys
import urllib.parse
import urllib.request

ROOT = "/services/data/v60.0/"
BODY = {"Attachment": "Body", "Document": "Body", "ContentVersion": "VersionData", "QuoteDocument": "Document"}


class Org:
    def __init__(self, url):
        self.url = url
        form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": "orgsync", "client_secret": "orgsync-secret"})
        with urllib.request.urlopen(url + "/services/oauth2/token", form.encode()) as reply:
            self.token = json.load(reply)["access_token"]

    def call(self, method, path, body=None, kind="application/json"):
        request = urllib.request.Request(self.url + ROOT + path, body, {"Authorization": "Bearer " + self.token, "Content-Type": kind},
                                         method=method)
        with urllib.request.urlopen(request) as reply:
            return reply.read()

    def query(self, soql):
        return json.loads(self.call("GET", "query?" + urllib.parse.urlencode({"q": soql})))["records"]

    def form(self, method, path, fields, name, body):
        mark = "form-%016x" % random.getrandbits(64)
        head = ('--%s\r\nContent-Disposition: form-data; name="entity"\r\nContent-Type: application/json\r\n\r\n%s\r\n--%s\r\n'
                'Content-Disposition: form-data; name="%s"; filename="x"\r\nContent-Type: application/octet-stream\r\n\r\n'
                % (mark, json.dumps(fields), mark, name)).encode()
        reply = self.call(method, path, head + body + ("\r\n--%s--\r\n" % mark).encode(), 'multipart/form-data; boundary="%s"' % mark)
        return json.loads(reply)["id"] if reply else None


def body_of(size, name):
    return random.Random(name).randbytes(size)


def attach(org, *args):
    for parent, size, name in zip(args[::3], args[1::3], args[2::3]):
        record = org.query("SELECT Id FROM %s ORDER BY Id LIMIT 1" % parent)[0]["Id"]
        org.form("POST", "sobjects/Attachment", {"Name": name, "ParentId": record, "Ext_Id__c": name}, "Body", body_of(int(size), name))


def change(org, kind, *args):
    for name, size in zip(args[::2], args[1::2]):
        field = "Title" if kind == "ContentVersion" else "Name"
        record = org.query("SELECT Id FROM %s WHERE %s = '%s'" % (kind, field, name))[0]["Id"]
        org.form("PATCH", "sobjects/%s/%s" % (kind, record), {}, BODY[kind], body_of(int(size), name + " changed"))


def touch(org, kind, name):
    record = org.query("SELECT Id FROM %s WHERE Name = '%s'" % (kind, name))[0]["Id"]
    fields = {"Status": "Queued"} if kind == "QuoteDocument" else {"Name": name}
    org.call("PATCH", "sobjects/%s/%s" % (kind, record), json.dumps(fields).encode())


def remove(org, kind, name):
    org.call("DELETE", "sobjects/%s/%s" % (kind, org.query("SELECT Id FROM %s WHERE Name = '%s'" % (kind, name))[0]["Id"]))


def document_of(org, title):
    return org.query("SELECT ContentDocumentId FROM ContentVersion WHERE Title = '%s' LIMIT 1" % title)[0]["ContentDocumentId"]


def publish(org, *args):
    for parent, size, name in zip(args[::3], args[1::3], args[2::3]):
        record = org.query("SELECT Id FROM %s ORDER BY Id LIMIT 1" % parent)[0]["Id"]
        org.form("POST", "sobjects/ContentVersion", {"Title": name, "PathOnClient": name, "FirstPublishLocationId": record}, "VersionData",
                 body_of(int(size), name))


def version(org, *args):
    for name, size in zip(args[::2], args[1::2]):
        org.form("POST", "sobjects/ContentVersion", {"Title": name, "PathOnClient": name, "ContentDocumentId": document_of(org, name)},
                 "VersionData", body_of(int(size), name + " changed"))


def link(org, title, parent, share, visibility):
    record = org.query("SELECT Id FROM %s ORDER BY Id LIMIT 1" % parent)[0]["Id"]
    fields = {"ContentDocumentId": document_of(org, title), "LinkedEntityId": record, "ShareType": share, "Visibility": visibility}
    org.call("POST", "sobjects/ContentDocumentLink", json.dumps(fields).encode())


def unlink(org, title, parent):
    record = org.query("SELECT Id FROM %s ORDER BY Id LIMIT 1" % parent)[0]["Id"]
    found = org.query("SELECT Id FROM ContentDocumentLink WHERE ContentDocumentId = '%s' AND LinkedEntityId = '%s'" %
                      (document_of(org, title), record))
    org.call("DELETE", "sobjects/ContentDocumentLink/" + found[0]["Id"])


def document(org, *args):
    for folder, size, name in zip(args[::3], args[1::3], args[2::3]):
        record = org.query("SELECT Id FROM Folder WHERE DeveloperName = '%s'" % folder)[0]["Id"]
        org.form("POST", "sobjects/Document", {"Name": name, "DeveloperName": name.replace(".", "_"), "FolderId": record, "Type": "bin"},
                 "Body", body_of(int(size), name))


def folders(org):
    rows = org.query("SELECT Name, FolderId, Folder.Name FROM Document ORDER BY Name")
    print(*["%s:%s" % (r["Name"], "own" if r["FolderId"].startswith("005") else r["Folder"]["Name"]) for r in rows])


def quote(org, *args):
    for name, size, text in zip(args[::3], args[1::3], args[2::3]):
        record = org.query("SELECT Id FROM Quote WHERE Name = '%s'" % name)[0]["Id"]
        org.form("POST", "sobjects/QuoteDocument", {"QuoteId": record, "Status": "Completed"}, "Document", body_of(int(size), text))


def quotes(org):
    rows = org.query("SELECT Name, Status, ContentVersionDocument.ContentSize FROM QuoteDocument ORDER BY Name")
    print(*["%s:%s:%d" % (r["Name"].replace(" ", "-"), r["Status"], r["ContentVersionDocument"]["ContentSize"]) for r in rows])


def versions(org, title):
    print(*[row["VersionNumber"] for row in org.query("SELECT VersionNumber FROM ContentVersion WHERE ContentDocumentId = '%s' ORDER BY Id" %
                                                      document_of(org, title))])


if __name__ == "__main__":
    globals()[sys.argv[2]](Org(sys.argv[1]), *sys.argv[3:])
