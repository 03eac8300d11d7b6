"""Holds the live API against schemas/openapi.yaml and prints TAP lines without numbers, one an operation.

  openapi.py API-URL TOKEN-FILE ROOT PLAN.json

PLAN.json names what the test has made: org (to add again), template (text), run (one that is Synced, with failures), record (of
the source), token file of a viewer. Every operation that the file documents is called once at least; a reply with a member that
is not documented, or without one that is required, fails."""
import glob
import json
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

API, TOKEN_FILE, ROOT, PLAN = sys.argv[1:5]
sys.path.insert(0, os.path.join(ROOT, "tests/checker"))
from orgcheck import yamlite  # noqa: E402

DOC = yamlite.load(open(os.path.join(ROOT, "schemas/openapi.yaml"), encoding="utf-8").read())
METHODS = ("get", "post", "delete", "put", "patch")
TYPES = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list}
called = set()


def say(problems, name):
    print("%s %s" % ("not ok" if problems else "ok", name))
    for line in problems:
        print("# " + line)


def resolve(node):
    while isinstance(node, dict) and "$ref" in node:
        at = DOC
        for part in node["$ref"][2:].split("/"):
            at = at[part]
        node = at
    return node


def merged(schema):
    """A schema with what its allOf brings."""
    schema = resolve(schema)
    if "allOf" not in schema:
        return schema
    out = {"type": "object", "required": [], "properties": {}}
    for part in schema["allOf"]:
        part = merged(part)
        out["required"] = out["required"] + part.get("required", [])
        out["properties"].update(part.get("properties", {}))
    return out


def check(value, schema, where, out):
    schema = merged(schema)
    if value is None:
        if not schema.get("nullable"):
            out.append("%s is null" % where)
        return
    kind = schema.get("type")
    good = isinstance(value, TYPES[kind]) and not (isinstance(value, bool) and kind in ("integer", "number"))
    if not good:
        out.append("%s is %r, want %s" % (where, value, kind))
        return
    if "enum" in schema and value not in schema["enum"]:
        out.append("%s is %r, want one of %s" % (where, value, schema["enum"]))
    if kind == "string" and not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 1 << 30):
        out.append("%s is %r: its length" % (where, value))
    if schema.get("format") == "date-time" and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value):
        out.append("%s is %r: no time" % (where, value))
    if kind in ("integer", "number") and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        out.append("%s is %r: its range" % (where, value))
    if kind == "array":
        for at, item in enumerate(value):
            check(item, schema["items"], "%s[%d]" % (where, at), out)
    if kind == "object":
        known = schema.get("properties", {})
        for name in schema.get("required", []):
            if name not in value:
                out.append("%s has no %s" % (where, name))
        for name, item in value.items():
            if name in known:
                check(item, known[name], where + "." + name, out)
            elif not schema.get("additionalProperties"):
                out.append("%s.%s is not documented" % (where, name))


def http(method, path, body=None, token=TOKEN_FILE, headers=None):
    headers = dict(headers or {})
    if token:
        headers["Authorization"] = "Bearer " + open(token).read().strip()
    if isinstance(body, dict):
        body = json.dumps(body)
    request = urllib.request.Request(API + path, method=method, headers=headers,
                                     data=None if body is None else body.encode())
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.headers.get("Content-Type"), reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Content-Type"), error.read().decode()


def call(method, pattern, want, body=None, what=None, query="", token=TOKEN_FILE, headers=None, **params):
    """Calls an operation; holds status, content type and body against the file; gives the body as JSON."""
    operation = DOC["paths"][pattern][method]
    path = re.sub(r"{(\w+)}", lambda m: urllib.parse.quote(str(params[m.group(1)]), safe=""), pattern)
    status, kind, text = http(method.upper(), "/api/v1" + path + query, body, token, headers)
    called.add((method, pattern))
    problems, value = [], None
    if status != want:
        problems.append("status %d, want %d: %s" % (status, want, text[:500]))
    responses = operation["responses"]
    response = resolve(responses.get(str(status)) or (responses["default"] if status >= 400 else {}))
    contents = response.get("content", {})
    kind = (kind or "").split(";")[0]
    if not response:
        problems.append("status %d is not documented" % status)
    elif not contents:
        if text:
            problems.append("a body that is not documented: %s" % text[:200])
    elif kind not in contents:
        problems.append("content type %s, documented: %s" % (kind, sorted(contents)))
    elif kind.endswith("json"):
        value = json.loads(text)
        check(value, contents[kind]["schema"], "reply", problems)
    else:
        value = text
    if status >= 400 and isinstance(value, dict) and value.get("status") != status:
        problems.append("the problem's own status is %r" % value.get("status"))
    say(problems, "%s %s: %s" % (method.upper(), pattern, what or want))
    return value


