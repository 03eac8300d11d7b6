#!/usr/bin/env python3
"""An org of a stranger: written from what Salesforce documents alone, by other hands and with other habits than the simulator.

It keeps little (no limits, no latency, no locks) and refuses what is not documented: no composites of the Tooling API, no record
types, no duplicate rules. What the product does with the simulator alone fails here.

stranger.py PORT [habit=value ...]; POST /admin/habit changes some while it runs.
"""
import base64
import csv
import datetime
import gzip
import io
import json
import math
import os
import random
import re
import sys
import threading
import time
import urllib.parse
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

B62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
HABITS = dict(
    http10=0,  # HTTP/1.0
    close=0,  # Connection: close
    nolen=0,  # and no length
    lower=0,  # names of headers in small letters
    date=1,  # a Date header
    info=1,  # Sforce-Limit-Info
    type="application/json;charset=UTF-8",
    slash=0,  # "\\/" in JSON
    page=2000,  # records of a page
    results=1000,  # rows of a page of a Bulk query
    polls=2,  # looks at a job until it is done
    lean=0,  # no GROUP BY, no subqueries
    tools=0,  # the Tooling API has records
    rule="",  # an object that a validation rule closes
    expire=0,  # every so many calls the session ends
    e503=0,  # every so many calls a page of HTML
    lock=0,  # one record of so many is locked
    without="",  # objects that are not there
    nofield="",  # fields that are not there: Object.Field
)


def id18(i):
    out = ""
    for b in range(3):
        bits = 0
        for k in range(5):
            if "A" <= i[b * 5 + k] <= "Z":
                bits |= 1 << k
        out += SUM[bits]
    return i + out


class Wire(Exception):
    def __init__(self, status, code, message, fields=None, body=None):
        self.status, self.code, self.message, self.fields, self.body = status, code, message, fields, body


class RowError(Exception):
    def __init__(self, code, message, fields=()):
        self.code, self.message, self.fields = code, message, list(fields)


def now():
    return time.time()


def iso(t):
    return datetime.datetime.utcfromtimestamp(int(t)).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def field(name, type="string", **more):
    f = dict(aggregatable=True, aiPredictionField=False, autoNumber=False, byteLength=0, calculated=False, calculatedFormula=None, cascadeDelete=False,
             caseSensitive=False, compoundFieldName=None, controllerName=None, createable=True, custom=name.endswith("__c"), defaultValue=None,
             defaultValueFormula=None, defaultedOnCreate=False, dependentPicklist=False, deprecatedAndHidden=False, digits=0, displayLocationInDecimal=False,
             encrypted=False, externalId=False, extraTypeInfo=None, filterable=True, filteredLookupInfo=None, formulaTreatNullNumberAsZero=False,
             groupable=True, highScaleNumber=False, htmlFormatted=False, idLookup=False, inlineHelpText=None, label=name, length=0, mask=None, maskType=None,
             name=name, nameField=name == "Name", namePointing=False, nillable=True, permissionable=True, picklistValues=[], polymorphicForeignKey=False,
             precision=0, queryByDistance=False, referenceTargetField=None, referenceTo=[], relationshipName=None, relationshipOrder=None,
             restrictedDelete=False, restrictedPicklist=False, scale=0, searchPrefilterable=False, soapType="xsd:string", sortable=True, type=type,
             unique=False, updateable=True, writeRequiresMasterRead=False)
    if type == "string":
        f["length"] = 255
    if type == "reference":
        f["length"] = 18
    if type == "boolean":
        f.update(nillable=False, defaultedOnCreate=True, defaultValue=False)
    f.update(more)
    return f


def ro(name, type, **more):
    return field(name, type, createable=False, updateable=False, **more)


def system():
    return [ro("Id", "id", nillable=False, defaultedOnCreate=True, idLookup=True, length=18), ro("IsDeleted", "boolean")], [
        ro("CreatedDate", "datetime", nillable=False, defaultedOnCreate=True), ro("CreatedById", "reference", nillable=False, defaultedOnCreate=True, referenceTo=["User"], relationshipName="CreatedBy"),
        ro("LastModifiedDate", "datetime", nillable=False, defaultedOnCreate=True), ro("LastModifiedById", "reference", nillable=False, defaultedOnCreate=True, referenceTo=["User"], relationshipName="LastModifiedBy"),
        ro("SystemModstamp", "datetime", nillable=False, defaultedOnCreate=True)]


OWNER = field("OwnerId", "reference", nillable=False, defaultedOnCreate=True, referenceTo=["User"], relationshipName="Owner")


def obj(name, prefix, fields, **more):
    head, tail = system()
    d = dict(name=name, label=name, labelPlural=name + "s", keyPrefix=prefix, custom=name.endswith("__c"), createable=True, updateable=True, deletable=True,
             undeletable=True, queryable=True, retrieveable=True, replicateable=True, searchable=True, mergeable=False, triggerable=True, layoutable=True,
             childRelationships=[], recordTypeInfos=[dict(active=True, available=True, defaultRecordTypeMapping=True, developerName="Master", master=True, name="Master", recordTypeId="012000000000000AAA", urls={})],
             fields=head + fields + tail, urls={}, sobjectDescribeOption="FULL", supportedScopes=[])
    d.update(more)
    return d


def schema():
    ext = field("Ext_Id__c", externalId=True, idLookup=True, unique=True, length=40)
    return [
        obj("Organization", "00D", [ro("Name", "string"), ro("InstanceName", "picklist"), ro("IsSandbox", "boolean"), ro("OrganizationType", "picklist"), ro("NamespacePrefix", "string")], createable=False, updateable=False, deletable=False),
        obj("User", "005", [field("Username", nillable=False, length=80, idLookup=True), field("LastName", nillable=False, length=80), field("FirstName"), ro("Name", "string"), field("Email", "email", nillable=False, idLookup=True, length=128), field("IsActive", "boolean"),
                            field("FederationIdentifier"), field("UserType", "picklist")], deletable=False),
        obj("Account", "001", [field("Name", nillable=False, idLookup=False), field("ParentId", "reference", referenceTo=["Account"], relationshipName="Parent"), field("Industry", "picklist"), field("AnnualRevenue", "currency", precision=18, scale=0),
                               field("NumberOfEmployees", "int", digits=8), field("Website", "url", length=255), field("Description", "textarea", length=32000, filterable=False), field("BillingStreet", "textarea", length=255, compoundFieldName="BillingAddress"),
                               field("BillingCity", compoundFieldName="BillingAddress", length=40), ro("BillingAddress", "address", filterable=False), field("Active__c", "boolean"), field("Score__c", "double", precision=18, scale=2), OWNER, ext,
                               field("Since__c", "datetime"), field("Founded__c", "date"), field("Opens__c", "time"), field("Tags__c", "multipicklist", length=4099)]),
        obj("Contact", "003", [field("AccountId", "reference", referenceTo=["Account"], relationshipName="Account"), field("LastName", nillable=False, length=80, compoundFieldName="Name"), field("FirstName", length=40, compoundFieldName="Name"),
                               ro("Name", "string", length=121, nillable=False), field("Email", "email", length=80, idLookup=True), field("Birthdate", "date"), field("ReportsToId", "reference", referenceTo=["Contact"], relationshipName="ReportsTo"), OWNER, ext]),
        obj("Task", "00T", [field("WhoId", "reference", referenceTo=["Contact", "Lead"], relationshipName="Who", polymorphicForeignKey=True), field("WhatId", "reference", referenceTo=["Account", "Opportunity"], relationshipName="What", polymorphicForeignKey=True),
                            field("Subject", "combobox", length=255), field("Status", "picklist", nillable=False, defaultedOnCreate=True), field("Priority", "picklist", nillable=False, defaultedOnCreate=True), OWNER, ro("IsArchived", "boolean")]),
        obj("Note__c", "a01", [field("Name", nillable=True, length=80), field("Account__c", "reference", nillable=False, referenceTo=["Account"], relationshipName="Account__r", relationshipOrder=0, cascadeDelete=True, updateable=False), field("Text__c", "textarea", length=131072, filterable=False)]),
    ]


