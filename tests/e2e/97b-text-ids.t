#!/usr/bin/env bash
# Texts that hold ids of records: rewritten like lookups, by REST and by Bulk, at once or by the link pass, over crashes and rollbacks;
# what is no id of the run's records stays as it is.
. "$(dirname "$0")/lib.sh"
export ORGSYNC_REQUEST_LIMIT_MS=15000 # a worker that dies may have noted what it had not sent
e2e_begin
cat >"$T/schema.json" <<'JSON'
{"objects": [
  {"name": "Account", "fields": [{"name": "Ref__c", "type": "string", "length": 18}, {"name": "Short__c", "type": "string", "length": 15},
    {"name": "Url__c", "type": "string", "length": 200}, {"name": "Tail__c", "type": "string", "length": 40}]},
  {"name": "Contact", "fields": [{"name": "Ref__c", "type": "string", "length": 255}, {"name": "Note__c", "type": "textarea", "length": 4000},
    {"name": "Must__c", "type": "string", "length": 20, "nillable": false}]}]}
JSON
simulators --schema "$T/schema.json"
coordinator
worker
add_orgs

# Accounts point to accounts and to contacts, contacts to both, with 15 characters and with 18.
cat >"$T/make.py" <<'PY'
import json, sys, urllib.request
step, url, accounts, contacts = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
def put(kind, ident, **more):
    print(json.dumps(dict({"attributes": {"type": kind}, "Id": ident}, **more)))
if step == "seed":
    for n in range(accounts):
        put("Account", "@a%d" % n, Ext_Id__c="a%d" % n, Name="a%d" % n, Industry="Media" if n == 3 else "Energy")
    for n in range(contacts):
        put("Contact", "@c%d" % n, Ext_Id__c="c%d" % n, LastName="c%d" % (n % 7), AccountId="@a%d" % (n % 3), Must__c="x")
    put("Case", "@k0", Subject="outside")
else:
    ids = {}
    for kind in ("Account", "Contact", "Case"):
        for line in urllib.request.urlopen("%s/__sim/dump?object=%s" % (url, kind)):
            r = json.loads(line)
            ids[r.get("Ext_Id__c") or "case"] = r["Id"]
    for n in range(accounts):
        put("Account", ids["a%d" % n], Ref__c=ids["c%d" % (n % contacts)] if n % 2 else ids["a%d" % ((n + 1) % accounts)],
            Short__c=ids["a%d" % ((n + 2) % accounts)][:15], Url__c="https://x.example/" + ids["a%d" % ((n + 4) % accounts)])
    texts = [ids["a0"], ids["a1"][:15], "no id", "Congratulations", ids["case"], ids["c1"][:17], "-" + ids["a0"][:17], ids["a3"], None]
    for n in range(contacts):
        put("Contact", ids["c%d" % n], Ref__c=texts[n] if n < len(texts) else ids["a%d" % (n % accounts)] if n % 3 else ids["c%d" % (n - 1)],
            Note__c="%s;%s" % (ids["a0"], ids["a1"]) if n == 0 else "see\n%s" % ids["c2"][:15] if n == 1 else ids["c%d" % ((n * 5) % contacts)])