def routes():
    """The routes of the coordinator's tables against the paths of the file."""
    coded, rights = {}, {}
    row = re.compile(r'\{"(GET|POST|DELETE|PUT|PATCH)",\s*"(/[^"]*)",\s*OSY_(ROLE|RIGHT)_(\w+),')
    for source in glob.glob(os.path.join(ROOT, "coordinator/api_*.c")):
        for method, path, kind, name in row.findall(open(source, encoding="utf-8").read()):
            coded[(method.lower(), path)] = name.lower() if kind == "ROLE" else "operator"
            rights[(method.lower(), path)] = name.lower() if kind == "RIGHT" else None
    written, asked = {}, {}
    for path, item in DOC["paths"].items():
        for method in METHODS:
            if method in item:
                written[(method, re.sub(r"{\w+}", "{}", path))] = item[method].get("x-role")
                asked[(method, re.sub(r"{\w+}", "{}", path))] = item[method].get("x-right")
    problems = ["%s %s is not in schemas/openapi.yaml" % key for key in sorted(set(coded) - set(written))]
    problems += ["%s %s is in no table" % key for key in sorted(set(written) - set(coded))]
    problems += ["%s %s: role %s, documented %s" % (*key, coded[key], written[key])
                 for key in sorted(set(coded) & set(written)) if coded[key] != written[key]]
    problems += ["%s %s: right %s, documented %s" % (*key, rights[key], asked[key])
                 for key in sorted(set(coded) & set(written)) if rights[key] != asked[key]]
    say(problems, "routes, roles and rights are those of the coordinator's tables (%d)" % len(coded))


def events(run):
    text = call("get", "/runs/{id}/events", 200, "", "a stream", id=run,
                headers={"Accept": "text/event-stream"})
    schemas = DOC["components"]["schemas"]
    known = {"run": schemas["Run"], "failure": schemas["FailureEvent"], "end": {"type": "object"}}
    problems, seen, ids = [], [], []
    for block in (text or "").split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":") and ": " in line)
        if not lines:
            continue
        seen.append(lines.get("event"))
        if lines.get("event") not in known:
            problems.append("event %r is not documented" % lines.get("event"))
            continue
        check(json.loads(lines["data"]), known[lines["event"]], lines["event"], problems)
        ids += [int(lines["id"])] if "id" in lines else []
    if seen[-1:] != ["end"] or "run" not in seen or "failure" not in seen:
        problems.append("events: %s" % seen)
    say(problems, "events: run, failure, end as documented")
    call("get", "/runs/{id}/events", 200, None, "resumed", id=run, headers={"Last-Event-ID": str(max(ids, default=0))})


def csv(run):
    text = call("get", "/runs/{id}/errors", 200, None, "as CSV", id=run, headers={"Accept": "text/csv"}) or ""
    want = DOC["paths"]["/runs/{id}/errors"]["get"]["responses"]["200"]["content"]["text/csv"]["schema"]["example"]
    say([] if text.splitlines()[0] == want else ["head: " + text[:200]], "the CSV's head")


def until(run, *states):
    end = time.monotonic() + 90
    while time.monotonic() < end:
        state = json.loads(http("GET", "/api/v1/runs/" + run)[2]).get("state")
        if state in states:
            return
        time.sleep(0.1)
    say(["state %s, want %s" % (state, states)], "run %s comes to an end" % run)


def hold(plan):
    """Calls of the target wait until they are let go: so long a state lasts."""
    data = json.dumps({"match": "", "kind": "hold"}).encode()
    urllib.request.urlopen(plan["org"]["instanceUrl"] + "/__sim/faults", data, timeout=60).close()