# ---- SOQL -------------------------------------------------------------------------------------------------
TOKEN = re.compile(r"\s*('(?:\\.|[^'\\])*'|\d{4}-\d\d-\d\d(?:T[0-9:.]+(?:Z|[+-]\d\d:?\d\d)?)?|[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|[A-Za-z_][\w.]*(?::\d+)?|<=|>=|!=|<>|[=<>(),])")


class Soql:
    def __init__(self, org, text):
        self.org, self.text, self.toks, at = org, text, [], 0
        text = text.rstrip()
        while at < len(text):
            m = TOKEN.match(text, at)
            if not m:
                raise Wire(400, "MALFORMED_QUERY", "unexpected token: %r" % text[at:at + 20])
            self.toks.append(m.group(1))
            at = m.end()
        self.i = 0

    def peek(self, *words):
        return self.i < len(self.toks) and self.toks[self.i].upper() in words

    def take(self, *words):
        if self.peek(*words):
            self.i += 1
            return True
        return False

    def need(self, *words):
        if not self.take(*words):
            raise Wire(400, "MALFORMED_QUERY", "unexpected token: '%s' (wanted %s)" % (self.toks[self.i] if self.i < len(self.toks) else "<EOF>", words))

    def next(self):
        if self.i >= len(self.toks):
            raise Wire(400, "MALFORMED_QUERY", "unexpected token: <EOF>")
        self.i += 1
        return self.toks[self.i - 1]

    def parse(self, objects=None):
        self.need("SELECT")
        self.objects = objects
        self.fields, self.count, self.aggs, self.group, self.order, self.limit, self.offset, self.where = [], False, [], [], [], None, 0, None
        while True:
            if self.peek("("):
                raise Wire(400, "MALFORMED_QUERY", "unexpected token: '('")
            name = self.next()
            if self.take("("):
                arg = None if self.peek(")") else self.next()
                self.need(")")
                alias = None
                if not self.peek(",", "FROM"):
                    alias = self.next()
                if name.upper() == "COUNT" and arg is None:
                    self.count = True
                else:
                    self.aggs.append((name.upper(), arg, alias))
                    self.fields.append(None)
            else:
                self.fields.append(name)
            if not self.take(","):
                break
        self.need("FROM")
        self.type = self.next()
        self.desc = self.org.desc(self.type, 400, objects)
        if self.take("WHERE"):
            self.where = self.cond()
        if self.take("GROUP"):
            self.need("BY")
            if self.org.h["lean"]:
                raise Wire(400, "MALFORMED_QUERY", "unexpected token: 'GROUP'")
            self.group.append(self.next())
        if self.take("ORDER"):
            self.need("BY")
            while True:
                name, down = self.next(), False
                if self.take("DESC"):
                    down = True
                else:
                    self.take("ASC")
                if self.take("NULLS"):
                    self.next()
                self.order.append((name, down))
                if not self.take(","):
                    break
        if self.take("LIMIT"):
            self.limit = int(self.next())
        if self.take("OFFSET"):
            self.offset = int(self.next())
        if self.i < len(self.toks):
            raise Wire(400, "MALFORMED_QUERY", "unexpected token: '%s'" % self.toks[self.i])
        for f in self.fields:
            if f:
                self.check(f)
        for f, _ in self.order:
            self.check(f)
        return self

    def check(self, path):
        d = self.desc
        if d.get("flat"):
            f = self.org.field(d, path)
            if not f:
                raise Wire(400, "INVALID_FIELD", "No such column '%s' on entity '%s'" % (path, d["name"]))
            return f
        parts = path.split(".")
        for k, p in enumerate(parts):
            if k + 1 < len(parts):
                rel = next((f for f in d["fields"] if f["relationshipName"] and f["relationshipName"].lower() == p.lower()), None)
                if not rel:
                    raise Wire(400, "INVALID_FIELD", "\n%s\n^\nERROR at Row:1:Column:8\nDidn't understand relationship '%s' in field path." % (self.text[:60], p))
                if len(rel["referenceTo"]) > 1:
                    return None
                d = self.org.desc(rel["referenceTo"][0], 400)
            else:
                f = self.org.field(d, p)
                if not f:
                    raise Wire(400, "INVALID_FIELD", "\n%s\n^\nERROR at Row:1:Column:8\nNo such column '%s' on entity '%s'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name." % (self.text[:60], p, d["name"]))
                return f

    def cond(self):
        left = self.unary()
        op = None
        while self.peek("AND", "OR"):
            o = self.next().upper()
            if op and o != op:
                raise Wire(400, "MALFORMED_QUERY", "unexpected token: '%s'" % o)
            op = o
            right = self.unary()
            l, r = left, right
            left = (lambda row, l=l, r=r: l(row) and r(row)) if o == "AND" else (lambda row, l=l, r=r: l(row) or r(row))
        return left

    def unary(self):
        if self.take("NOT"):
            c = self.unary()
            return lambda row: not c(row)
        if self.take("("):
            c = self.cond()
            self.need(")")
            return c
        path = self.next()
        f = self.check(path)
        if f and not f["filterable"]:
            raise Wire(400, "INVALID_FIELD", "field '%s' can not be filtered in a query call" % path)
        kind = f["type"] if f else "string"
        neg = False
        if self.take("NOT"):
            neg = True
            self.need("IN")
            return self.in_list(path, kind, True)
        if self.take("IN"):
            return self.in_list(path, kind, neg)
        op = self.next().upper()
        raw = self.next()
        if op == "LIKE":
            pat = re.compile("^" + re.escape(self.lit(raw)).replace("%", ".*").replace("_", ".") + "$", re.I | re.S)
            return lambda row: self.org.value(self.desc, row, path) is not None and bool(pat.match(self.org.value(self.desc, row, path)))
        want = self.lit(raw, kind)
        key = self.key(kind)
        w = key(want)

        def test(row):
            v = key(self.org.value(self.desc, row, path))
            if op == "=":
                return v == w
            if op in ("!=", "<>"):
                return v != w
            if v is None or w is None:
                return False
            return {"<": v < w, ">": v > w, "<=": v <= w, ">=": v >= w}[op]
        return test

    def in_list(self, path, kind, neg):
        self.need("(")
        key = self.key(kind)
        if self.peek("SELECT"):
            if self.org.h["lean"]:
                raise Wire(400, "MALFORMED_QUERY", "unexpected token: 'SELECT'")
            depth, start = 1, self.i
            while depth:
                t = self.next()
                depth += (t == "(") - (t == ")")
            sub = Soql(self.org, " ".join(self.toks[start:self.i - 1])).parse()
            vals = {key(self.org.value(sub.desc, r, sub.fields[0])) for r in sub.rows(False)}
        else:
            vals = set()
            while True:
                vals.add(key(self.lit(self.next(), kind)))
                if not self.take(","):
                    break
            self.need(")")
        return lambda row: (key(self.org.value(self.desc, row, path)) in vals) != neg

    def key(self, kind):
        if kind in ("id", "reference"):
            return lambda v: v[:15] if v else None
        if kind == "datetime":
            return lambda v: when(v) if v else None
        if kind in ("string", "picklist", "textarea", "email", "url", "phone", "combobox", "multipicklist"):
            return lambda v: str(v).lower() if v not in (None, "") else None
        return lambda v: v

    def lit(self, raw, kind="string"):
        if raw.startswith("'"):
            if kind in ("datetime", "date", "boolean", "int", "double", "currency", "percent"):
                raise Wire(400, "INVALID_FIELD", "value of filter criterion for field must be of type %s and should not be enclosed in quotes" % kind)
            return re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}.get(m.group(1), m.group(1)), raw[1:-1])
        if raw.lower() == "null":
            return None
        if raw.lower() in ("true", "false"):
            return raw.lower() == "true"
        if re.match(r"\d{4}-", raw):
            if kind == "datetime" and "T" not in raw:
                raise Wire(400, "INVALID_FIELD", "value of filter criterion for field must be of type dateTime")
            return raw
        if kind not in ("int", "double", "currency", "percent"):
            raise Wire(400, "INVALID_FIELD", "value of filter criterion must be of type string and should be enclosed in quotes: %s" % raw)
        try:
            return float(raw)
        except ValueError:
            raise Wire(400, "MALFORMED_QUERY", "Bind variables only allowed in Apex code")

    def rows(self, all_rows):
        out = [r for r in list(self.org.rows[self.desc["name"]].values()) if (all_rows or not r.get("IsDeleted")) and (not self.where or self.where(r))]
        for name, down in reversed(self.order):
            f = self.check(name)
            k = self.key(f["type"] if f else "string")
            out.sort(key=lambda r: (lambda v: (v is not None, v))(k(self.org.value(self.desc, r, name))), reverse=down)
        if not self.order:
            random.Random(7).shuffle(out)
        return out[self.offset:][:self.limit] if self.limit is not None else out[self.offset:]


