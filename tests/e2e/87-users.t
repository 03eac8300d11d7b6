#!/usr/bin/env bash
# Users and queues: found by username with a suffix, federation id, e-mail and by name; a fallback that is never sent back.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs

totals() { # RUN: inserted, updated, existing, skipped, failed
	run_get "$1" '[d["totals"][k] for k in ("inserted","updated","existing","skipped","failed")]'
}
owners() { # URL OBJECT: KEY=alias or queue, of every record
	python3 - "$1" "$2" <<'PY'
import json, sys, urllib.request
def dump(name):
    return [json.loads(l) for l in urllib.request.urlopen("%s/__sim/dump?object=%s" % (sys.argv[1], name))]
names = {u["Id"]: u["Alias"] for u in dump("User")}
names.update((g["Id"], g["DeveloperName"]) for g in dump("Group"))
print(*sorted("%s=%s" % (r["Ext_Id__c"], names[r["OwnerId"]]) for r in dump(sys.argv[2])))
PY
}
user() { # REF USERNAME ALIAS [more members]
	printf '{"attributes":{"type":"User"},"Id":"%s","Username":"%s","Alias":"%s","LastName":"%s","ProfileId":"@p.admin","UserType":"Standard"%s}\n' "$1" "$2" "$3" "$3" "${4:-,\"Email\":\"$3@nowhere.example\",\"IsActive\":true}"
}
{
	user @ann Ann@acme.example ann
	user @bob bob@acme.example bob ',"Email":"b@x.example","FederationIdentifier":"F-bob","IsActive":true'
	user @cat cat@acme.example cat ',"Email":"Cat@x.example","IsActive":true'
	user @dan dan@acme.example dan ',"Email":"twice@x.example","IsActive":true'
	user @eve eve@acme.example eve ',"Email":"eve@x.example","IsActive":false'
	user @fay fay@acme.example fay
	user @gus gus@acme.example gus
	printf '{"attributes":{"type":"Group"},"Id":"@q1","Name":"Night","DeveloperName":"Night_Shift","Type":"Queue"}\n'
	printf '{"attributes":{"type":"Group"},"Id":"@q2","Name":"Gone","DeveloperName":"Gone","Type":"Queue"}\n'
	for who in ann bob cat dan eve fay gus; do
		printf '{"attributes":{"type":"Account"},"Name":"%s","Ext_Id__c":"%s","OwnerId":"@%s"}\n' "$who" "$who" "$who"
	done
	for who in q1 q2 cat; do
		printf '{"attributes":{"type":"Lead"},"LastName":"%s","Company":"c","Ext_Id__c":"%s","OwnerId":"@%s"}\n' "$who" "$who" "$who"
	done
} >"$T/src.jsonl"
{
	user @x1 other@acme.example other
	user @ann ann@acme.example.dr tann
	user @bob robert@acme.example.dr tbob ',"Email":"r@x.example","FederationIdentifier":"F-bob","IsActive":true'
	user @cat c@acme.example.dr tcat ',"Email":"cat@X.example","IsActive":true'
	user @d1 d1@acme.example td1 ',"Email":"twice@x.example","IsActive":true'
	user @d2 d2@acme.example td2 ',"Email":"twice@x.example","IsActive":true'
	user @eve eve@acme.example.dr teve ',"Email":"eve@x.example","IsActive":true'
	user @fay fay@acme.example.dr tfay ',"Email":"fay@x.example","IsActive":false'
	user @back back@acme.example tback
	printf '{"attributes":{"type":"Group"},"Id":"@q1","Name":"Nachts","DeveloperName":"Night_Shift","Type":"Queue"}\n'
	printf '{"attributes":{"type":"Group"},"Id":"@q2","Name":"Gone","DeveloperName":"Gone","Type":"Regular"}\n'
} >"$T/dst.jsonl"
seed "$SRC" "$T/src.jsonl"
seed "$DST" "$T/dst.jsonl"