PY
fill() { # ACCOUNTS CONTACTS: the source anew
	curl -sf -X POST "$SRC/__sim/reset" >/dev/null
	python3 "$T/make.py" seed "$SRC" "$@" >"$T/src.jsonl" && seed "$SRC" "$T/src.jsonl"
	python3 "$T/make.py" texts "$SRC" "$@" >"$T/texts.jsonl"
	curl -sf --data-binary "@$T/texts.jsonl" "$SRC/__sim/update" >/dev/null || bail "no texts"
	forget
}
forget() { # the target is empty, and nothing is mapped
	curl -sf -X POST "$DST/__sim/reset" >/dev/null
	forget_mappings
}
template() { # NAME MATCH API [FILTER-OF-ACCOUNT] [POLICY]
	cat <<YAML
name: $1
objects:
  - name: Account
    where: "${4:-Name != 'nobody'}"
    fields: {include: [Name, Industry, Ext_Id__c, Ref__c, Short__c]}
    ids: [Ref__c, Short__c]
    match: $2
    api: $3
    batchSize: 50
  - name: Contact
    fields: {include: [LastName, AccountId, Ext_Id__c, Ref__c, Note__c, Must__c]}
    ids: [Ref__c, Note__c]
    match: $2
    api: $3
    batchSize: 50
${5:+    missingParents: $5}
YAML
}
apply() {
	template "$@" >"$T/$1.yaml"
	orgsync template apply -f "$T/$1.yaml" >"$T/out" 2>&1 || bail "template $1 is refused: $(cat "$T/out")"
}
go() { # TEMPLATE
	RUN=$(create_run "$1") && orgsync run start "$RUN" --wait >"$T/out" 2>&1
}
totals() { run_get "$RUN" '[d["totals"][k] for k in ("scanned","inserted","updated","existing","skipped","failed","linkFailed")]'; }
notes() { # how often which notice is given
	psql -At "$ORGSYNC_POSTGRES_URL" -c "SELECT string_agg(n, ' ' ORDER BY n) FROM (SELECT kind || ':' || code || ':' || fields || ':' || count(*) AS n FROM failure WHERE run = '$RUN' GROUP BY kind, code, fields) t"
}
text() { # FIELD KEY: of a contact in the target
	curl -sf "$DST/__sim/dump?object=Contact" | python3 -c '
import json, sys
print(*[r.get(sys.argv[1]) for r in map(json.loads, sys.stdin) if r["Ext_Id__c"] == sys.argv[2]])' "$1" "$2"
}
dump() { # NAME: the target
	python3 "$ROOT/tests/checker/check" dump "$DST" --objects Account,Contact >"$T/$1.dump" 2>/dev/null
}
of() { # ORG OBJECT KEY: its id
	curl -sf "$1/__sim/dump?object=$2" | python3 -c '
import json, sys
print(*[r["Id"] for r in map(json.loads, sys.stdin) if (r.get("Ext_Id__c") or r.get("Subject")) == sys.argv[1]])' "$3"
}

# ---- what is refused --------------------------------------------------------------------------------
template bad none auto | sed 's/ids: \[Ref__c, Short__c\]/ids: Ref__c/' >"$T/bad.yaml"
out=$(orgsync template apply -f "$T/bad.yaml" 2>&1)
is $? 2 "a name in the place of a list: refused"
like "$out" "bad.yaml, line 6: ids must be a list" "with its line"
template bad none auto | sed 's/ids: \[Ref__c, Note__c\]/ids: [Must__c]/' >"$T/bad.yaml"
orgsync template apply -f "$T/bad.yaml" >/dev/null
out=$(orgsync run scan "$(create_run bad)" 2>&1)
is $? 4 "a text that the target requires: refused by the scan"
like "$out" "ids of 'Must__c': the field is required in the target" "by name"

# ---- REST -------------------------------------------------------------------------------------------
fill 60 240
apply rest '{externalId: Ext_Id__c}' rest
go rest
is "$(totals)" "[300, 300, 0, 0, 0, 0, 0]" "REST: all are in" || diag "$(cat "$T/out")"
runs "the checker finds each text at the record that it names" check_orgs "$RUN" --template "$T/rest.yaml" --key Ext_Id__c
is "$(notes)" "notice:IDS_IN_TEXT:Note__c:2" "texts with more than an id stay, with a notice"
is "$(text Ref__c c0) $(text Ref__c c1)" "$(of "$DST" Account a0) $(of "$DST" Account a1 | cut -c 1-15)" "18 characters stay 18, and 15 stay 15"
is "$(text Ref__c c2),$(text Ref__c c3),$(text Ref__c c4),$(text Ref__c c8)" "no id,Congratulations,$(of "$SRC" Case outside),None" "what is no id of the run's objects stays"
dump first
go rest
is "$(totals)" "[300, 0, 0, 300, 0, 0, 0]" "a second run changes nothing"
curl -sf "$DST/__sim/dump?object=Contact" | python3 -c '
import json, sys
for r in map(json.loads, sys.stdin):
    if r["Ext_Id__c"] in ("c0", "c9"): print(json.dumps({"attributes": {"type": "Contact"}, "Id": r["Id"], "Ref__c": "changed"}))' >"$T/change.jsonl"
