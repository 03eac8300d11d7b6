"""The HTTP API as an attacker finds it. Prints TAP lines without numbers.

  attack.py API-URL ADMIN-TOKEN-FILE ROOT SECTION PLAN.json

SECTION is one of the functions at the end. PLAN.json: src (address of an org), secret (its client secret), run (one that has ended)."""
import json
import os
import re
import socket
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

API, TOKEN_FILE, ROOT, SECTION, PLAN_FILE = sys.argv[1:6]
sys.path.insert(0, os.path.join(ROOT, "tests/checker"))
from orgcheck import yamlite  # noqa: E402

PLAN = json.load(open(PLAN_FILE, encoding="utf-8"))
ADMIN = open(TOKEN_FILE, encoding="ascii").read().strip()
HOST, PORT = urllib.parse.urlsplit(API).hostname, urllib.parse.urlsplit(API).port
METHODS = ("get", "post", "delete", "put", "patch")
ROLES = ("viewer", "operator", "admin")


def say(problems, name):
    print("%s %s" % ("not ok" if problems else "ok", name), flush=True)
    for line in problems[:20]:
        print("# " + line.replace("\n", " ")[:600], flush=True)


def http(method, path, body=None, token=ADMIN, headers=None, timeout=60):
    """Status, text, headers."""
    headers = dict(headers or {})
    if token is not None:
        headers["Authorization"] = "Bearer " + token
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    request = urllib.request.Request(API + path, method=method, headers=headers, data=body)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            return reply.status, reply.read().decode(errors="replace"), reply.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace"), error.headers


def raw(data, seconds=14, port=PORT, finish=True):  # less than after which the slow are cut off
    """All bytes that come back for these; b"" when the connection is closed without an answer, None when it hangs."""
    with socket.create_connection((HOST, port), timeout=seconds) as s:
        got = b""
        try:
            s.sendall(data)
            if finish:
                s.shutdown(socket.SHUT_WR)
            while True:
                piece = s.recv(65536)
                if not piece:
                    return got
                got += piece
        except socket.timeout:
            return got or None
        except OSError:
            return got


def status_of(answer):
    match = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer or b"")
    return int(match.group(1)) if match else None


def alive(problems, after):
    try:
        if http("GET", "/healthz", token=None, timeout=60)[0] != 200:
            problems.append("after %s: not healthy" % after)
    except OSError as error:
        problems.append("after %s: %s" % (after, error))


def token_of(role, name=None, rights=None):
    body = {"name": name or role, "role": role}
    made = json.loads(http("POST", "/api/v1/tokens", dict(body, rights=rights) if rights else body)[1])
    return made["token"], made["id"]


# ---- who gets in --------------------------------------------------------------------------------------------------------