def let_go(plan):
    request = urllib.request.Request(plan["org"]["instanceUrl"] + "/__sim/faults", method="DELETE")
    urllib.request.urlopen(request, timeout=60).close()


def shows(run, state, phase):
    got = [(run or {}).get(key) for key in ("state", "phase")]
    say([] if got == [state, phase] else ["got %s" % got], "%s (%s)" % (state, phase))


def filters(plan):
    """Failures by object, code and a part of the message."""
    for query, want in (("object=Contact", 1), ("object=Account", 0), ("code=AMBIGUOUS_MATCH", 1), ("code=OTHER", 0),
                        ("message=HAVE%20this%20key", 1), ("message=nothing", 0), ("kind=link", 0), ("kind=record", 1)):
        value = call("get", "/runs/{id}/errors", 200, None, query, "?" + query, id=plan["run"])
        got = [item["code"] for item in (value or {"items": []})["items"]]
        say([] if len(got) == want else ["got %s" % got], "%s gives %d" % (query, want))


def orgs(plan):
    org = plan["org"]
    call("get", "/orgs", 200)
    call("post", "/orgs", 201, dict(org, name="third"))
    call("post", "/orgs", 422, dict(org, name="third", colour="red"), "an unknown member")
    call("post", "/orgs", 422, dict(org, name="third", instanceUrl="http://example.com"), "http:// to another machine")
    for method, path, status, name in (("get", "/orgs/{name}", 200, "third"), ("get", "/orgs/{name}", 404, "nobody"),
                                       ("post", "/orgs/{name}/test", 200, "third"),
                                       ("get", "/orgs/{name}/limits", 200, "third"),
                                       ("delete", "/orgs/{name}", 409, "src"), ("delete", "/orgs/{name}", 204, "third"),
                                       ("delete", "/orgs/{name}", 404, "third")):
        call(method, path, status, None, "%s: %d" % (name, status), name=name)


def hooks(plan):
    new = {"name": "third", "url": plan["org"]["instanceUrl"] + "/hook", "secret": "whsec_" + "A" * 32}
    call("get", "/hooks", 200)
    call("post", "/hooks", 201, new)
    call("post", "/hooks", 422, dict(new, colour="red"), "an unknown member")
    call("post", "/hooks", 422, dict(new, url="http://example.com"), "http:// to another machine")
    call("post", "/hooks", 422, dict(new, secret="secret"), "a secret of another form")
    call("post", "/hooks", 422, {"name": "third"}, "without a URL")
    for method, path, status, name in (("get", "/hooks/{name}", 200, "third"), ("get", "/hooks/{name}", 404, "nobody"),
                                       ("post", "/hooks/{name}/test", 200, "third"), ("post", "/hooks/{name}/test", 404, "nobody"),
                                       ("delete", "/hooks/{name}", 204, "third"), ("delete", "/hooks/{name}", 404, "third")):
        call(method, path, status, None, "%s: %d" % (name, status), name=name)
    got = [(item["at"], item["state"]) for item in (call("get", "/runs/{id}/hooks", 200, id=plan["run"]) or {"items": []})["items"]]
    say([] if got == [("beforeRun", "failed"), ("afterRun", "failed")] else ["got %s" % got], "the calls of a run")
    call("get", "/runs/{id}/hooks", 200, None, "a page of one", "?limit=1", id=plan["run"])
    call("get", "/runs/{id}/hooks", 404, None, "no such run", id="nobody")


def templates(plan):
    yaml = {"Content-Type": "application/yaml"}
    call("post", "/templates", 200, plan["template"], headers=yaml)
    call("post", "/templates", 422, "name: [", "broken YAML", "?file=t.yaml", headers=yaml)
    call("get", "/templates", 200)
    call("get", "/templates/{name}", 200, name=plan["templateName"])
    call("get", "/templates/{name}", 404, name="nobody")
    call("delete", "/templates/{name}", 204, name=plan["templateName"])


def checks(run):
    call("get", "/runs/{id}/check", 409, None, "before a check", id=run)
    made = call("post", "/runs/{id}/check", 200, id=run)
    say([] if made == call("get", "/runs/{id}/check", 200, id=run) else ["another"], "what was found is kept")
    call("post", "/runs/{id}/check", 404, None, "no such run", id="nobody")