curl -sf --data-binary "@$T/change.jsonl" "$DST/__sim/update" >/dev/null
dump changed
go rest
is "$(totals)" "[300, 0, 2, 298, 0, 0, 0]" "what somebody has changed is written again"
dump again
runs "as it was" python3 "$ROOT/tests/checker/check" compare "$T/first.dump" "$T/again.dump"
runs "a rollback" orgsync run rollback "$RUN" --wait --yes
dump again
runs "brings the changed texts back" python3 "$ROOT/tests/checker/check" compare "$T/changed.dump" "$T/again.dump"

# ---- parents that are not there ---------------------------------------------------------------------
forget
apply few '{externalId: Ext_Id__c}' rest "Name != 'a3'"
go few
is "$(totals)" "[299, 299, 0, 0, 0, 0, 0]" "an account is left out: all others are in"
is "$(text Ref__c c7)" "$(of "$SRC" Account a3)" "an id of a record that the run does not have stays as it is"
like "$(notes)" "notice:PARENT_MISSING:Ref__c:" "with a notice"
like "$(orgsync run errors "$RUN" --kind notice -o json)" "Ref__c points to Account $(of "$SRC" Account a3), which is not in the target; the id stays as it is" "that says so"
runs "the checker agrees" check_orgs "$RUN" --template "$T/few.yaml" --key Ext_Id__c
forget
apply blank '{externalId: Ext_Id__c}' rest "Name != 'a3'" '{Ref__c: blank}'
go blank
is "$(text Ref__c c7)" None "blank: it is left out"
runs "the checker agrees about that" check_orgs "$RUN" --template "$T/blank.yaml" --key Ext_Id__c
curl -sf --data-binary "@$T/change.jsonl" "$DST/__sim/update" >/dev/null
forget
apply fail '{externalId: Ext_Id__c}' rest "Name != 'a3'" '{Ref__c: fail}'
go fail
is "$(run_get "$RUN" '[[o["failed"]] for o in d["objects"] if o["name"] == "Contact"]')" "[[1]]" "fail: its record fails" ||
	diag "$(notes)"
forget
apply wait '{externalId: Ext_Id__c}' rest "Name != 'a3'" '{Ref__c: wait}'
go wait
is "$(text Ref__c c7)" "" "wait: the record waits"
sed -i "s/Name != 'a3'/Name != 'nobody'/" "$T/wait.yaml" && orgsync template apply -f "$T/wait.yaml" >/dev/null
go wait
is "$(text Ref__c c7)" "$(of "$DST" Account a3)" "and goes in with the run that brings the other"
runs "the checker finds all in their places" python3 "$ROOT/tests/checker/check" orgs "$SRC" "$DST" --template "$T/wait.yaml" --key Ext_Id__c

# ---- a record that fails, a retry, and a rollback of all ---------------------------------------------
rule() { # ACTIVE
	printf '{"validationRules":[{"object":"Account","name":"Not_a7","field":"Name","op":"=","value":"a7","message":"no","active":%s}]}' "$1" |
		curl -sf --data-binary @- "$DST/__sim/schema" >/dev/null || bail "no rule"
}
forget
rule true
go rest
like "$(notes)" "link:PARENT_FAILED:Ref__c:1 link:PARENT_FAILED:Short__c:1 .*record:PARENT_FAILED:Ref__c:[1-9]" "an id of a record that fails: its record fails as a child does, or its link does"
runs "the checker agrees with both" check_orgs "$RUN" --template "$T/rest.yaml" --key Ext_Id__c
rule false
runs "a retry" orgsync run retry "$RUN" --wait
is "$(totals)" "[300, 300, 0, 0, 0, 0, 0]" "brings all of them in" || diag "$(notes)"
runs "with their ids, says the checker" check_orgs "$RUN" --template "$T/rest.yaml" --key Ext_Id__c
runs "a rollback of the run" orgsync run rollback "$RUN" --wait --yes
is "$(curl -sf "$DST/__sim/dump" | grep -vc '"IsDeleted":true')$(notes | grep -o rollback)" "$(curl -sf "$DST/__sim/dump" | grep -vc '"Ext_Id__c":"[ac][0-9]')" "leaves nothing, and takes nothing for somebody else's change"