def roles():
    doc = yamlite.load(open(os.path.join(ROOT, "schemas/openapi.yaml"), encoding="utf-8").read())
    tokens = {role: token_of(role)[0] for role in ROLES}
    others = {"no token": None, "an unknown token": "osy_" + "A" * 43, "an empty token": "", "half a token": ADMIN[:20],
              "a token and more": ADMIN + "A"}
    count = 0
    for pattern, item in doc["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            problems, needed = [], item[method]["x-role"]
            path = "/api/v1" + re.sub(r"{\w+}", "nobody", pattern)
            body = "{" if method == "post" else None
            for name, token in others.items():
                status = http(method.upper(), path, body, token)[0]
                count += 1
                if status != 401:
                    problems.append("%s: %d, want 401" % (name, status))
            for role in ROLES:
                if pattern == "/doctor" and role != "viewer":
                    continue
                status, text, _ = http(method.upper(), path, body, tokens[role])
                count += 1
                enough = ROLES.index(role) >= ROLES.index(needed)
                if enough == (status == 403) or status in (401, 500):
                    problems.append("%s: %d, needed is %s: %s" % (role, status, needed, text))
            say(problems, "%s %s: for %s and up" % (method.upper(), pattern, needed))
    print("# %d calls" % count)


def rights():
    """Each right by itself opens its own operations and nothing else; all the others together do not open them."""
    doc = yamlite.load(open(os.path.join(ROOT, "schemas/openapi.yaml"), encoding="utf-8").read())
    names = doc["components"]["schemas"]["Right"]["enum"]
    only = {name: token_of("operator", "only " + name, [name])[0] for name in names}
    but = {name: token_of("operator", "all but " + name, [n for n in names if n != name])[0] for name in names}
    operations = [(method.upper(), "/api/v1" + re.sub(r"{\w+}", "nobody", pattern), item[method]["x-role"], item[method].get("x-right"))
                  for pattern, item in doc["paths"].items() for method in METHODS if method in item and pattern != "/doctor"]
    for name in names:
        problems, opened = [], 0
        for method, path, role, right in operations:
            for token, enough in ((only[name], role == "viewer" or right == name),
                                  (but[name], role == "viewer" or right not in (None, name))):
                status, text, _ = http(method, path, "{" if method == "POST" else None, token)
                if enough == (status == 403) or status in (401, 500):
                    problems.append("%s %s: %d, %s: %s" % (method, path, status, "enough" if enough else "not enough", text))
            opened += right == name
        say(problems + ([] if opened else ["it opens nothing"]), "the right %s opens its %d operations and no other" % (name, opened))
    problems = []
    schedule = {"name": "mine", "cron": "0 0 1 1 *", "template": "attack", "source": "src", "target": "dst"}
    for given, want in ((["schedule"], 403), (["schedule", "start"], 403), (["schedule", "preview"], 403),
                        (["schedule", "preview", "start"], 201)):
        status, text, _ = http("POST", "/api/v1/schedules", schedule, token_of("operator", "s", given)[0])
        if status != want:
            problems.append("%s: %d, want %d: %s" % (given, status, want, text))
    if http("POST", "/api/v1/schedules/mine/run", None, only["schedule"])[0] != 403:
        problems.append("somebody who may not start a run has fired it")
    http("POST", "/api/v1/schedules/mine/pause")
    if http("POST", "/api/v1/schedules/mine/resume", None, only["schedule"])[0] != 403:
        problems.append("somebody who may not start a run has resumed it")
    say(problems, "who may not start runs has no schedule start them")
    problems = []
    operator = token_of("operator", "all rights", names)[0]
    for name, token, want in (("clean-runs", only["schedule"], 403), ("clean-audit", operator, 403), ("clean-runs", operator, 200)):
        for action in ("pause", "resume", "run"):
            status, text, _ = http("POST", "/api/v1/schedules/%s/%s" % (name, action), None, token)
            if status != want:
                problems.append("%s %s: %d, want %d: %s" % (action, name, status, want, text))
    if http("DELETE", "/api/v1/schedules/clean-audit", None, operator)[0] != 403:
        problems.append("an operator has taken away what cleans the audit")
    say(problems, "what is cleaned is cleaned by who may delete it")
    http("DELETE", "/api/v1/schedules/mine")
    values = {name: json.loads(http("GET", "/api/v1/runs/%s/why/%s" % (PLAN["run"], PLAN["record"]), None, only[name])[1]).get("source")
              for name in names}
    say(["%s" % values] if [n for n, v in values.items() if v is not None] != ["start"] else [], "values of a record are for who may start runs")


def tokens():
    problems = []
    for header in ("Basic " + ADMIN, ADMIN, "Bearer", "Bearer  " + ADMIN, "Bearer " + ADMIN + " x", "bearer' OR '1'='1",
                   "Bearer ' OR '1'='1", "Bearer %", "Bearer \x80", "Bearer " + "A" * 60000):
        status = http("GET", "/api/v1/runs", None, None, {"Authorization": header})[0]
        if status not in (400, 401, 413, 431):
            problems.append("%r: %d" % (header[:60], status))
    for path in ("/api/v1/runs?token=" + ADMIN, "/api/v1/runs?access_token=" + ADMIN):
        if http("GET", path, None, None)[0] != 401:
            problems.append("a token in the query was taken")
    answer = raw(("GET /api/v1/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nAuthorization: Bearer %s\r\n"
                  "Connection: close\r\n\r\n" % ADMIN).encode())
    if status_of(answer) == 200:
        problems.append("the second of two Authorization headers was taken")
    say(problems, "nothing but a bearer token in its header gets in")
    token, made = token_of("operator", "to be revoked")
    problems = [] if http("GET", "/api/v1/runs", token=token)[0] == 200 else ["the token does not work"]
    http("DELETE", "/api/v1/tokens/" + made)
    if http("GET", "/api/v1/runs", token=token)[0] != 401:
        problems.append("it still works")
    say(problems, "a revoked token is out with the next call")
    text = http("GET", "/api/v1/tokens")[1]
    say(["found"] if ADMIN in text or "hash" in text else [], "the list of tokens has no token and no hash")


def others():
    """Ids of another kind, and ids that would mean something to SQL, a file system or a topic."""
    problems = []
    ids = ("' OR '1'='1", "%", "*", "_", "..", "r1; DROP TABLE run", "$1", "\\", "a" * 5000, "é", "\u202e", "%2e%2e", "bootstrap",
           PLAN["run"] + "'", PLAN["run"] + " ", " " + PLAN["run"], PLAN["run"].upper() + "X", "src")
    for given in ids:
        quoted = urllib.parse.quote(given, safe="")
        for method, path in (("GET", "/runs/%s"), ("DELETE", "/runs/%s"), ("POST", "/runs/%s/start"), ("GET", "/runs/%s/errors"),
                             ("GET", "/runs/%s/events"), ("GET", "/templates/%s"), ("DELETE", "/templates/%s"),
                             ("DELETE", "/tokens/%s")):
            status, text, _ = http(method, "/api/v1" + path % quoted)
            good = (400, 404) + ((200,) if path.endswith("/errors") and '"items":[]' in text else ())
            if status not in good:
                problems.append("%s %s with %r: %d %s" % (method, path, given[:40], status, text[:200]))
    say(problems, "an id that is none of its kind is not found")
    if http("GET", "/api/v1/runs/" + PLAN["run"])[0] != 200:
        problems = ["the run is gone"]
    say(problems, "the run that is there was not touched")


# ---- what is asked --------------------------------------------------------------------------------------------------------

def head(path, *lines):
    return ("GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: close\r\n%s\r\n" % (
        path, ADMIN, "".join(line + "\r\n" for line in lines))).encode("utf-8", "surrogateescape")


def paths():
    run = PLAN["run"]
    problems = []
    for path in ("/api/v1/../v1/runs", "/api/v1/./runs", "/api/v1/%2e%2e/runs", "/api/v1/..%2fruns", "//api/v1/runs", "/api//v1/runs",
                 "/api/v1//runs", "/api/v1/runs/", "/api/v1/runs//", "/api/v1/runs/%s/" % run, "/api/v1/runs/%s%%00" % run,
                 "/api/v1/runs/%s%%00/start" % run, "/api/v1/runs%%00%s" % run, "/healthz%00/../api/v1/runs", "/healthz/../api/v1/runs",
                 "/api/v1/runs;x=1", "/API/V1/runs", "/api/v1/runs/%s\\scan" % run, "/api/v1/%252e%252e/runs", "/etc/passwd",
                 "/..%c0%af..%c0%afetc/passwd", "/api/v1/\udcff\udcfe", "/api/v1/runs/" + "a/" * 2000, "/" + "a" * 60000,
                 "/api/v1/runs/%zz", "/api/v1/runs/%", "http://169.254.169.254/api/v1/runs", "*", "", "/api/v1", "/api/v2/runs"):
        answer = raw(head(path))
        status = status_of(answer)
        if answer is None or status not in (None, 400, 404, 405, 413, 414, 431):
            problems.append("%r: %s %r" % (path[:60], status, (answer or b"")[:200]))
    alive(problems, "paths")
    say(problems, "no path leads around the routes")


def headers():
    problems = []
    evil = "%0d%0aX-Evil:%20yes%0d%0a%0d%0a<script>"
    for path in ("/api/v1/runs/" + evil, "/api/v1/templates/" + evil, "/api/v1/runs?cursor=" + evil, "/api/v1/runs?limit=" + evil,
                 "/api/v1/idmap?source=%s&target=a&record=001000000000001" % evil, "/" + evil):
        got = raw(head(path))
        if b"X-Evil" in got.split(b"\r\n\r\n")[0] or b"\r\n\r\n<script>" in got:
            problems.append("%s: %r" % (path[:60], got[:300]))
    status, _, got = http("POST", "/api/v1/templates?file=" + evil, "name: [")
    if status != 400 or got.get("X-Evil"):
        problems.append("file=: %d %s" % (status, got))
    say(problems, "nothing of a request becomes a header or a second answer")
    status, _, got = http("GET", "/api/v1/runs")
    want = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    say(["%s: %s" % (k, got.get(k)) for k, v in want.items() if got.get(k) != v] +
        ([] if "default-src 'none'" in (got.get("Content-Security-Policy") or "") else ["no policy"]),
        "answers are not kept, not guessed at, not framed")


def malformed():
    auth = "Authorization: Bearer %s\r\n" % ADMIN
    post = "POST /api/v1/templates HTTP/1.1\r\nHost: x\r\n" + auth
    cases = {
        "noise": bytes(range(256)) * 20, "nothing": b"", "a line end": b"\r\n\r\n", "half a line": b"GET /api/v1/ru",
        "no version": b"GET /api/v1/runs\r\n\r\n", "a version of its own": b"GET /api/v1/runs HTTP/9.9\r\n" + auth.encode() + b"\r\n",
        "no host": b"GET /api/v1/runs HTTP/1.1\r\n\r\n", "TLS": bytes.fromhex("16030100c8010000c40303") + b"\x01" * 200,
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "a header without a name": b"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n",
        "a header with a NUL": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
        "a negative length": (post + "Content-Length: -1\r\n\r\nname: a").encode(),
        "a length that is none": (post + "Content-Length: 7x\r\n\r\nname: a").encode(),
        "a length past 64 bits": (post + "Content-Length: 99999999999999999999\r\n\r\nname: a").encode(),
        "two lengths": (post + "Content-Length: 1\r\nContent-Length: 90\r\n\r\nname: a").encode(),
        "a cut body": (post + "Content-Length: 100\r\n\r\nname: a").encode(),
        "a chunk of a size that is none": (post + "Transfer-Encoding: chunked\r\n\r\nzz\r\nname\r\n0\r\n\r\n").encode(),
        "a chunk past 64 bits": (post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\na\r\n0\r\n\r\n").encode(),
        "a cut chunk": (post + "Transfer-Encoding: chunked\r\n\r\n10\r\nname").encode(),
        "many headers": b"GET / HTTP/1.1\r\n" + b"".join(b"A%d: b\r\n" % i for i in range(20000)) + b"\r\n",
        "a header of 1 MiB": b"GET / HTTP/1.1\r\nA: " + b"b" * (1 << 20) + b"\r\n\r\n",
        "a method of 64 KiB": b"G" * 65536 + b" / HTTP/1.1\r\n\r\n",
    }
    problems = []
    for name, data in cases.items():
        answer = raw(data)
        status = status_of(answer)
        if answer is None or (status is not None and status < 400) or status == 500:
            problems.append("%s: %s %r" % (name, status, (answer or b"")[:200]))
        alive(problems, name)
    say(problems, "broken HTTP is refused or closed, and others are served (%d kinds)" % len(cases))
    # Two lengths that differ are a request smuggled behind a proxy: the second must not be served.
    smuggled = post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    got = raw(smuggled.encode())
    say([repr(got[:300])] if (got or b"").count(b"HTTP/1.1 ") > 2 or b"\r\n\r\nok\n" in (got or b"") else [],
        "a length and chunks at once: nothing is smuggled in")
    for method in ("TRACE", "CONNECT", "OPTIONS", "HEAD", "PROPFIND", "get"):
        got = raw(("%s /api/v1/runs HTTP/1.1\r\nHost: x\r\n%sX-Back: here\r\nConnection: close\r\n\r\n" % (method, auth)).encode())
        say([repr(got)] if status_of(got) in (200, 500) or b"X-Back" in got else [], "%s is refused" % method)


def bodies():
    problems = []
    big = 5 << 20
    status, text, _ = http("POST", "/api/v1/templates", "#" * big)
    if status != 413:
        problems.append("5 MiB: %d %s" % (status, text[:200]))
    say(problems, "a body of more than 4 MiB is refused")
    # The head alone: an answer comes before a byte of the body.
    line = "POST /api/v1/templates HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n"
    for name, size, auth, want in (("without a token", 16 << 20, "", 401), ("with a wrong token", 16 << 20, "Authorization: Bearer x\r\n", 401),
                                   ("of 1 TB", 1 << 40, "Authorization: Bearer %s\r\n" % ADMIN, 413)):
        got = raw((line % (size, auth)).encode(), 60, finish=False)
        say([] if status_of(got) == want else [repr(got)], "%s: refused before its body comes" % name)
    problems = []
    for name, body in (("deep", "[" * 100000), ("deep objects", '{"a":' * 50000), ("NaN", '{"name": NaN}'), ("not UTF-8", b'{"name":"\xff"}'),
                       ("a NUL", '{"name":"a\\u0000b","role":"viewer"}'), ("half a pair", '{"name":"\\ud800","role":"viewer"}'), ("a list", "[]"), ("nothing", ""), ("more behind", '{"name":"a","role":"viewer"} x'),
                       ("wrong types", '{"name":{"a":1},"role":["viewer"]}'), ("a huge number", '{"name":1e999999,"role":"viewer"}'),
                       ("many members", json.dumps({"m%d" % i: i for i in range(100000)}))):
        status, text, _ = http("POST", "/api/v1/tokens", body)
        if status not in (400, 413, 422):
            problems.append("%s: %d %s" % (name, status, text[:200]))
        alive(problems, name)
    for name, body in (("deep", "[" * 100000), ("aliases", "a: &a [x]\nb: [*a, *a]\n"), ("a tag", "!!python/object:os.system x"),
                       ("wide", "objects: [" + "{name: A}," * 20000 + "]"), ("NUL", b"name: a\0b"), ("UTF-16", "name: a".encode("utf-16"))):
        status, text, _ = http("POST", "/api/v1/templates", body)
        if status not in (400, 413, 422):
            problems.append("template, %s: %d %s" % (name, status, text[:200]))
    say(problems, "a body that is none is refused")


# ---- slow callers ---------------------------------------------------------------------------------------------------------

class Slow(threading.Thread):
    """Sends its bytes one by one; seconds until the server has closed."""

    def __init__(self, begin, drop, every):
        super().__init__(daemon=True)
        self.socket = socket.create_connection((HOST, PORT), timeout=30)
        self.begin, self.drop, self.every, self.closed_s = begin, drop, every, None
        self.start()

    def run(self):
        start = time.monotonic()
        try:
            self.socket.sendall(self.begin)
            self.socket.settimeout(self.every)
            while True:
                try:
                    if not self.socket.recv(4096):
                        break
                except socket.timeout:
                    self.socket.sendall(self.drop)
        except OSError:
            pass
        self.closed_s = time.monotonic() - start


def slow():
    most_s = 60  # they are cut off after less, else never
    begin = b"POST /api/v1/templates HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n" % ADMIN.encode()
    kinds = {"that say nothing": (b"", b""), "that send a head byte by byte": (begin, b"X-a: b\r\n"),
             "that send a body byte by byte": (begin + b"Content-Length: 100000\r\n\r\n", b"#"),
             "that are kept open after a call": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"")}
    callers = {name: [Slow(*kind, 1) for _ in range(40)] for name, kind in kinds.items()}
    problems, worst = [], 0.0
    for _ in range(20):
        start = time.monotonic()
        try:
            status = http("GET", "/api/v1/runs?limit=1", timeout=30)[0]
            if status != 200:
                problems.append("status %d" % status)
        except OSError as error:
            problems.append(repr(error))
        worst = max(worst, time.monotonic() - start)
    if worst > 8:  # it would have to wait until one of them is cut off
        problems.append("the slowest took %.1f s" % worst)
    say(problems, "beside 160 slow callers others are served (the slowest call: %.2f s)" % worst)
    end = time.monotonic() + most_s + 5
    for name, group in callers.items():
        for caller in group:
            caller.join(max(0.0, end - time.monotonic()))
        late = [c for c in group if c.closed_s is None or c.closed_s > most_s]
        say(["%d of %d are still there" % (len(late), len(group))] if late else [], "callers %s are cut off within %d s" % (name, most_s))


# ---- where orgs may lie ---------------------------------------------------------------------------------------------------

class Door(threading.Thread):
    """A server that counts who comes, and answers each with the same bytes."""

    def __init__(self, answer=b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.answer, self.count = self.listener.getsockname()[1], answer, 0
        self.start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            self.count += 1
            with connection:
                connection.settimeout(5)
                try:
                    connection.recv(65536)
                    connection.sendall(self.answer)
                except OSError:
                    pass


def reply(status, body=b"", more=b""):
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nConnection: close\r\n%sContent-Length: %d\r\n\r\n%s" % (
        status, more, len(body), body)


def org(**more):
    return dict({"name": "evil", "auth": "client-credentials", "clientId": "i", "clientSecret": "s"}, **more)


def internal():
    inner = Door()
    p = inner.port
    bad = ["https://127.0.0.1:%d" % p, "https://localhost:%d" % p, "https://org.localhost:%d" % p, "https://a.b.localhost:%d" % p,
           "https://2130706433:%d" % p, "https://0x7f000001:%d" % p, "https://0x7f.0x0.0x0.0x1:%d" % p, "https://0177.0.0.1:%d" % p,
           "https://127.1:%d" % p, "https://127.0.0.1.:%d" % p, "https://[::1]:%d" % p, "https://[::ffff:127.0.0.1]:%d" % p,
           "https://[::ffff:7f00:1]:%d" % p, "https://[::127.0.0.1]:%d" % p, "https://[64:ff9b::7f00:1]:%d" % p, "https://0:%d" % p,
           "https://0.0.0.0:%d" % p, "https://[::]:%d" % p, "http://2130706433:%d" % p, "http://0.0.0.0:%d" % p, "http://0:%d" % p,
           "http://[::ffff:127.0.0.1]:%d" % p, "http://localhost.:%d" % p, "http://org.localhost:%d" % p, "http://127.0.0.1.:%d" % p,
           "https://169.254.169.254", "http://169.254.169.254", "https://[fd00:ec2::254]", "https://metadata.google.internal",
           "https://10.0.0.1", "https://192.168.1.1", "https://172.16.0.1", "https://100.64.0.1", "https://[fe80::1]", "https://[fc00::1]",
           "https://metadata", "https://user@127.0.0.1:%d" % p, "https://a.example@127.0.0.1:%d" % p, "https://a.example#@127.0.0.1:%d" % p,
           "https://a.example\\@127.0.0.1:%d" % p, "https://127.0.0.1:%d/x?y=https://a.my.salesforce.com" % p, "https://127.0.0.1%%2f@x:%d" % p,
           "gopher://127.0.0.1:%d" % p, "file:///etc/passwd", "ftp://127.0.0.1:%d" % p, "dict://127.0.0.1:%d" % p, "//127.0.0.1:%d" % p,
           "https://127.0.0.1:%d\r\nX: y" % p, "https://①②⑦.0.0.1:%d" % p, "https://127。0。0。1:%d" % p]
    problems = []
    for url in bad:
        for key in ("instanceUrl", "loginUrl"):
            body = org(instanceUrl="https://a.my.salesforce.com") if key == "loginUrl" else org()
            body[key] = url
            status, text, _ = http("POST", "/api/v1/orgs", body)
            if status not in (422, 502):
                problems.append("%s %s: %d %s" % (key, url, status, text[:200]))
            if "127.0.0.1:%d" % p in text and "refused" in text:
                problems.append("%s %s: tells what listens: %s" % (key, url, text[:200]))
    if inner.count:
        problems.append("%d connections came" % inner.count)
    say(problems, "no address of an org leads inside (%d ways to write one, nobody came)" % (2 * len(bad)))
    for name, answer in (
            ("a redirect", reply(b"302 Found", b"", b"Location: http://127.0.0.1:%d/\r\n" % p)),
            ("a permanent redirect", reply(b"308 Permanent Redirect", b"", b"Location: http://127.0.0.1:%d/\r\n" % p)),
            ("a login that names an inner address", reply(b"200 OK", b'{"access_token":"t","instance_url":"https://127.0.0.1:%d"}' % p)),
            ("a login that names an inner name", reply(b"200 OK", b'{"access_token":"t","instance_url":"https://org.localhost:%d"}' % p)),
            ("a login that names the metadata of a cloud", reply(b"200 OK", b'{"access_token":"t","instance_url":"http://169.254.169.254"}'))):
        first = Door(answer)
        status, text, _ = http("POST", "/api/v1/orgs", org(instanceUrl="http://127.0.0.1:%d" % first.port))
        problems = [] if status in (401, 422, 502) else ["%d %s" % (status, text)]
        problems += [] if first.count else ["the org itself was not asked"]
        problems += ["%d connections came inside" % inner.count] if inner.count else []
        say(problems, "%s is not followed" % name)
    names = [o["name"] for o in json.loads(http("GET", "/api/v1/orgs")[1])["items"]]
    say(["evil is there"] if "evil" in names else [], "no such org was stored")


def no_simulators():
    """A coordinator without allow-http-orgs."""
    inner, problems = Door(), []
    for url in ("http://127.0.0.1:%d", "http://localhost:%d", "http://[::1]:%d", "https://127.0.0.1:%d", "https://org.localhost:%d"):
        status, text, _ = http("POST", "/api/v1/orgs", org(instanceUrl=url % inner.port))
        if status not in (422, 502):
            problems.append("%s: %d %s" % (url, status, text))
    say(problems + (["somebody came"] if inner.count else []), "without allow-http-orgs loopback is out of reach altogether")


# ---- names, secrets -------------------------------------------------------------------------------------------------------

NAMES = ("a\nb", "a\r\n{\"level\":\"error\",\"event\":\"forged\"}", "\x1b[2J\x1b]0;owned\x07", "\x00", "\u009b2J", "\x7f", "\u2028x")
SHOWN = ("\u202egpj.exe", "<script>alert(1)</script>", "=cmd|'/c calc'!A1", "' OR 1=1 --", "%s%n%x", "${jndi:ldap://x}", "é日本")


def names():
    problems = []
    new = {"template": "attack", "source": "src", "target": "dst"}
    for name in NAMES:
        for path, body in (("/tokens", {"name": name, "role": "viewer"}), ("/runs", dict(new, name=name)), ("/orgs", org(name=name, instanceUrl=PLAN["src"])),
                           ("/templates", 'name: "%s"\nobjects: [{name: Account}]' % name.encode("unicode_escape").decode())):
            status, text, _ = http("POST", "/api/v1" + path, body)
            if status not in (400, 422):
                problems.append("%s %r: %d %s" % (path, name, status, text[:200]))
            if any(ord(c) < 32 and c != "\n" for c in text) or "\n" in text.strip():
                problems.append("%s %r: the answer has control characters" % (path, name))
        quoted = urllib.parse.quote(name, safe="")
        for path in ("/runs/" + quoted, "/templates/" + quoted, "/runs?state=" + quoted, "/templates?file=" + quoted):
            http("GET", "/api/v1" + path)
        http("POST", "/api/v1/templates?file=" + quoted, "x: [")
    for name in ("x" * 300, "x" * (1 << 20)):
        for path, body in (("/tokens", {"name": name, "role": "viewer"}), ("/runs", dict(new, name=name)), ("/orgs", org(name=name, instanceUrl=PLAN["src"]))):
            status, text, _ = http("POST", "/api/v1" + path, body)
            if status != 422 or len(text) > 2000:
                problems.append("%s, %d characters: %d, %d bytes" % (path, len(name), status, len(text)))
    say(problems, "names with line ends, escapes or without an end are refused")
    problems = []
    for name in SHOWN:
        status, text, _ = http("POST", "/api/v1/runs", dict(new, name=name))
        if status != 201 or json.loads(text)["name"] != name:
            problems.append("%r: %d %s" % (name, status, text[:200]))
        token = json.loads(http("POST", "/api/v1/tokens", {"name": name, "role": "viewer"})[1])["token"]
        http("GET", "/api/v1/tokens", token=token)
    say(problems, "other names come back as they were")


def secrets():
    """Logins that fail in all ways, with secrets that can be looked for afterwards."""
    s = PLAN["secrets"]
    base = {"name": "leaky", "clientId": "orgsync", "username": "u@example.com"}
    ways = [dict(base, auth="client-credentials", clientSecret=s["client"]), dict(base, auth="refresh-token", refreshToken=s["refresh"]),
            dict(base, auth="password", clientSecret=s["client"], password=s["password"]), dict(base, auth="access-token", accessToken=s["access"]),
            dict(base, auth="jwt", privateKey=s["key"]), dict(base, auth="access-token", accessToken=s["access"] + "\n"),
            dict(base, auth="client-credentials", clientSecret=s["client"], colour="red"), dict(base, auth=s["client"]),
            dict(base, auth="client-credentials", clientSecret=[s["client"]])]
    echo = Door(reply(b"400 Bad Request", json.dumps({"error": "invalid_grant", "error_description": "no"}).encode()))
    problems = []
    for way in ways:
        for url in (PLAN["src"], "http://127.0.0.1:%d" % echo.port, "http://127.0.0.1:1", "https://user:%s@a.example" % s["password"]):
            status, text, _ = http("POST", "/api/v1/orgs", dict(way, instanceUrl=url))
            if status < 400:
                problems.append("it was taken: %s" % text)
            for name, value in s.items():
                if value in text:
                    problems.append("%s with %s: the answer holds %s: %s" % (way["auth"], url[:30], name, text))
    good = org(name="kept", instanceUrl=PLAN["src"], clientId="orgsync", clientSecret=PLAN["secret"])
    status, text, _ = http("POST", "/api/v1/orgs", good)
    problems += [] if status == 201 else ["not added: %s" % text]
    for path in ("/orgs", "/orgs/kept", "/audit", "/tokens", "/doctor", "/runs/" + PLAN["run"], "/runs/%s/scan" % PLAN["run"], "/templates"):
        text = http("GET", "/api/v1" + path)[1]
        problems += ["%s holds a secret" % path for v in list(s.values()) + [PLAN["secret"], ADMIN] if v in text]
    text = http("GET", "/metrics", token=None)[1]
    problems += ["/metrics names %s" % word for word in ("kept", PLAN["run"], PLAN["secret"], ADMIN) if word in text]
    say(problems, "no answer holds a secret")


globals()[SECTION]()