def automations(run):
    call("get", "/runs/{id}/automation", 200, None, "of a run without", id=run)
    call("post", "/runs/{id}/automation", 409, None, "nothing is left off", id=run)
    call("delete", "/runs/{id}/automation", 409, None, "nothing is left off", id=run)
    call("get", "/runs/{id}/automation", 404, None, "no such run", id="nobody")


def orders(run):
    call("get", "/runs/{id}/order", 200, id=run)
    call("put", "/runs/{id}/order", 422, {"objects": ["Account"]}, "not all objects", id=run)
    call("put", "/runs/{id}/order", 422, {"objects": "Account"}, "no list", id=run)
    call("put", "/runs/{id}/order", 202, {"objects": ["Contact", "Account"]}, id=run)
    until(run, "Scanned")
    call("get", "/runs/{id}/order", 200, None, "a given one", id=run)
    call("delete", "/runs/{id}/order", 202, id=run)
    call("get", "/runs/{id}/order", 200, None, "while it is recalculated", id=run)


def runs(plan):
    new = {"template": plan["runTemplate"], "source": "src", "target": "dst"}
    call("get", "/runs", 200)
    call("get", "/runs", 200, None, "a page of one", "?limit=1")
    call("get", "/runs", 400, None, "limit=0", "?limit=0")
    call("get", "/runs", 200, None, "filters", "?withErrors=true&since=2026-01-01T00:00:00Z&source=src&target=dst&name=x&createdBy=y")
    call("get", "/runs", 400, None, "no time", "?since=yesterday")
    call("get", "/runs", 400, None, "no flag", "?withErrors=perhaps")
    call("post", "/runs", 422, dict(new, target="src"), "source and target are the same")
    call("post", "/runs", 404, dict(new, template="nobody"), "no such template")
    run = (call("post", "/runs", 201, dict(new, name="by the API")) or {}).get("id")
    call("get", "/runs/{id}/scan", 409, None, "before the scan", id=run)
    call("get", "/runs/{id}/order", 409, None, "before the scan", id=run)
    call("post", "/runs/{id}/replay", 409, None, "before the run", id=run)
    hold(plan)
    shows(call("post", "/runs/{id}/scan", 202, id=run), "Scan In Progress", "Initializing")
    let_go(plan)
    until(run, "Scanned")
    report = call("get", "/runs/{id}/scan", 200, id=run) or {}
    got = [report.get("order"), report.get("missingParents")]
    want = [["Account", "Contact"], [{"object": "Contact", "field": "AccountId", "parent": "Account", "count": 2, "policy": "blank"}]]
    say([] if got == want else ["got %s" % got], "the scan tells the order, and children whose parents are left out")
    checks(run)
    automations(run)
    orders(run)
    until(run, "Scanned")
    hold(plan)
    call("post", "/runs/{id}/start", 202, id=run)
    until(run, "Sync In Progress")
    let_go(plan)
    until(run, "Synced")
    shows(call("get", "/runs/{id}", 200, id=run), "Synced", "Completed")
    call("get", "/runs/{id}", 404, None, "no such run", id="nobody")
    call("post", "/runs/{id}/replay", 202, id=run)
    until(run, "Synced")
    call("post", "/runs/{id}/retry", 409, None, "of a run without failures", id=run)
    call("post", "/runs/{id}/pause", 409, None, "of one that has ended", id=run)
    call("post", "/runs/{id}/resume", 409, None, "of one that has ended", id=run)
    call("post", "/runs/{id}/abort", 409, None, "of one that has ended", id=run)
    call("post", "/runs/{id}/rollback", 422, {"dry": True}, "an unknown key", id=run)
    call("post", "/runs/{id}/rollback", 202, {"dryRun": True}, id=run)
    until(run, "Synced")
    call("get", "/runs/{id}", 200, None, "with what a rollback would do", id=run)
    call("post", "/runs/{id}/rollback", 202, {"force": False}, "in earnest", id=run)
    until(run, "Rollback Completed")
    call("post", "/runs/{id}/replay", 409, None, "after a rollback", id=run)
    other = (call("post", "/runs", 201, new, "another") or {}).get("id")
    call("post", "/runs/{id}/abort", 202, id=other)
    call("delete", "/runs/{id}", 204, id=other)
    call("get", "/runs/{id}/errors", 200, id=plan["run"])
    call("get", "/runs/{id}/errors", 200, None, "all kinds, a page of one", "?kind=all&limit=1", id=plan["run"])
    call("get", "/runs/{id}/errors/summary", 200, id=plan["run"])
    call("get", "/runs/{id}/waiting", 200, None, "a page of one", "?limit=1", id=plan["run"])
    call("get", "/runs/{id}/waiting", 200, None, "of a parent", "?object=Contact&parent=001000000000001", id=plan["run"])
    call("get", "/runs/{id}/waiting/parents", 200, id=plan["run"])
    call("get", "/runs/{id}/log", 200, id=run)
    call("get", "/runs/{id}/log", 200, None, "a page of one", "?limit=1&level=info&text=pass", id=run)
    call("get", "/runs/{id}/log", 400, None, "no level", "?level=loud", id=run)
    call("get", "/runs/{id}/log", 404, None, "no such run", id="nobody")
    filters(plan)
    csv(plan["run"])
    events(plan["run"])
    call("get", "/runs/{id}/why/{recordId}", 200, None, "a failed record", id=plan["run"], recordId=plan["failed"])
    call("get", "/runs/{id}/why/{recordId}", 200, None, "one that is in", id=plan["run"], recordId=plan["record"])
    call("get", "/runs/{id}/why/{recordId}", 400, None, "no record id", id=plan["run"], recordId="x")
    hold(plan)
    call("post", "/runs/{id}/resync", 202, id=plan["run"])
    call("post", "/runs/{id}/pause", 202, id=plan["run"])
    let_go(plan)
    until(plan["run"], "Paused")
    call("post", "/runs/{id}/resume", 202, id=plan["run"])
    until(plan["run"], "Synced")