# ---- an expression cuts the id out of a URL ---------------------------------------------------------
forget
cat >"$T/url.yaml" <<'YAML'
name: url
objects:
  - name: Account
    fields: {include: [Name, Ext_Id__c]}
    expressions: {Tail__c: "RIGHT(Url__c, 18)"}
    ids: [Tail__c]
YAML
orgsync template apply -f "$T/url.yaml" >/dev/null || bail "template url is refused"
go url
is "$(curl -sf "$DST/__sim/dump?object=Account" | python3 -c '
import json, sys
rows = [json.loads(line) for line in sys.stdin]
keys = {r["Id"]: r["Ext_Id__c"] for r in rows}
print(sum(keys.get(r["Tail__c"]) == "a%d" % ((int(r["Ext_Id__c"][1:]) + 4) % len(rows)) for r in rows))')" 60 "an id that an expression cuts out of a URL is rewritten"

# ---- a rollback that inserts again what was deleted: a text points to the record as it is now --------
forget
apply gone '{externalId: Ext_Id__c}' rest
printf 'options: {includeDeleted: true}\n' >>"$T/gone.yaml" && orgsync template apply -f "$T/gone.yaml" >/dev/null
go gone
for thing in "Account a7" "Contact c67"; do
	printf '{"attributes":{"type":"%s"},"Id":"%s"}\n' "${thing% *}" "$(of "$SRC" "${thing% *}" "${thing#* }")"
done >"$T/delete.jsonl"
before=$(of "$DST" Account a7)
is "$(text Ref__c c67)" "$before" "a contact names an account"
curl -sf --data-binary "@$T/delete.jsonl" "$SRC/__sim/delete" >/dev/null || bail "nothing is deleted"
go gone
is "$(run_get "$RUN" 'd["totals"]["deleted"]')" 2 "both are deleted"
curl -sf -X POST "$DST/__sim/empty-bin" >/dev/null || bail "the bin is full"
runs "a rollback inserts both again" orgsync run rollback "$RUN" --wait --yes
now=$(of "$DST" Account a7)
is "$([[ $now != "$before" ]] && text Ref__c c67)" "$now" "and the contact names the account as it is now" || diag "before: $before"

# ---- Bulk; lost replies, a worker that dies -------------------------------------------------------------------
fill 150 750
apply bulk '{externalId: Ext_Id__c}' bulk
go bulk
is "$(totals)" "[900, 900, 0, 0, 0, 0, 0]" "Bulk: all are in" || diag "$(cat "$T/out")"
runs "the checker agrees, of Bulk" check_orgs "$RUN" --template "$T/bulk.yaml" --key Ext_Id__c
settled() { [[ $(run_get "$RUN" 'sum(d["totals"][k] for k in ("inserted","updated","existing","skipped","failed"))') -ge $1 ]] || run_ended "$RUN"; }
apply nokey none rest
for trial in "lost replies" "a worker that dies"; do
	forget
	if [[ $trial == "lost replies" ]]; then
		curl -sf -d '[{"match":"POST /composite","kind":"drop-after","probability":0.5,"count":4,"ms":500}]' "$DST/__sim/faults" >/dev/null || bail "no fault"
	else
		curl -sf -d '[{"match":"POST /composite","kind":"delay","probability":1,"count":4,"ms":300}]' "$DST/__sim/faults" >/dev/null || bail "no fault"
	fi
	RUN=$(create_run nokey)
	orgsync run start "$RUN" >/dev/null
	if [[ $trial == "a worker that dies" ]]; then
		wait_for 60 settled 150
		kill9 "$WORKER_PID"
		worker again
	fi
	wait_ended "$RUN" 120
	is "$(totals)" "[900, 900, 0, 0, 0, 0, 0]" "$trial: all are in"
	runs "$trial: no loss, no duplicate, each text at its record" check_orgs "$RUN" --template "$T/nokey.yaml"
done
e2e_end