# ---- the rules, in their order ------------------------------------------------------------------
cat >"$T/plain.yaml" <<'YAML'
name: plain
objects:
  - name: Account
    fields: {include: [Name, Ext_Id__c, OwnerId]}
    match: {externalId: Ext_Id__c}
  - name: Lead
    fields: {include: [LastName, Company, Ext_Id__c, OwnerId]}
    match: {externalId: Ext_Id__c}
YAML
{ sed 's/name: plain/name: users/' "$T/plain.yaml" && cat <<'YAML'; } >"$T/users.yaml"
users:
  usernameSuffix: .DR
  map: {GUS@acme.example: other@acme.example}
YAML
runs "a template with users" orgsync template apply -f "$T/users.yaml"
curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
run=$(create_run users)
runs "the run goes through" orgsync run start "$run" --wait
is "$(owners "$DST" Account)" "ann=tann bob=tbob cat=tcat dan=admin eve=teve fay=admin gus=other" \
	"by suffix, federation id, e-mail and map; two with one e-mail, and an inactive one, are nobody"
is "$(owners "$DST" Lead)" "cat=tcat q1=Night_Shift q2=admin" "queues by developer name, other groups not"
like "$(psql -At "$ORGSYNC_POSTGRES_URL" -c "SELECT scan FROM run WHERE id = '$run'")" \
	'3 active users of the source have no active match in the target \(admin@src.example, dan@acme.example, fay@acme.example\)' "the scan names who is missing"
is "$(psql -At "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*) FROM failure WHERE run = '$run'")" 0 "which is no error of a record"
runs "the checker finds the rest equal" check_orgs "$run" --template "$T/users.yaml" --key Ext_Id__c
run=$(create_run users)
runs "a second run" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 0, 10, 0, 0]" "changes nothing"

# ---- a fallback, and the way back ------------------------------------------------------------------------------
sed -e 's/name: users/name: fallback/' -e '$a\  fallback: BACK@acme.example' "$T/users.yaml" >"$T/fallback.yaml"
runs "a template with a fallback" orgsync template apply -f "$T/fallback.yaml"
run=$(create_run fallback)
runs "goes through" orgsync run start "$run" --wait
is "$(owners "$DST" Account)" "ann=tann bob=tbob cat=tcat dan=tback eve=teve fay=tback gus=other" "the fallback takes the place of nobody"
user @back back@acme.example sback >"$T/sback.jsonl"
seed "$SRC" "$T/sback.jsonl"
before=$(owners "$SRC" Account)
curl -sf "$DST/__sim/dump?object=Account" | python3 -c '
import json, sys
for l in sys.stdin: print(json.dumps({"attributes": {"type": "Account"}, "Id": json.loads(l)["Id"], "Site": "changed"}))' >"$T/change.jsonl"
curl -sf --data-binary "@$T/change.jsonl" "$DST/__sim/update" >/dev/null
sed -e 's/name: users/name: home/' -e '/map:/d' -e '/fields:/s/OwnerId/OwnerId, Site/' -e '/Lead/,/match/d' "$T/users.yaml" >"$T/home.yaml"
runs "a template for the way back" orgsync template apply -f "$T/home.yaml"
home=$(orgsync run create --template home --source dst --target src)
runs "goes through" orgsync run start "$home" --wait
is "$(totals "$home")" "[0, 7, 0, 0, 0]" "all are updated"
is "$(owners "$SRC" Account)" "$before" "the fallback is not sent back, nor is anybody else changed"

# ---- the map in a file, which the command line reads; ids of users in a text --------------------------------------
mkdir "$T/maps"
printf 'source,target\r\nGUS@acme.example,ann@acme.example.dr\r\nfay@acme.example,other@acme.example\n"dan@acme.example",back@acme.example\nann@acme.example,\n' >"$T/maps/people.csv"
sed -e 's/name: users/name: filed/' -e 's/^  map:.*/  file: maps\/people.csv\n  map: {GUS@acme.example: other@acme.example}/' \
	-e '/fields:/s/OwnerId/OwnerId, Site/' -e '/Lead/,/match/d' -e 's/match:/ids: [Site]\n    match:/' "$T/users.yaml" >"$T/filed.yaml"