def admin(plan):
    pair = "?source=src&target=dst&record="
    call("get", "/idmap", 200, None, None, pair + plan["record"])
    call("get", "/idmap", 404, None, "not mapped", pair + plan["record"][:8] + "9zzzzzz")
    call("get", "/idmap", 400, None, "no record id", pair + "x")
    call("post", "/idmap/rebuild", 200, {"source": "src", "target": "dst"})
    call("get", "/doctor", 200)
    call("get", "/tokens", 200)
    single = call("post", "/tokens", 201, {"name": "single", "role": "operator", "rights": ["abort", "start"]}, "with single rights") or {}
    call("post", "/tokens", 422, {"name": "single", "role": "operator", "rights": ["fly"]}, "an unknown right")
    call("post", "/tokens", 422, {"name": "single", "role": "admin", "rights": ["start"]}, "rights of an admin")
    call("post", "/tokens", 422, {"name": "single", "role": "operator", "rights": []}, "no right at all")
    made = call("post", "/tokens", 201, {"name": "one", "role": "viewer"}) or {}
    call("post", "/tokens", 422, {"name": "one", "role": "king"}, "an unknown role")
    path = os.path.join(os.path.dirname(PLAN), "made")
    with open(path, "w", encoding="ascii") as file:
        file.write(made.get("token", ""))
    call("get", "/tokens", 403, None, "as a viewer", token=path)
    call("delete", "/tokens/{id}", 204, id=made.get("id"))
    call("delete", "/tokens/{id}", 404, None, "that was revoked", id=made.get("id"))
    rows = {row["id"]: row for row in (call("get", "/tokens", 200, None, "with one that was revoked") or {}).get("items", [])}
    mine = [rows.get(t.get("id"), {}) for t in (single, made)]
    got = [mine[0].get("rights"), mine[0].get("lastUsedAt"), mine[1].get("rights"), bool(mine[1].get("lastUsedAt")), bool(mine[1].get("revokedAt"))]
    say([] if got == [["start", "abort"], None, None, True, True] else ["got %s" % got], "the list tells rights, use and end of a token")
    call("get", "/runs", 401, None, "with a token that was revoked", token=path)
    call("get", "/runs", 401, None, "without a token", token=None)
    call("get", "/audit", 200)
    call("get", "/audit", 200, None, "a page of one", "?limit=1")


