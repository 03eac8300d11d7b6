#!/usr/bin/env bash
# Delta and deletes: a run reads what has changed since the last one, and nothing is lost by it: not what changed while it was
# read, not what has failed, not what an earlier run never brought. Records that are deleted in the source are deleted in the
# target, come back when they do in the source, and a rollback brings them back too.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators --latency 5
coordinator
worker w1
worker w2
add_orgs

# ---- Marks ---------------------------------------------------------------------------------------------
# All of it is a day old, so that no overlap reaches it.
python3 - "$T/src.jsonl" <<'PY'
import datetime, json, sys
old = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
stamps = {"CreatedDate": old, "LastModifiedDate": old, "SystemModstamp": old}
with open(sys.argv[1], "w") as out:
    def put(kind, **fields):
        out.write(json.dumps({"attributes": {"type": kind}, **fields, **stamps}) + "\n")
    for i in range(600):
        parent = {"ParentId": "@a%d" % (i - i % 20)} if i % 20 else {}
        put("Account", Id="@a%d" % i, Name="Account %d" % i, Ext_Id__c="A-%d" % i, Industry="Energy", **parent)
    for i in range(1500):
        boss = {"ReportsToId": "@c%d" % (i - i % 10)} if i % 10 else {}
        put("Contact", Id="@c%d" % i, LastName="Person %d" % i, AccountId="@a%d" % (i % 600), Ext_Id__c="C-%d" % i, **boss)