def when(v):
    m = re.match(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d))?(\.\d+)?(Z|[+-]\d\d:?\d\d)?)?$", v)
    if not m:
        raise RowError("INVALID_TYPE_ON_FIELD_IN_RECORD", "not a date: " + v)
    y, mo, d, h, mi, s = (int(m.group(k) or 0) for k in range(1, 7))
    t = datetime.datetime(y, mo, d, h, mi, s, tzinfo=datetime.timezone.utc).timestamp()
    z = m.group(8)
    if z and z != "Z":
        n = int(z[1:3]) * 3600 + int(z[-2:]) * 60
        t -= n if z[0] == "+" else -n
    return t


# ---- the org ----------------------------------------------------------------------------------------------
class Org:
    def __init__(self, h, port):
        self.h, self.port, self.lock = h, port, threading.RLock()
        self.counter = random.randrange(10 ** 6)
        descs = schema()
        descs = [d for d in descs if d["name"] not in h["without"].split(",")]
        for d in descs:
            d["fields"] = [f for f in d["fields"] if d["name"] + "." + f["name"] not in h["nofield"].split(",")]
        self.objects = {d["name"].lower(): d for d in descs}
        for d in descs:
            for f in d["fields"]:
                for to in f["referenceTo"]:
                    p = self.objects.get(to.lower())
                    if p:
                        p["childRelationships"].append(dict(cascadeDelete=f["cascadeDelete"], childSObject=d["name"], deprecatedAndHidden=False, field=f["name"], junctionIdListNames=[], junctionReferenceTo=[], relationshipName=None, restrictedDelete=False))
        self.rows = {d["name"]: {} for d in descs}
        self.tool = {"validationrule": dict(name="ValidationRule", flat=True, keyPrefix="03d", fields=[field(n) for n in ("Id", "ValidationName", "NamespacePrefix", "EntityDefinition.QualifiedApiName", "FullName")] + [field("Active", "boolean")]),
                     "flowdefinition": dict(name="FlowDefinition", flat=True, keyPrefix="300", fields=[field(n) for n in ("Id", "DeveloperName", "ActiveVersionId", "LatestVersionId", "ActiveVersion.VersionNumber", "NamespacePrefix")]),
                     "apextrigger": dict(name="ApexTrigger", flat=True, keyPrefix="01q", fields=[field(n) for n in ("Id", "Name", "TableEnumOrId", "Status", "NamespacePrefix", "EntityDefinition.QualifiedApiName")]),
                     "workflowrule": dict(name="WorkflowRule", flat=True, keyPrefix="01Q", fields=[field(n) for n in ("Id", "Name", "TableEnumOrId", "NamespacePrefix")]),
                     "entitydefinition": dict(name="EntityDefinition", flat=True, keyPrefix="4ie", fields=[field(n) for n in ("DurableId", "QualifiedApiName")])}
        for d in self.tool.values():
            self.rows[d["name"]] = {}
        if h["rule"]:
            rid = id18("03dxx0000004567")
            self.rows["ValidationRule"][rid] = {"Id": rid, "ValidationName": "Never", "Active": True, "NamespacePrefix": None, "EntityDefinition.QualifiedApiName": h["rule"], "FullName": h["rule"] + ".Never", "IsDeleted": False,
                "Metadata": {"active": True, "description": None, "errorConditionFormula": "true", "errorDisplayField": None, "errorMessage": "never", "urls": None}}
        self.jobs, self.sessions, self.locators, self.calls = {}, {}, {}, 0
        self.orgid = id18("00Dxx0000" + "".join(random.choice(B62) for _ in range(6)))
        self.user = id18("005xx000001Sv6A")
        t = iso(now())
        sysf = dict(IsDeleted=False, CreatedDate=t, LastModifiedDate=t, SystemModstamp=t, CreatedById=self.user, LastModifiedById=self.user)
        self.rows["Organization"][self.orgid] = dict(sysf, Id=self.orgid, Name="Stranger", InstanceName="CS1", IsSandbox=True, OrganizationType="Developer Edition", NamespacePrefix=None)
        if "User" in self.rows:
            self.rows["User"][self.user] = dict(sysf, Id=self.user, Username="admin@%d.example.com" % port, LastName="Admin", FirstName="An", Name="An Admin", Email="admin@example.com", IsActive=True, UserType="Standard", FederationIdentifier=None)

    def desc(self, name, status, objects=None):
        d = (objects or self.objects).get(name.lower())
        if not d:
            if status == 400:
                raise Wire(400, "INVALID_TYPE", "\nSELECT Id FROM %s\n               ^\nERROR at Row:1:Column:16\nsObject type '%s' is not supported." % (name, name))
            raise Wire(404, "NOT_FOUND", "The requested resource does not exist")
        return d

    def field(self, d, name):
        return next((f for f in d["fields"] if f["name"].lower() == name.lower()), None)

    def value(self, d, row, path):
        if d.get("flat"):
            return row.get(self.field(d, path)["name"])
        parts = path.split(".")
        for p in parts[:-1]:
            if p.lower() in ("who", "what", "owner") and parts[-1].lower() == "type":
                rid = row.get(next(f["name"] for f in d["fields"] if f["relationshipName"] and f["relationshipName"].lower() == p.lower()))
                return self.type_of(rid) if rid else None
            rel = next(f for f in d["fields"] if f["relationshipName"] and f["relationshipName"].lower() == p.lower())
            rid = row.get(rel["name"])
            if not rid:
                return None
            d = self.objects[self.type_of(rid).lower()]
            row = self.rows[d["name"]].get(rid)
            if not row:
                return None
        f = self.field(d, parts[-1])
        return row.get(f["name"]) if f else None

    def type_of(self, rid):
        return next((d["name"] for d in self.objects.values() if d["keyPrefix"] == rid[:3]), None)

    def new_id(self, prefix):
        self.counter += 1
        n, s = self.counter * 7, ""
        while n:
            s = B62[n % 62] + s
            n //= 62
        return id18(prefix + "xx0" + s.rjust(9, "0"))

    def find(self, rid):
        t = self.type_of(rid)
        if not t:
            return None, None
        r = self.rows[t].get(rid) or next((x for k, x in self.rows[t].items() if k[:15] == rid[:15]), None)
        return self.objects[t.lower()], r

    def convert(self, f, v):
        t = f["type"]
        if v is None or v == "":
            if t == "boolean":
                raise RowError("INVALID_TYPE_ON_FIELD_IN_RECORD", "%s: value not of required type: null" % f["name"], [f["name"]])
            return None
        try:
            if t == "boolean":
                if isinstance(v, str):
                    v = v.lower() in ("true", "1", "yes")
                return bool(v)
            if t in ("double", "currency", "percent"):
                x = float(v)
                return float(math.floor(abs(x) * 10 ** f["scale"] + 0.5) / 10 ** f["scale"] * (1 if x >= 0 else -1))
            if t == "int":
                return int(float(v))
            if t == "datetime":
                return iso(when(v))
            if t == "date":
                return re.match(r"\d{4}-\d\d-\d\d", v).group(0)
            if t == "time":
                return v.rstrip("Z") + "Z"
        except (ValueError, AttributeError, TypeError):
            raise RowError("INVALID_TYPE_ON_FIELD_IN_RECORD", "%s: value not of required type: %s" % (f["name"], v), [f["name"]])
        v = str(v)
        if t == "reference":
            if not re.match(r"^[A-Za-z0-9]{15}([A-Za-z0-9]{3})?$", v):
                raise RowError("MALFORMED_ID", "%s: id value of incorrect type: %s" % (f["label"], v), [f["name"]])
            d, row = self.find(v)
            if d and d["name"] not in f["referenceTo"]:
                raise RowError("FIELD_INTEGRITY_EXCEPTION", "%s: id value of incorrect type: %s" % (f["label"], v), [f["name"]])
            if not row or row["IsDeleted"]:
                raise RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [])
            return row["Id"]
        v = v.strip()
        if f["length"] and len(v) > f["length"]:
            raise RowError("STRING_TOO_LONG", "%s: data value too large: %s (max length=%d)" % (f["label"], v, f["length"]), [f["name"]])
        return (v.lower() if t == "email" else v) or None

    def write(self, d, body, rid=None):
        """Inserts or updates; gives the id."""
        row = None
        for r in self.rows["ValidationRule"].values():
            if r["Active"] and r["EntityDefinition.QualifiedApiName"] == d["name"] and "LastName" in body:
                raise RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", r["Metadata"]["errorMessage"])
        if rid:
            dd, row = self.find(rid)
            if not row or dd is not d:
                raise RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
            if row["IsDeleted"]:
                raise RowError("ENTITY_IS_DELETED", "entity is deleted")
        new, given = {}, set()
        for k, v in body.items():
            if k == "attributes" or k.lower() == "id":
                if k.lower() == "id" and not rid:
                    raise RowError("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ["Id"])
                continue
            f = self.field(d, k)
            if not f:
                raise RowError("INVALID_FIELD", "No such column '%s' on sobject of type %s" % (k, d["name"]))
            if not f["updateable" if rid else "createable"]:
                raise RowError("INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: %s. Please check the security settings of this field and verify that it is read/write for your profile or permission set." % f["name"], [f["name"]])
            new[f["name"]] = self.convert(f, v)
            given.add(f["name"])
        for f in d["fields"]:
            req = f["createable"] and not f["nillable"] and not f["defaultedOnCreate"]
            if req and ((not rid and new.get(f["name"]) is None) or (rid and f["name"] in new and new[f["name"]] is None)):
                raise RowError("REQUIRED_FIELD_MISSING", "Required fields are missing: [%s]" % f["name"], [f["name"]])
            if f["unique"] and new.get(f["name"]) is not None:
                for other in self.rows[d["name"]].values():
                    if other is not row and not other["IsDeleted"] and str(other.get(f["name"]) or "").lower() == str(new[f["name"]]).lower():
                        raise RowError("DUPLICATE_VALUE", "duplicate value found: %s duplicates value on record with id: %s" % (f["name"], other["Id"][:15]), [])
        t = iso(now())
        if not rid:
            row = {f["name"]: (False if f["type"] == "boolean" else None) for f in d["fields"] if f["type"] not in ("address", "location")}
            rid = self.new_id(d["keyPrefix"])
            row.update(Id=rid, IsDeleted=False, CreatedDate=t, CreatedById=self.user)
            if self.field(d, "OwnerId"):
                row["OwnerId"] = self.user
        for k in ("Status", "Priority"):
            if self.field(d, k) and not row.get(k):
                row[k] = "Normal" if k == "Priority" else "New"
        row.update(new, LastModifiedDate=t, LastModifiedById=self.user, SystemModstamp=t)
        if d["name"] in ("Contact", "Lead"):
            row["Name"] = " ".join(x for x in (row.get("FirstName"), row.get("LastName")) if x)
        self.rows[d["name"]][row["Id"]] = row
        return row["Id"]

    def delete(self, rid):
        d, row = self.find(rid)
        if not row:
            raise RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if row["IsDeleted"]:
            raise RowError("ENTITY_IS_DELETED", "entity is deleted")
        t = iso(now())
        row.update(IsDeleted=True, SystemModstamp=t)
        for dd in self.objects.values():
            for f in dd["fields"]:
                if f["type"] == "reference" and f["cascadeDelete"] and d["name"] in f["referenceTo"]:
                    for r in list(self.rows[dd["name"]].values()):
                        if r.get(f["name"]) == row["Id"] and not r["IsDeleted"]:
                            self.delete(r["Id"])
        return row["Id"]

    def out(self, d, row, paths, v):
        o = {"attributes": {"type": d["name"], "url": "/services/data/%s/sobjects/%s/%s" % (v, d["name"], row["Id"])}}
        for p in paths:
            parts, at = p.split("."), o
            if d.get("flat"):
                for x in parts[:-1]:
                    at = at.setdefault(x, {"attributes": {"type": x}})
                at[parts[-1]] = self.value(d, row, p)
                continue
            if len(parts) > 1:
                rel = next(f for f in d["fields"] if f["relationshipName"] and f["relationshipName"].lower() == parts[0].lower())
                rid = row.get(rel["name"])
                if not rid:
                    o[rel["relationshipName"]] = None
                    continue
                at = o.setdefault(rel["relationshipName"], {"attributes": {"type": self.type_of(rid) or "User"}})
                at[parts[-1]] = self.value(d, row, p)
            else:
                f = self.field(d, p)
                o[f["name"]] = row.get(f["name"])
        return o


def err_row(e, rid=None, upsert=False):
    o = {"success": False, "errors": [{"statusCode": e.code, "message": e.message, "fields": e.fields}]}
    if upsert:
        o["created"] = False
    return o


# ---- HTTP -------------------------------------------------------------------------------------------------
class Handler(BaseHTTPRequestHandler):
    server_version = "sfdcedge"
    sys_version = ""
    def log_message(self, *a):
        pass

    @property
    def org(self):
        return self.server.org

    def reply(self, status, body=None, type=None, headers=()):
        h = self.org.h
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body, separators=(", ", " : "), ensure_ascii=False).encode()
        if h["slash"] and not isinstance(body, bytes):
            raw = raw.replace(b"/", b"\\/")
        self.send_response_only(status)
        put = lambda n, v: self.send_header(n.lower() if h["lower"] else n, v)
        if h["date"]:
            put("Date", formatdate(usegmt=True))
        if body is not None:
            put("Content-Type", type or h["type"])
        if h["info"] and status not in (204,) and not self.path.endswith("/services/data"):
            put("Sforce-Limit-Info", "api-usage=%d/15000, per-app-api-usage=17/250(appName=x)" % self.org.calls)
        for n, v in headers:
            put(n, v)
        if "gzip" in self.headers.get("Accept-Encoding", "") and raw:
            raw = gzip.compress(raw)
            put("Content-Encoding", "gzip")
        put("Vary", "Accept-Encoding")
        if h["close"]:
            put("Connection", "close")
            self.close_connection = True
        if h["nolen"]:
            put("Connection", "close")
            self.close_connection = True
            self.end_headers()
            self.wfile.write(raw)
        elif self.request_version == "HTTP/1.0" or h["http10"] or status == 204:
            if status != 204:
                put("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)
        else:
            put("Transfer-Encoding", "chunked")
            self.end_headers()
            out = io.BytesIO()
            for k in range(0, len(raw), 8192):
                part = raw[k:k + 8192]
                out.write(b"%x\r\n%s\r\n" % (len(part), part))
            out.write(b"0\r\n\r\n")
            self.wfile.write(out.getvalue())

    def go(self):
        n = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(n)
        url = urllib.parse.urlsplit(self.path)
        self.q = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        try:
            if url.path.startswith("/admin/"):
                return self.admin(url.path[7:])
            if url.path == "/services/oauth2/token":
                return self.token()
            if url.path == "/services/data":
                return self.reply(200, [{"label": "V%d" % v, "url": "/services/data/v%d.0" % v, "version": "%d.0" % v} for v in range(31, 67)])
            self.org.calls += 1
            n = self.org.calls
            token = (self.headers.get("Authorization") or "").split(" ", 1)[-1]
            if self.org.h["expire"] and n % self.org.h["expire"] == 0:
                self.org.sessions.pop(token, None)
            if token not in self.org.sessions and not url.path.startswith("/services/Soap"):
                return self.reply(401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}], headers=[("WWW-Authenticate", "Token")])
            if self.org.h["e503"] and n % self.org.h["e503"] == 0:
                return self.reply(503, b"<html><body>Down for maintenance</body></html>", "text/html; charset=utf-8")
            with self.org.lock:
                self.route(self.command, url.path, self.q, self.body)
        except Wire as e:
            self.fail(e)
        except BrokenPipeError:
            pass

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = go

    def fail(self, e):
        if e.body is not None:
            return self.reply(e.status, e.body)
        o = {"message": e.message, "errorCode": e.code}
        if e.fields:
            o["fields"] = e.fields
        self.reply(e.status, [o])

    def token(self):
        p = dict(urllib.parse.parse_qsl(self.body.decode()))
        if self.headers.get("Content-Type", "").split(";")[0] != "application/x-www-form-urlencoded":
            return self.reply(400, {"error": "invalid_request", "error_description": "bad content type"})
        g = p.get("grant_type")
        if g == "client_credentials" and p.get("client_secret") != "s3cret":
            return self.reply(401, {"error": "invalid_client", "error_description": "invalid client credentials"})
        if g == "password" and p.get("password") != "pw+token":
            return self.reply(400, {"error": "invalid_grant", "error_description": "authentication failure"})
        if g == "refresh_token" and p.get("refresh_token") != "5Aep861":
            return self.reply(400, {"error": "invalid_grant", "error_description": "expired access/refresh token"})
        if g not in ("client_credentials", "password", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"):
            return self.reply(400, {"error": "unsupported_grant_type", "error_description": "grant type not supported"})
        tok = self.org.orgid[:15] + "!" + base64.b64encode(os.urandom(36)).decode().replace("+", ".").replace("/", "_")
        self.org.sessions[tok] = now()
        base = "http://127.0.0.1:%d" % self.org.port
        o = {"access_token": tok, "signature": "c2ln", "instance_url": base, "id": "https://login.salesforce.com/id/%s/%s" % (self.org.orgid, self.org.user), "token_type": "Bearer", "issued_at": str(int(now() * 1000))}
        if g != "password":
            o["scope"] = "api id"
        self.reply(200, o)

    def admin(self, what):
        o = self.org
        if what == "seed":
            with o.lock:
                ids = {}
                for line in self.body.decode().splitlines():
                    r = json.loads(line)
                    d = o.desc(r["attributes"]["type"], 404)
                    key = r.pop("Id", None)
                    r = {k: ids.get(v, v) if isinstance(v, str) else v for k, v in r.items()}
                    rid = o.write(d, r)
                    ids[key] = rid
            return self.reply(200, len(ids))
        if what == "session":
            tok = "00Dstatic!abc"
            o.sessions[tok] = now()
            return self.reply(200, {"token": tok})
        if what == "calls":
            return self.reply(200, {"calls": o.calls})
        if what == "dump":
            return self.reply(200, {t: [r for r in rows.values()] for t, rows in o.rows.items()})
        if what == "habit":
            for k, v in json.loads(self.body).items():
                o.h[k] = v
            return self.reply(200, o.h)
        raise Wire(404, "NOT_FOUND", what)

    # ---- REST ----
    def route(self, method, path, q, body):
        status, out, headers = self.call(method, path, q, body)
        if isinstance(out, bytes):
            return self.reply(status, out, "text/csv", headers)
        self.reply(status, out, headers=headers)

    def js(self, body):
        try:
            return json.loads(body)
        except ValueError as e:
            raise Wire(400, "JSON_PARSER_ERROR", "Unexpected character at [line:1, column:1]: %s" % e)

    def call(self, method, path, q, body):
        o = self.org
        if path.startswith("/services/oauth2/userinfo"):
            return 200, {"user_id": o.user, "organization_id": o.orgid, "sub": "x", "preferred_username": "a"}, ()
        if path.startswith("/services/Soap/u/"):
            return self.soap(body)
        m = re.match(r"^/services/data/(v\d+\.\d)(?:/(.*))?$", path)
        if not m:
            raise Wire(404, "NOT_FOUND", "The requested resource does not exist")
        v, rest = m.group(1), (m.group(2) or "")
        parts = rest.strip("/").split("/")
        head = parts[0]
        if rest in ("", "/"):
            return 200, {k: "/services/data/%s/%s" % (v, k) for k in ("sobjects", "query", "composite", "limits", "jobs")}, ()
        if head == "limits" and len(parts) == 1:
            return 200, {"DailyApiRequests": {"Max": 15000, "Remaining": 15000 - o.calls}, "DailyBulkApiBatches": {"Max": 15000, "Remaining": 15000}, "DailyBulkV2QueryJobs": {"Max": 10000, "Remaining": 10000}, "DataStorageMB": {"Max": 5, "Remaining": 5}, "FileStorageMB": {"Max": 20, "Remaining": 20}}, ()
        if head == "limits" and parts[1] == "recordCount":
            names = [n for n in q.get("sObjects", "").split(",") if n.lower() in o.objects]
            return 200, {"sObjects": [{"count": len(o.rows[o.objects[n.lower()]["name"]]), "name": o.objects[n.lower()]["name"]} for n in names]}, ()
        if head in ("query", "queryAll"):
            if len(parts) > 1:
                return self.more(parts[1], v)
            if "q" not in q:
                raise Wire(400, "MALFORMED_QUERY", "no q")
            return self.query(q["q"], head == "queryAll", v)
        if head == "tooling":
            if parts[1] == "query":
                t = re.search(r"FROM\s+(\w+)", q.get("q", ""), re.I)
                if not o.h["tools"]:
                    raise Wire(400, "INVALID_TYPE", "sObject type '%s' is not supported." % (t.group(1) if t else "?"))
                sq = Soql(o, q["q"]).parse(o.tool)
                rows = sq.rows(False)
                return 200, {"size": len(rows), "totalSize": len(rows), "done": True, "queryLocator": None, "entityTypeName": sq.desc["name"], "records": [o.out(sq.desc, r, sq.fields, v) for r in rows]}, ()
            if parts[1] == "sobjects" and len(parts) == 4 and parts[2].lower() in o.tool and parts[3] in o.rows[o.tool[parts[2].lower()]["name"]]:
                row = o.rows[o.tool[parts[2].lower()]["name"]][parts[3]]
                if method == "PATCH":
                    m = self.js(body)["Metadata"]
                    if set(m) != set(row["Metadata"]):
                        raise Wire(400, "FIELD_INTEGRITY_EXCEPTION", "whole Metadata must be sent")
                    row["Metadata"], row["Active"] = m, m["active"]
                    return 204, None, ()
                return 200, dict(row, attributes={"type": parts[2]}), ()
            raise Wire(404, "NOT_FOUND", "The requested resource does not exist")
        if head == "sobjects":
            return self.sobjects(method, parts[1:], q, body, v)
        if head == "composite":
            return self.composite(method, parts[1:], q, body, v)
        if head == "jobs":
            return self.jobs(method, parts[1:], q, body, v)
        raise Wire(404, "NOT_FOUND", "The requested resource does not exist")

    def page(self, desc, rows, fields, v, total, batch):
        n = min(self.org.h["page"], batch)
        out = {"totalSize": total, "done": len(rows) <= n}
        if len(rows) > n:
            loc = "0r8xx%013x" % random.getrandbits(50)
            self.org.locators[loc] = (desc, rows[n:], fields, total, batch)
            out["nextRecordsUrl"] = "/services/data/%s/query/%s-%d" % (v, loc, total - len(rows) + n)
        out["records"] = [self.org.out(desc, r, fields, v) for r in rows[:n]]
        return 200, out, ()

    def query(self, text, all_rows, v):
        o = self.org
        s = Soql(o, text).parse()
        rows = s.rows(all_rows)
        m = re.search(r"batchSize=(\d+)", self.headers.get("Sforce-Query-Options", ""))
        if s.count:
            return 200, {"totalSize": len(rows), "done": True, "records": []}, ()
        if s.aggs:
            groups = {}
            for r in rows:
                groups.setdefault(tuple(o.value(s.desc, r, g) for g in s.group), []).append(r)
            if not s.group:
                groups.setdefault((), [])
            recs = []
            for k, rs in groups.items():
                rec = {"attributes": {"type": "AggregateResult"}}
                rec.update({g: x for g, x in zip(s.group, k)})
                for n, (fn, arg, alias) in enumerate(s.aggs):
                    vals = [o.value(s.desc, r, arg) for r in rs if o.value(s.desc, r, arg) is not None]
                    rec[alias or "expr%d" % n] = {"COUNT": len, "COUNT_DISTINCT": lambda x: len(set(x)), "MIN": lambda x: min(x, default=None), "MAX": lambda x: max(x, default=None), "SUM": sum}[fn](vals)
                recs.append(rec)
            return 200, {"totalSize": len(recs), "done": True, "records": recs}, ()
        return self.page(s.desc, rows, s.fields, v, len(rows), int(m.group(1)) if m else 2000)

    def more(self, loc, v):
        at = self.org.locators.pop(loc.rsplit("-", 1)[0], None)
        if not at:
            raise Wire(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        desc, rows, fields, total, batch = at
        return self.page(desc, rows, fields, v, total, batch)

    def sobjects(self, method, parts, q, body, v):
        o = self.org
        if not parts:
            keep = ("name", "label", "labelPlural", "keyPrefix", "custom", "createable", "updateable", "deletable", "queryable", "replicateable", "undeletable", "retrieveable", "searchable", "layoutable")
            return 200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [dict({k: d[k] for k in keep if k in d}, associateEntityType=None, associateParentEntity=None, urls={}) for d in o.objects.values()]}, ()
        d = o.desc(parts[0], 404)
        if len(parts) == 1:
            if method == "POST":
                try:
                    rid = o.write(d, self.js(body))
                except RowError as e:
                    raise Wire(400, e.code, e.message, e.fields)
                return 201, {"id": rid, "success": True, "errors": []}, [("Location", "/services/data/%s/sobjects/%s/%s" % (v, d["name"], rid))]
            return 200, {"objectDescribe": {"name": d["name"]}, "recentItems": []}, ()
        if parts[1] == "describe":
            return 200, d, ()
        if parts[1] in ("updated", "deleted"):
            a, b = when(q["start"]), when(q["end"])
            if b - a < 60:
                raise Wire(400, "INVALID_REPLICATION_DATE", "The end date must be at least one minute greater than the start date")
            a, b = a - a % 60, b - b % 60
            hit = [r for r in o.rows[d["name"]].values() if a <= when(r["SystemModstamp"]) < b and r["IsDeleted"] == (parts[1] == "deleted")]
            if parts[1] == "updated":
                return 200, {"ids": [r["Id"] for r in hit], "latestDateCovered": iso(b)}, ()
            return 200, {"deletedRecords": [{"deletedDate": r["SystemModstamp"], "id": r["Id"]} for r in hit], "earliestDateAvailable": iso(now() - 86400 * 15), "latestDateCovered": iso(b)}, ()
        if len(parts) == 2:
            dd, row = o.find(parts[1])
            if not row or (row["IsDeleted"] and method != "DELETE"):
                raise Wire(404, "NOT_FOUND", "The requested resource does not exist")
            try:
                if method == "PATCH":
                    o.write(d, self.js(body), row["Id"])
                    return 204, None, ()
                if method == "DELETE":
                    o.delete(row["Id"])
                    return 204, None, ()
            except RowError as e:
                raise Wire(404 if e.code == "ENTITY_IS_DELETED" else 400, e.code, e.message, e.fields)
            names = q["fields"].split(",") if "fields" in q else [f["name"] for f in d["fields"]]
            return 200, o.out(d, row, names, v), ()
        raise Wire(404, "NOT_FOUND", "The requested resource does not exist")

    def composite(self, method, parts, q, body, v):
        o = self.org
        if not parts:
            if method != "POST":
                raise Wire(405, "METHOD_NOT_ALLOWED", "HTTP Method '%s' not allowed. Allowed are POST" % method)
            j = self.js(body)
            reqs = j["compositeRequest"]
            if len(reqs) > 25 or sum("query" in r["url"] or "/composite/" in r["url"] for r in reqs) > 5:
                raise Wire(400, "LIMIT_EXCEEDED", "too many subrequests")
            out = []
            for r in reqs:
                bad = set(x.lower() for x in r.get("httpHeaders", {})) & {"accept", "authorization", "content-type"}
                u = urllib.parse.urlsplit(r["url"])
                try:
                    if bad:
                        raise Wire(400, "INVALID_HTTP_HEADER", "header not allowed")
                    if not r["url"].startswith("/services/data/v"):
                        raise Wire(400, "INVALID_INPUT", "bad url")
                    status, res, hd = self.call(r["method"], u.path, dict(urllib.parse.parse_qsl(u.query, keep_blank_values=True)), json.dumps(r.get("body", None)).encode())
                except Wire as e:
                    status, res, hd = e.status, e.body or [dict({"errorCode": e.code, "message": e.message}, **({"fields": e.fields} if e.fields else {}))], ()
                out.append({"body": res, "httpHeaders": dict(hd), "httpStatusCode": status, "referenceId": r["referenceId"]})
            return 200, {"compositeResponse": out}, ()
        if parts[0] != "sobjects":
            raise Wire(404, "NOT_FOUND", "The requested resource does not exist")
        if method == "DELETE":
            res = []
            for rid in q["ids"].split(","):
                try:
                    res.append({"id": o.delete(rid), "success": True, "errors": []})
                except RowError as e:
                    res.append(dict(err_row(e), id=rid))
            return 200, res, ()
        if len(parts) == 2:
            d = o.desc(parts[1], 404)
            if method == "GET":
                ids, names = q["ids"].split(","), q["fields"].split(",")
            else:
                j = self.js(body)
                ids, names = j["ids"], j["fields"]
            for n in names:
                if not o.field(d, n):
                    raise Wire(400, "INVALID_FIELD", "No such column '%s' on sobject of type %s" % (n, d["name"]))
            res = []
            for rid in ids:
                dd, row = o.find(rid)
                res.append(o.out(d, row, names, v) if row and not row["IsDeleted"] and dd is d else None)
            return 200, res, ()
        j = self.js(body)
        recs = j["records"]
        if len(recs) > 200:
            raise Wire(400, "EXCEEDED_MAX_SIZE_REQUEST", "record limit reached. cannot submit more than 200 records into this call")
        res = []
        for r in recs:
            try:
                if list(r)[0] != "attributes":
                    raise Wire(400, "INVALID_INPUT", "attributes first")
                d = o.objects.get(r["attributes"]["type"].lower())
                if not d:
                    raise RowError("INVALID_TYPE", "sObject type '%s' is not supported." % r["attributes"]["type"])
                if o.h["lock"] and random.random() < 1 / o.h["lock"]:
                    raise RowError("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records: 001xx000003DGb1")
                if len(parts) == 3:
                    f = o.field(o.desc(parts[1], 404), parts[2])
                    hit = [x for x in o.rows[d["name"]].values() if not x["IsDeleted"] and str(x.get(f["name"])).lower() == str(r.get(f["name"])).lower()]
                    res.append({"id": o.write(d, r, hit[0]["Id"] if hit else None), "success": True, "errors": [], "created": not hit})
                elif method == "PATCH":
                    rid = r.get("id") or r.get("Id")
                    if not rid:
                        raise RowError("MISSING_ARGUMENT", "Id not specified in an update call")
                    res.append({"id": o.write(d, r, rid), "success": True, "errors": []})
                else:
                    res.append({"id": o.write(d, r), "success": True, "errors": []})
            except RowError as e:
                res.append(err_row(e, None, len(parts) == 3))
        return 200, res, ()

    def soap(self, body):
        o = self.org
        text = body.decode()
        tok = re.search(r"<(?:\w+:)?sessionId>([^<]*)<", text)
        head = '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns="urn:partner.soap.sforce.com"><soapenv:Body>'
        tail = "</soapenv:Body></soapenv:Envelope>"
        if not tok or tok.group(1) not in o.sessions:
            raise_xml = head + "<soapenv:Fault><faultcode>sf:INVALID_SESSION_ID</faultcode><faultstring>INVALID_SESSION_ID: Invalid Session ID found in SessionHeader: Illegal Session</faultstring></soapenv:Fault>" + tail
            self.reply(500, raise_xml.encode(), "text/xml; charset=UTF-8")
            raise BrokenPipeError
        out = ""
        for rid in re.findall(r"<(?:\w+:)?ids>([^<]*)<", text):
            d, row = o.find(rid)
            if row and row["IsDeleted"]:
                row["IsDeleted"] = False
                out += "<result><id>%s</id><success>true</success></result>" % rid
            else:
                out += "<result><errors><message>entity is not in the recycle bin</message><statusCode>UNDELETE_FAILED</statusCode></errors><id xsi:nil=\"true\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"/><success>false</success></result>"
        self.reply(200, (head + "<undeleteResponse>" + out + "</undeleteResponse>" + tail).encode(), "text/xml;charset=UTF-8")
        raise BrokenPipeError

    # ---- Bulk 2 ----
    def job_json(self, j):
        o = {k: j[k] for k in ("id", "operation", "object", "createdById", "createdDate", "systemModstamp", "state", "concurrencyMode", "contentType", "apiVersion", "lineEnding", "columnDelimiter") if k in j}
        if j["kind"] == "ingest" and j["state"] == "Open":
            o["contentUrl"] = "services/data/v%s/jobs/ingest/%s/batches" % (j["apiVersion"], j["id"])
        if j["state"] != "Open":
            o.update(jobType="V2Ingest" if j["kind"] == "ingest" else "V2Query", numberRecordsProcessed=j["processed"], numberRecordsFailed=len(j["failed"]), retries=0, totalProcessingTime=5, apiActiveProcessingTime=3, apexProcessingTime=0)
        if j.get("error"):
            o["errorMessage"] = j["error"]
        return o

    def jobs(self, method, parts, q, body, v):
        o = self.org
        kind = parts[0]
        if kind not in ("ingest", "query"):
            raise Wire(404, "NOT_FOUND", "The requested resource does not exist")
        if len(parts) == 1:
            if method == "GET":
                return 200, {"done": True, "records": [self.job_json(j) for j in o.jobs.values() if j["kind"] == kind], "nextRecordsUrl": None}, ()
            r = self.js(body)
            t = iso(now())
            j = dict(id=o.new_id("750"), kind=kind, operation=r["operation"], object=r.get("object"), createdById=o.user, createdDate=t, systemModstamp=t, state="Open", concurrencyMode="Parallel", contentType="CSV", apiVersion=float(v[1:]),
                     lineEnding=r.get("lineEnding", "LF"), columnDelimiter=r.get("columnDelimiter", "COMMA"), processed=0, failed=[], ok=[], rest=[], polls=o.h["polls"], data=None)
            if kind == "query":
                s = Soql(o, r["query"]).parse()
                if s.aggs or s.count:
                    raise Wire(400, "API_ERROR", "Aggregate query not supported in Bulk Query")
                for f in s.fields:
                    if (s.check(f) or {}).get("type") in ("address", "location"):
                        raise Wire(400, "FUNCTIONALITY_NOT_ENABLED", "Selecting compound data not supported in Bulk Query")
                j.update(state="UploadComplete", object=s.desc["name"], soql=s, all=r["operation"] == "queryAll")
            else:
                if r["object"].lower() not in o.objects:
                    raise Wire(400, "INVALIDENTITY", "InvalidEntity")
            o.jobs[j["id"]] = j
            return 200, self.job_json(j), ()
        j = next((x for k, x in o.jobs.items() if k[:15] == parts[1][:15]), None)
        if not j or j["kind"] != kind:
            raise Wire(404, "NOT_FOUND", "The requested resource does not exist")
        if len(parts) == 3:
            what = parts[2]
            if what == "batches" and method == "PUT":
                if self.headers.get("Content-Type", "").split(";")[0] != "text/csv":
                    raise Wire(415, "UNSUPPORTED_MEDIA_TYPE", "text/csv")
                if j["state"] != "Open" or j["data"] is not None:
                    raise Wire(400, "InvalidJobState", "Job state should be Open")
                j["data"] = body
                return 201, None, ()
            if j["state"] not in ("JobComplete", "Failed", "Aborted"):
                raise Wire(400, "InvalidJobState", "Job is not complete")
            return self.results(j, what, q)
        if method == "PATCH":
            st = self.js(body)["state"]
            if st == "UploadComplete" and j["state"] == "Open":
                j["state"] = st
            elif st == "Aborted" and j["state"] in ("Open", "UploadComplete", "InProgress"):
                j["state"] = st
            else:
                raise Wire(400, "InvalidJobState", "Job is in state %s" % j["state"])
            return 200, self.job_json(j), ()
        if method == "DELETE":
            if j["state"] not in ("JobComplete", "Failed", "Aborted"):
                raise Wire(400, "API_ERROR", "Error encountered when deleting the job because the job is not terminated")
            del o.jobs[j["id"]]
            return 204, None, ()
        if j["state"] in ("UploadComplete", "InProgress"):
            j["polls"] -= 1
            j["state"] = "InProgress"
            if j["polls"] <= 0:
                try:
                    self.run_job(j)
                    j["state"] = "JobComplete"
                except Wire as e:
                    j["state"], j["error"] = "Failed", e.message
        return 200, self.job_json(j), ()

    def cell(self, d, f, v):
        if v is None:
            return ""
        if isinstance(v, bool):
            return "true" if v else "false"
        if isinstance(v, float):
            if v != 0 and (abs(v) >= 1e7 or abs(v) < 1e-3):  # as Java writes it
                exponent = int(("%e" % v).split("e")[1])
                return "%rE%d" % (v / 10**exponent, exponent)
            return repr(v)
        return str(v)

    def csv_out(self, head, rows):
        out = io.StringIO()
        w = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        w.writerow(head)
        w.writerows(rows)
        return out.getvalue().encode()

    def run_job(self, j):
        o = self.org
        if j["kind"] == "query":
            s = j["soql"]
            j["ok"] = [[self.cell(s.desc, f, o.value(s.desc, r, f)) for f in s.fields] for r in s.rows(j["all"])]
            j["processed"] = len(j["ok"])
            return
        d = o.desc(j["object"], 404)
        rows = list(csv.reader(io.StringIO(j["data"].decode("utf-8-sig"), newline="")))
        head = rows[0]
        j["head"] = head
        for h in head:
            if not o.field(d, h) and "." not in h:
                raise Wire(400, "InvalidBatch", "InvalidBatch : Field name not found : %s" % h)
        for r in rows[1:]:
            try:
                b = {h: (None if c == "#N/A" else c) for h, c in zip(head, r) if c != ""}
                rid = next((b[k] for k in b if k.lower() == "id"), None)
                if j["operation"] in ("delete", "hardDelete"):
                    rid = o.delete(rid)
                    new = False
                else:
                    new = rid is None
                    rid = o.write(d, b, rid)
                j["ok"].append([rid, "true" if new else "false"] + r)
            except RowError as e:
                j["failed"].append(["", "%s:%s:%s--" % (e.code, e.message, " ".join(e.fields) + (" " if e.fields else ""))] + r)
        j["processed"] = len(rows) - 1
        random.shuffle(j["ok"])

    def results(self, j, what, q):
        n = int(q.get("maxRecords", 0)) or 10 ** 9
        at = int(base64.b64decode(q["locator"])) if q.get("locator") else 0
        n = min(n, self.org.h["results"]) if j["kind"] == "query" else n
        if what == "results":
            rows, head = j["ok"], j["soql"].fields
        elif what == "successfulResults":
            rows, head = j["ok"], ["sf__Id", "sf__Created"] + j.get("head", [])
        elif what == "failedResults":
            rows, head = j["failed"], ["sf__Id", "sf__Error"] + j.get("head", [])
        elif what == "unprocessedrecords":
            rows, head = j["rest"], j.get("head", [])
        else:
            raise Wire(404, "NOT_FOUND", "The requested resource does not exist")
        part = rows[at:at + n]
        more = at + n < len(rows)
        loc = base64.b64encode(str(at + n).encode()).decode() if more else "null"
        hd = [("Sforce-Locator", loc), ("Sforce-NumberOfRecords", str(len(part)))]
        return 200, self.csv_out(head, part), hd


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    port, h = int(sys.argv[1]), dict(HABITS)
    for a in sys.argv[2:]:
        k, v = a.split("=", 1)
        h[k] = int(v) if isinstance(HABITS[k], int) else v
    Handler.protocol_version = "HTTP/1.0" if h["http10"] else "HTTP/1.1"
    Handler.wbufsize = -1
    s = Server(("127.0.0.1", port), Handler)
    s.org = Org(h, port)
    print("ready", flush=True)
    s.serve_forever()


main()