curl -sf "$SRC/__sim/dump?object=User" | python3 -c '
import json, sys
for r in map(json.loads, sys.stdin): print(r["Alias"], r["Id"])' >"$T/ids"
curl -sf "$SRC/__sim/dump?object=Account" | python3 -c '
import json, sys
ids = dict(l.split() for l in open(sys.argv[1]))
for l in sys.stdin:
    r = json.loads(l)
    print(json.dumps({"attributes": {"type": "Account"}, "Id": r["Id"], "Site": ids["cat" if r["Ext_Id__c"] == "gus" else "ann"]}))' "$T/ids" >"$T/change.jsonl"
curl -sf --data-binary "@$T/change.jsonl" "$SRC/__sim/update" >/dev/null
cd / && runs "a template that names a file of users, from another folder" orgsync template apply -f "$T/filed.yaml"
cd "$T" || exit
like "$(orgsync template show filed -o json)" '"ann@acme.example": ""' "its rows are in the map, and nobody is the empty name"
run=$(create_run filed)
runs "goes through" orgsync run start "$run" --wait
is "$(owners "$DST" Account)" "ann=tann bob=tbob cat=tcat dan=tback eve=teve fay=other gus=other" \
	"the file maps, the map goes before the file, whom the file maps to nobody keeps the owner"
is "$(curl -sf "$DST/__sim/dump?object=Account" | python3 -c '
import json, sys
print(*sorted({r["Ext_Id__c"] == "gus" and r["Site"] for r in map(json.loads, sys.stdin)} - {False}))')" \
	"$(curl -sf "$DST/__sim/dump?object=User" | python3 -c '
import json, sys
print(*[r["Id"] for r in map(json.loads, sys.stdin) if r["Alias"] == "tcat"])')" "the id of a user in a text becomes that of the user in the target"
version() { orgsync template show filed -o json | json 'd["version"]'; }
before=$(version)
orgsync template apply -f "$T/filed.yaml" >/dev/null
is "$(version)" "$before" "the same again is the same version"
printf 'eve@acme.example,back@acme.example\n' >>"$T/maps/people.csv"
orgsync template apply -f "$T/filed.yaml" >/dev/null
is "$(version)" $((before + 1)) "another file is another one"
printf 'root:x:0:0\n' >"$T/maps/people.csv"
out=$(orgsync template apply -f "$T/filed.yaml" 2>&1)
is $? 2 "a file of something else: refused"
like "$out" "filed|people.csv is no file of users; its first row must be source,target" "before it is sent"
printf 'source,target\na,b\na,c\n' >"$T/maps/people.csv"
out=$(orgsync template apply -f "$T/filed.yaml" 2>&1)
like "$out" "filed.yaml, line [0-9]*: maps/people.csv, row 3: 'a' is there twice" "a mistake in it is named by its row"
rm "$T/maps/people.csv"
out=$(orgsync template apply -f "$T/filed.yaml" 2>&1)
is $? 2 "a file that is not there: refused"
like "$out" "users.file: cannot open $T/maps/people.csv" "by its path"
code=$(curl -s -o "$T/answer" -w '%{http_code}' -H "Authorization: Bearer $(cat "$T/token")" --data-binary "@$T/filed.yaml" "$ORGSYNC_API_URL/api/v1/templates")
is "$code" 422 "the API opens no file"
like "$(cat "$T/answer")" "users.file is read by" "and says who does"

# ---- what cannot be ------------------------------------------------------------------------------------------
sed -e 's/name: users/name: nobody/' -e '$a\  fallback: nobody@acme.example' "$T/users.yaml" >"$T/nobody.yaml"
orgsync template apply -f "$T/nobody.yaml" >/dev/null
out=$(orgsync run scan "$(create_run nobody)" 2>&1)
is $? 4 "a fallback that is not there: refused"
like "$out" "no active user 'nobody@acme.example' in org 'dst' to fall back to" "by name"
e2e_end