PY
seed "$SRC" "$T/src.jsonl"
template() { # NAME WHERE-OF-ACCOUNT OPTIONS API
	cat >"$T/$1.yaml" <<YAML
name: $1
objects:
  - name: Account
    where: "$2"
    fields: {include: [Name, ParentId, Industry, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    api: ${4:-auto}
  - name: Contact
    fields: {include: [LastName, Title, AccountId, ReportsToId, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    api: ${4:-auto}
options: {deltaSync: true$3}
YAML
	orgsync template apply -f "$T/$1.yaml" >/dev/null || bail "template $1 is refused"
}
id_of() { # URL OBJECT EXT-ID
	curl -sf "$1/__sim/dump?object=$2" | python3 -c 'import json, sys
for line in sys.stdin:
    r = json.loads(line)
    if r["Ext_Id__c"] == sys.argv[1] and not r.get("IsDeleted"): print(r["Id"])' "$3"
}
change() { # URL OBJECT EXT-ID FIELD VALUE
	printf '{"attributes":{"type":"%s"},"Id":"%s","%s":"%s"}\n' "$2" "$(id_of "$1" "$2" "$3")" "$4" "$5" |
		curl -sf --data-binary @- "$1/__sim/update" >/dev/null || bail "$3 cannot be changed"
}
value() { # OBJECT EXT-ID FIELD: in the target
	curl -sf "$DST/__sim/dump?object=$1" | python3 -c 'import json, sys
print(*[r[sys.argv[2]] for r in map(json.loads, sys.stdin) if r["Ext_Id__c"] == sys.argv[1] and not r.get("IsDeleted")])' "$2" "$3"
}
go() { # TEMPLATE [ARGUMENT...]: a run; its id in RUN
	RUN=$(orgsync run create --template "$1" --source src --target dst "${@:2}") || bail "no run"
	orgsync run start "$RUN" --wait >"$T/out" 2>&1
}
counts() { run_get "$RUN" '[d["totals"][k] for k in ("scanned","inserted","updated","existing","skipped","failed")]'; }
scanned() { run_get "$RUN" '[o["scanned"] for o in d["objects"]]'; }
mark() { # TEMPLATE OBJECT
	orgsync template show "$1" -o json | json '[m["at"] for m in d["marks"] if m["object"] == "'"$2"'" and not m["deletes"]]'
}
judge() { # NAME
	runs "$1" check_orgs "$RUN" --template "$T/crm.yaml" --key Ext_Id__c
}

template crm "Industry != null" ""
go crm
is "$(counts)" "[2100, 2100, 0, 0, 0, 0]" "the first run reads everything"
is "$(run_get "$RUN" '[o["since"] for o in d["objects"]]')" "[None, None]" "and says so"
first=$(mark crm Account)
like "$first" "T" "it leaves a mark"
is "$(orgsync template show crm -o json | json '{m["run"] for m in d["marks"]} == {"'"$RUN"'"}')" True "that names it"
is "$(orgsync template show crm -o json | json '"%s" < d["marks"][0]["at"] < "%s"' 2>/dev/null | wc -l)" 1 "a template shows its marks"
next_second
go crm
is "$(counts)" "[0, 0, 0, 0, 0, 0]" "nothing has changed, nothing is read"
runs "the mark has moved" test "$(mark crm Account)" '>' "$first"
change "$SRC" Account A-7 Name "Seven"
change "$SRC" Contact C-8 Title "Chief"
curl -sf --data-binary '{"attributes":{"type":"Contact"},"LastName":"New","Ext_Id__c":"C-new","AccountId":"'"$(id_of "$SRC" Account A-3)"'","ReportsToId":"'"$(id_of "$SRC" Contact C-5)"'"}' \
	"$SRC/__sim/seed" >/dev/null || bail "no contact"
RUN=$(create_run crm)
orgsync run scan "$RUN" -o json >"$T/scan.json" 2>/dev/null
is "$(json '[(o["selected"], o["since"] is not None) for o in d["objects"]], d["missingParents"], d["notices"]' <"$T/scan.json")" \
	"([(1, True), (2, True)], [], [])" "a scan counts what has changed, and misses no parent"
orgsync run start "$RUN" --wait >"$T/out" 2>&1
is "$(counts)" "[3, 1, 2, 0, 0, 0]" "what has changed, and no more, is read"
is "$(run_get "$RUN" '[o["since"] is not None for o in d["objects"]]')" "[True, True]" "run show says since when"
is "$(orgsync run errors "$RUN" -o json | json 'd["items"] if isinstance(d, dict) else d')" "[]" "lookups to records outside of it are known"
judge "the orgs are equal"
like "$(orgsync run show "$RUN")" "SINCE" "the table has the column too"

# ---- The mark of another moment --------------------------------------------------------------------------
before=$(mark crm Contact)
next_second
go crm --since "$(date -u -d '2 days ago' +%Y-%m-%dT%H:%M:%SZ)"
is "$(counts)" "[2101, 0, 0, 2101, 0, 0]" "--since reads what has changed since then"
runs "and the mark, which lies behind it, moves" test "$(mark crm Contact)" '>' "$before"
before=$(mark crm Contact)
change "$SRC" Account A-9 Name "Nine"
go crm --since "$(date -u -d 'tomorrow' +%Y-%m-%dT%H:%M:%SZ)"
is "$(counts) $(mark crm Contact)" "[0, 0, 0, 0, 0, 0] $before" "one that leaves a gap moves no mark"
go crm
is "$(counts)" "[4, 0, 1, 3, 0, 0]" "so the gap is read by the next one (with its overlap)"
orgsync run create --template crm --source src --target dst --since yesterday >"$T/out" 2>&1
is "$? $(grep -c 'write it as' "$T/out")" "2 1" "a moment that is none is refused"
sed 's/^name: crm/name: whole/; s/deltaSync: true/deltaSync: false/' "$T/crm.yaml" >"$T/whole.yaml"
orgsync template apply -f "$T/whole.yaml" >/dev/null
orgsync run create --template whole --source src --target dst --since 2026-01-01 >"$T/out" 2>&1
like "$(cat "$T/out")" "deltaSync" "and so is one for a template that reads everything"

# ---- What fails keeps its mark ---------------------------------------------------------------------------
rule() { # true or false
	curl -sf -d '{"validationRules":[{"object":"Contact","name":"NoBad","active":'"$1"',"field":"LastName","op":"contains","value":"Bad","message":"no bad ones","errorField":"LastName"}]}' \
		"$DST/__sim/schema" >/dev/null || bail "no rule"
}
template strict "Industry != null" ", deltaOverlapMinutes: 0"
go strict
rule true
change "$SRC" Contact C-20 LastName "Bad twenty"
accounts=$(mark strict Account) contacts=$(mark strict Contact)
next_second
go strict
is "$(run_get "$RUN" 'd["totals"]["failed"]')" 1 "a contact fails"
is "$(mark strict Contact)" "$contacts" "the mark of contacts stays"
runs "that of accounts moves" test "$(mark strict Account)" '>' "$accounts"
FAILED_RUN=$RUN
go strict
is "$(run_get "$RUN" 'd["totals"]["failed"]')" 1 "the contact is read again, though it has not changed since"
rule false
orgsync run retry "$FAILED_RUN" --wait >/dev/null 2>&1
is "$(run_get "$FAILED_RUN" 'd["totals"]["failed"]') $(value Contact C-20 LastName)" "0 Bad twenty" "a retry brings it in"
runs "and moves the mark" test "$(mark strict Contact)" '>' "$contacts"

# ---- What changes while it is read -------------------------------------------------------------------------
curl -sf -d '{"ms":150}' "$SRC/__sim/latency" >/dev/null
curl -sf -d '{"pageRows":200}' "$SRC/__sim/settings" >/dev/null
template slow "Industry != null" ", deltaOverlapMinutes: 0" rest
RUN=$(create_run slow)
orgsync run scan "$RUN" >/dev/null 2>&1
some_read() { [[ $(curl -sf "$SRC/__sim/stats" | json 'sum(n for c, n in d["byCall"].items() if "query" in c)') -gt $((QUERIES + 3)) ]]; }
QUERIES=$(curl -sf "$SRC/__sim/stats" | json 'sum(n for c, n in d["byCall"].items() if "query" in c)')
orgsync run start "$RUN" >/dev/null
wait_for 60 some_read || diag "nothing is read"
for n in 0 100 300 599; do change "$SRC" Account A-$n Name "While it was read $n"; done
wait_ended "$RUN"
curl -sf -d '{"ms":5}' "$SRC/__sim/latency" >/dev/null
curl -sf -d '{"pageRows":0}' "$SRC/__sim/settings" >/dev/null
go slow
judge "what changed while a run was reading is in after the next one, without an overlap"
for n in 0 100 300 599; do value Account A-$n Name; done >"$T/names"
is "$(grep -c 'While it was read' "$T/names")" 4 "all four of them"

# ---- By Bulk, by a limit, with another filter ----------------------------------------------------------------
template bulk "Industry != null" ", deltaOverlapMinutes: 0" bulk
next_second
go bulk
is "$(run_get "$RUN" '[o["read"] for o in d["objects"]]')" "['bulk', 'bulk']" "read by Bulk"
change "$SRC" Account A-30 Name "Thirty"
go bulk
is "$(scanned) $(value Account A-30 Name)" "[1, 0] Thirty" "a Bulk query honours the mark"
template bulk "Industry = 'Energy'" ", deltaOverlapMinutes: 0" bulk
RUN=$(create_run bulk)
orgsync run scan "$RUN" -o json 2>/dev/null >"$T/scan.json"
is "$(json '[o["selected"] for o in d["objects"]]' <"$T/scan.json")" "[600, 0]" "another filter of an object: that one is read as a whole"
like "$(json 'd["notices"]' <"$T/scan.json")" "Account has changed since the last run" "and the scan says why"
sed 's/^name: crm/name: some/; s/match: {externalId: Ext_Id__c}/match: {externalId: Ext_Id__c}\n    limit: 100/' "$T/crm.yaml" >"$T/some.yaml"
orgsync template apply -f "$T/some.yaml" >/dev/null
go some
is "$(scanned) $(mark some Account)" "[100, 100] []" "a limit that was reached leaves no mark"

# ---- A rollback takes the marks back ----------------------------------------------------------------------------
template undone "Industry != null" ", deltaOverlapMinutes: 0"
next_second
go undone
change "$SRC" Account A-40 Name "Forty"
before=$(mark undone Account)
go undone
is "$(scanned) $(value Account A-40 Name)" "[1, 0] Forty" "a delta run"
orgsync run rollback "$RUN" --wait >"$T/out" 2>&1
is "$(value Account A-40 Name) $(mark undone Account)" "Account 40 $before" "rolled back: the mark is where it was"
go undone
is "$(scanned) $(value Account A-40 Name)" "[1, 0] Forty" "so the next run brings it again"

# ---- Deletes ---------------------------------------------------------------------------------------------------
erase() { # URL OBJECT EXT-ID...: to the recycle bin, past all rules
	for ext in "${@:3}"; do printf '{"attributes":{"type":"%s"},"Id":"%s"}\n' "$2" "$(id_of "$1" "$2" "$ext")"; done |
		curl -sf --data-binary @- "$1/__sim/delete" >/dev/null || bail "${*:3} cannot be deleted"
}
totals() { run_get "$RUN" '[d["totals"][k] for k in ("scanned","inserted","updated","existing","skipped","deleted","failed")]'; }
live() { curl -sf "$DST/__sim/count" | json '[d["Account"], d["Contact"]]'; }
template gone "Industry != null" ", includeDeleted: true, deltaOverlapMinutes: 0"
next_second
go gone
is "$(live)" "[600, 1501]" "before the deletes"
KEPT=$(curl -sf "$DST/__sim/dump?object=Contact" | python3 -c 'import json, sys
print(*[r["Id"] for r in map(json.loads, sys.stdin) if r["Ext_Id__c"] == "C-101"])')
change "$DST" Contact C-101 Description "Kept in the target alone"
erase "$SRC" Contact C-101 C-102 C-701
erase "$SRC" Account A-101 A-102
# contacts of these accounts too, as an org does it
erase "$SRC" Contact C-1301 C-1302 C-702
RUN=$(create_run gone)
orgsync run scan "$RUN" -o json >"$T/scan.json" 2>/dev/null
is "$(json '[(o["name"], o["selected"], o["stage"]) for o in d["objects"] if o["deletes"]]' <"$T/scan.json")" \
	"[('Account', 2, 4), ('Contact', 6, 3)]" "a scan counts them, children first"
orgsync run start "$RUN" --wait >"$T/out" 2>&1
is "$? $(totals)" "0 [8, 0, 0, 0, 0, 8, 0]" "what was deleted in the source is deleted in the target"
is "$(live)" "[598, 1495]" "and nothing else"
is "$(run_get "$RUN" '[(o["name"], o["deleted"], o["scannedDeletes"]) for o in d["objects"]]')" "[('Account', 2, 2), ('Contact', 6, 6)]" "counted with its object"
judge "the orgs are equal"
is_unmapped() { ! orgsync idmap get --source src --target dst "$(id_of_any Contact C-101)"; }
id_of_any() { curl -sf "$SRC/__sim/dump?object=$1" | python3 -c 'import json, sys
print(*[r["Id"] for r in map(json.loads, sys.stdin) if r["Ext_Id__c"] == sys.argv[1]])' "$2"; }
runs "its mapping is gone" is_unmapped
like "$(orgsync run why "$RUN" "$(id_of_any Contact C-101)")" "deleted" "why says what became of it"
go gone
is "$(totals | json '[d[k] for k in (5, 6)]') $(live)" "[0, 0] [598, 1495]" "the next run deletes nothing again"

# ---- Alive again -------------------------------------------------------------------------------------------------
undelete() { # URL ID...
	local token ids
	token=$(curl -sf -d 'grant_type=client_credentials&client_id=orgsync&client_secret=orgsync-secret' "$1/services/oauth2/token" | json 'd["access_token"]')
	ids=$(printf '<ids>%s</ids>' "${@:2}")
	curl -sf -H 'SOAPAction: "undelete"' -H 'Content-Type: text/xml' "$1/services/Soap/u/60.0" -d '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com"><soapenv:Header><SessionHeader><sessionId>'"$token"'</sessionId></SessionHeader></soapenv:Header><soapenv:Body><undelete>'"$ids"'</undelete></soapenv:Body></soapenv:Envelope>' >"$T/undelete.xml"
	is "$(grep -o '<success>true' "$T/undelete.xml" | wc -l)" "$(($# - 1))" "records are undeleted"
}
undelete "$SRC" "$(id_of_any Contact C-101)" "$(id_of_any Contact C-102)" "$(id_of_any Account A-101)" "$(id_of_any Account A-102)"
change "$SRC" Contact C-101 LastName "Risen"
go gone
is "$(run_get "$RUN" '[d["totals"][k] for k in ("inserted","updated","existing","deleted","failed")]')" "[4, 0, 0, 0, 0]" "what is alive again in the source comes back"
is "$(id_of "$DST" Contact C-101) $(value Contact C-101 LastName) $(value Contact C-101 Description)" "$KEPT Risen Kept in the target alone" \
	"out of the recycle bin, as it was, and updated"
is "$(live)" "[600, 1497]" "each once"
is "$(orgsync idmap get --source src --target dst "$(id_of "$SRC" Contact C-101)" -q)" "$KEPT" "its mapping is right again"
judge "the orgs are equal"
REVIVED_RUN=$RUN
orgsync run rollback "$REVIVED_RUN" --wait >"$T/out" 2>&1
is "$? $(run_get "$REVIVED_RUN" '[d["rollback"][k] for k in ("deleted", "restored", "left")]') $(live)" "0 [4, 0, 0] [598, 1495]" "a rollback deletes it again"

# ---- A rollback of deletes -----------------------------------------------------------------------------------------
dump() { python3 "$ROOT/tests/checker/check" dump "$DST" --objects Account,Contact >"$T/$1.dump" || bail "no dump"; }
done_is() { run_get "$RUN" '[d["rollback"][k] for k in ("deleted", "restored", "undeleted", "left")]'; }
go gone
is "$(live)" "[600, 1497]" "they come once more"
dump before
erase "$SRC" Contact C-201 C-801 C-1401 C-203 C-204
erase "$SRC" Account A-201
is "$(curl -sf -X POST "$SRC/__sim/empty-bin" | json 'd["purged"] >= 6')" True "the source's recycle bin is emptied"
go gone
is "$? $(run_get "$RUN" 'd["totals"]["deleted"]') $(live)" "0 6 [599, 1492]" "what has left the recycle bin is told by getDeleted"
orgsync run rollback "$RUN" --dry-run --wait >"$T/out" 2>&1
is "$? $(done_is) $(live)" "0 [0, 0, 6, 0] [599, 1492]" "a dry run of a rollback says what would be undeleted"
orgsync run rollback "$RUN" --wait >"$T/out" 2>&1
is "$? $(done_is) $(live)" "0 [0, 0, 6, 0] [600, 1497]" "a rollback undeletes it"
dump after
runs "the target is as it was" python3 "$ROOT/tests/checker/check" compare "$T/before.dump" "$T/after.dump"
change "$DST" Contact C-203 Description "To be kept"
OLD=$(id_of "$DST" Contact C-203)
go gone
is "$? $(run_get "$RUN" 'd["totals"]["deleted"]') $(live)" "0 6 [599, 1492]" "the mark went back too: the next run deletes it again"
curl -sf -X POST "$DST/__sim/empty-bin" >/dev/null
orgsync run rollback "$RUN" --wait >"$T/out" 2>&1
is "$? $(done_is) $(live)" "0 [0, 0, 6, 0] [600, 1497]" "what has left the recycle bin is inserted again"
is "$(value Contact C-203 Description) $(value Contact C-203 LastName)" "To be kept Person 203" "with all that it held"
NEW=$(id_of "$DST" Contact C-203)
runs "as another record" test -n "$NEW" -a "$NEW" != "$OLD"
is "$(orgsync idmap get --source src --target dst "$(id_of_any Contact C-203)" -q)" "$NEW" "with a mapping of its own"
go gone
is "$? $(run_get "$RUN" 'd["totals"]["deleted"]') $(live)" "0 6 [599, 1492]" "and it is deleted once more"

# ---- A parent among them, both out of the recycle bin ----------------------------------------------------------------
printf '%s\n' '{"attributes":{"type":"Account"},"Id":"@p","Name":"Parent","Industry":"Energy","Ext_Id__c":"A-p"}' \
	'{"attributes":{"type":"Account"},"Id":"@q","Name":"Child","Industry":"Energy","Ext_Id__c":"A-q","ParentId":"@p"}' >"$T/pair"
seed "$SRC" "$T/pair"
go gone
erase "$SRC" Account A-p A-q
go gone
curl -sf -X POST "$DST/__sim/empty-bin" >/dev/null
orgsync run rollback "$RUN" --wait >"$T/out" 2>&1
is "$? $(done_is) $(value Account A-q ParentId)" "0 [0, 0, 2, 0] $(id_of "$DST" Account A-p)" "a child that is inserted again points to its parent as it is now"
go gone
is "$? $(run_get "$RUN" 'd["totals"]["deleted"]') $(live)" "0 2 [599, 1492]" "and both are deleted again"

# ---- Children of others ----------------------------------------------------------------------------------------------
A301=$(id_of "$DST" Account A-301)
curl -sf --data-binary '{"attributes":{"type":"Contact"},"LastName":"Other","AccountId":"'"$A301"'","Ext_Id__c":"Other"}' "$DST/__sim/seed" >/dev/null
erase "$SRC" Contact C-301 C-901
erase "$SRC" Account A-301
before=$(mark gone Account)
go gone
is "$? $(run_get "$RUN" '[d["totals"][k] for k in ("deleted", "failed")]')" "1 [2, 1]" "a delete that would take others along is refused"
is "$(orgsync run errors "$RUN" -o json | json '[(e["code"], e["fields"]) for e in (d["items"] if isinstance(d, dict) else d)]')" "[('HAS_CHILDREN', 'AccountId')]" \
	"and told"
is "$(id_of "$DST" Account A-301) $(id_of "$DST" Contact Other | wc -l)" "$A301 1" "both are there"
erase "$DST" Contact Other
next_second
go gone
is "$? $(run_get "$RUN" '[d["totals"][k] for k in ("deleted", "failed")]') $(id_of "$DST" Account A-301)" "0 [1, 0] " "the next run deletes it: its mark has not moved"
erase "$DST" Contact C-302
erase "$SRC" Contact C-302
go gone
is "$? $(run_get "$RUN" '[d["totals"][k] for k in ("deleted", "existing", "failed")]')" "0 [0, 1, 0]" "what is gone already counts as existing"
RUN=$(orgsync run create --template gone --source src --target dst --since "$(date -u -d '20 days ago' +%Y-%m-%d)")
orgsync run scan "$RUN" -o json >"$T/scan.json" 2>/dev/null
like "$(json '[n for n in d["notices"] if "Account" in n]' <"$T/scan.json")" "is not known to the org any more" "a mark older than what an org tells of deletes: the scan says so"
e2e_end
