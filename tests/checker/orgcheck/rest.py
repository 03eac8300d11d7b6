"""A small client of Salesforce's REST API: log in, describe, read every record once."""
import hashlib
import http.client
import json
import re
import time
import urllib.parse

PAGE = 2000
RETRIES = 5
PIECE = 1 << 16         # bytes of a body in memory


class OrgError(Exception):
    """The org refused or cannot be reached; the text says what and where."""


def joined(*conditions):
    """Conditions that all hold. An org takes no semi-join inside of parentheses: only what has an OR of its own gets some."""
    out = []
    for text in filter(None, conditions):
        outer = re.sub(r"'(?:\\.|[^'\\])*'", "", text)
        while "(" in outer and (less := re.sub(r"\([^()]*\)", "", outer)) != outer:
            outer = less
        out.append("(%s)" % text if re.search(r"\bOR\b", outer, re.IGNORECASE) else text)
    return " AND ".join(out) or None


def _json(reply):
    raw = reply.read()
    return json.loads(raw, parse_float=str) if raw else None


class Org:
    def __init__(self, url, client_id="orgsync", client_secret="orgsync-secret", token=None):
        self.url = url.rstrip("/")
        self.client_id, self.client_secret, self.token = client_id, client_secret, token
        self.conn = None
        self.host = urllib.parse.urlsplit(self.url)
        self.calls = 0
        self.described = {}
        if not token:
            self._login()
        versions = self._call("GET", "/services/data", auth=False)
        self.base = max(versions, key=lambda v: float(v["version"]))["url"]

    def _login(self):
        form = urllib.parse.urlencode({"grant_type": "client_credentials",
                                       "client_id": self.client_id,
                                       "client_secret": self.client_secret})
        reply = self._call("POST", "/services/oauth2/token", form,
                           {"Content-Type": "application/x-www-form-urlencoded"}, auth=False)
        self.token = reply["access_token"]
        if reply.get("instance_url"):
            self.host = urllib.parse.urlsplit(reply["instance_url"])
            self._close()

    def _close(self):
        if self.conn:
            self.conn.close()
        self.conn = None

    def _send(self, method, path, body, headers, take):
        if not self.conn:
            kind = (http.client.HTTPSConnection if self.host.scheme == "https"
                    else http.client.HTTPConnection)
            self.conn = kind(self.host.hostname, self.host.port, timeout=120)
        self.conn.request(method, path, body, headers)
        reply = self.conn.getresponse()
        return reply.status, take(reply) if reply.status < 300 else reply.read()

    def _call(self, method, path, body=None, headers=None, auth=True, take=_json):
        """Only reads and logins go through here, so that every call may be sent again."""
        renewed = False
        for attempt in range(RETRIES):
            head = dict(headers or {})
            if auth:
                head["Authorization"] = "Bearer " + self.token
            try:
                status, got = self._send(method, path, body, head, take)
                self.calls += 1
                if status == 401 and auth and not renewed:
                    renewed = True
                    self._login()
                    continue
                if status >= 500 or status == 429:
                    raise OSError("HTTP %d" % status)
            except (OSError, http.client.HTTPException, ValueError) as err:
                self._close()
                if attempt == RETRIES - 1:
                    raise OrgError("%s %s: %s" % (self.url, path[:120], err)) from err
                time.sleep(0.2 * 2 ** attempt)
                continue
            if status >= 300:
                raise OrgError("%s %s: HTTP %d %s" % (self.url, path[:200], status,
                                                      got[:300].decode("utf-8", "replace")))
            return got
        raise OrgError("%s %s: session refused" % (self.url, path[:120]))

    def get(self, path):
        return self._call("GET", self.base + path)

    def digest(self, path):
        """Of a body: its length and half of its SHA-256. It passes through; a piece of it is kept."""
        def take(reply):
            size, digest = 0, hashlib.sha256()
            while piece := reply.read(PIECE):
                size += len(piece)
                digest.update(piece)
            if reply.length:
                raise OSError("%d bytes are missing" % reply.length)
            return "%d bytes, SHA-256 %s" % (size, digest.hexdigest()[:32])
        return self._call("GET", path, take=take)

    def sobjects(self):
        return self.get("/sobjects")["sobjects"]

    def describe(self, name):
        if name not in self.described:
            self.described[name] = self.get("/sobjects/%s/describe" % name)
        return self.described[name]

    def soql(self, text):
        """Rows of one query, whatever the size of the org's pages."""
        reply = self.get("/query?q=" + urllib.parse.quote(text, safe=""))
        while True:
            yield from reply["records"]
            if reply["done"]:
                return
            reply = self._call("GET", reply["nextRecordsUrl"])

    def count(self, name, where=None):
        text = "SELECT COUNT() FROM " + name + (" WHERE " + where if where else "")
        return self.get("/query?q=" + urllib.parse.quote(text, safe=""))["totalSize"]

    def read_all(self, name, fields, where=None):
        """Every record once, by keyset over Id; the number is held against COUNT()."""
        fields = ["Id"] + [f for f in fields if f != "Id"]
        last, seen = None, 0
        while True:
            cond = joined(where, "Id > '%s'" % last if last else None)
            rows = 0
            for row in self.soql("SELECT %s FROM %s%s ORDER BY Id LIMIT %d" % (
                    ",".join(fields), name,
                    " WHERE " + cond if cond else "", PAGE)):
                if row["Id"] == last:
                    raise OrgError("%s: %s came twice" % (name, last))
                last = row["Id"]
                rows += 1
                yield row
            seen += rows
            if rows < PAGE:
                break
        number = self.count(name, where)
        if number != seen:
            raise OrgError("%s: %s: %d records read, but COUNT() says %d"
                           % (self.url, name, seen, number))

    def by_ids(self, name, fields, ids):
        fields = ["Id"] + [f for f in fields if f != "Id"]
        found = {}
        step = max(20, 12000 // 24 - sum(map(len, fields)) // 24)
        for at in range(0, len(ids), step):
            part = ",".join("'%s'" % i for i in ids[at:at + step])
            for row in self.soql("SELECT %s FROM %s WHERE Id IN (%s)"
                                 % (",".join(fields), name, part)):
                found[row["Id"][:15]] = row
        return found


def looks_like_id(text):
    return bool(re.fullmatch(r"[0-9A-Za-z]{15}([0-9A-Za-z]{3})?", text or ""))