def schedules(plan):
    new = {"name": "nightly", "cron": "0 2 * * mon-fri", "template": plan["runTemplate"], "source": "src", "target": "dst"}
    call("get", "/schedules", 200)
    call("post", "/schedules", 201, new)
    call("post", "/schedules", 201, dict(new, cron="0 3 * * *"), "replaced")
    call("post", "/schedules", 422, dict(new, cron="0 3 * *"), "four fields")
    call("post", "/schedules", 422, dict(new, cron="0 0 30 2 *"), "a day that never comes")
    call("post", "/schedules", 422, dict(new, name="a/b"), "no name")
    call("post", "/schedules", 404, dict(new, template="nobody"), "no such template")
    call("post", "/schedules", 404, dict(new, source="nobody"), "no such org")
    call("post", "/schedules", 422, dict(new, target="src"), "source and target are the same")
    call("post", "/schedules", 422, dict(new, cleans="audit"), "both")
    call("post", "/schedules", 422, {"name": "x", "cron": "0 3 * * *"}, "neither")
    call("post", "/schedules", 422, {"name": "x", "cron": "0 3 * * *", "cleans": "orgs"}, "no such table")
    call("post", "/schedules", 201, {"name": "sweep", "cron": "0 3 * * *", "cleans": "firings"})
    call("get", "/schedules/{name}", 200, name="nightly")
    call("get", "/schedules/{name}", 404, None, "no such schedule", name="nobody")
    call("get", "/schedules/{name}/firings", 200, None, "none yet", name="nightly")
    call("get", "/schedules/{name}/firings", 404, None, "no such schedule", name="nobody")
    paused = call("post", "/schedules/{name}/pause", 200, name="nightly") or {}
    say([] if paused.get("paused") and paused.get("nextAt") is None else ["got %s" % paused], "a paused schedule has no next time")
    run = (call("post", "/schedules/{name}/run", 200, None, "though paused", name="nightly") or {}).get("run")
    call("post", "/schedules/{name}/run", 200, name="sweep")
    call("post", "/schedules/{name}/run", 404, None, "no such schedule", name="nobody")
    until(run, "Synced")
    call("post", "/schedules/{name}/run", 200, None, "again", name="nightly")
    call("get", "/schedules/{name}/firings", 200, None, "a page of one", "?limit=1", name="nightly")
    resumed = call("post", "/schedules/{name}/resume", 200, name="nightly") or {}
    say([] if not resumed.get("paused") and resumed.get("nextAt") else ["got %s" % resumed], "a resumed one has")
    call("post", "/schedules/{name}/resume", 404, None, "no such schedule", name="nobody")
    call("delete", "/schedules/{name}", 204, name="nightly")
    call("delete", "/schedules/{name}", 404, None, "no such schedule", name="nightly")
    call("delete", "/schedules/{name}", 204, None, "a clean-up", name="sweep")


def disconnect(plan):
    """Last: nothing works with that org any more."""
    call("post", "/orgs/{name}/disconnect", 404, None, "no such org", name="nobody")
    for run in (call("get", "/runs", 200) or {}).get("items", []):
        until(run["id"], "Not Started", "Scanned", "Synced", "Aborted", "Rollback Completed")
    org = call("post", "/orgs/{name}/disconnect", 200, name="dst") or {}
    say([] if org.get("connected") is False and org.get("disconnectedAt") else ["got %s" % org], "the org says so")
    call("post", "/orgs/{name}/test", 409, None, "disconnected", name="dst")
    call("post", "/runs", 409, {"template": plan["runTemplate"], "source": "src", "target": "dst"}, "of a disconnected org")


def main():
    plan = json.load(open(PLAN, encoding="utf-8"))
    routes()
    orgs(plan)
    hooks(plan)
    templates(plan)
    runs(plan)
    schedules(plan)
    admin(plan)
    disconnect(plan)
    documented = {(m, p) for p, item in DOC["paths"].items() for m in METHODS if m in item}
    say(["%s %s was not called" % key for key in sorted(documented - called)], "every operation was called")


main()
