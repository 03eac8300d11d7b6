"""simple.py bulk|rest: accounts and contacts from one org to another with simple-salesforce, as its manual shows it.

Upserts by Ext_Id__c; a contact's account is given by the account's Ext_Id__c. By Bulk: a query job whose result pages are
downloaded as files, which go up again as they are, a job each; by REST: queries and collections of 200, five in flight, which
the library leaves to its user. PEER holds {"source": {"url", "token"}, "target": {"url", "token"}, "objects": [{"name",
"fields"}]}.
"""
import json
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from simple_salesforce import Salesforce

PEER = json.loads(os.environ["PEER"])


def connect(org):
    client = Salesforce(instance_url=org["url"], session_id=org["token"], version="60.0")
    # It turns every address into https; a local org speaks http.
    for name in ("base_url", "bulk_url", "bulk2_url"):
        setattr(client, name, getattr(client, name).replace("https://", "http://"))
    return client


def by_bulk(source, target, name, soql):
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for page in getattr(source.bulk2, name).download(soql, path=folder, max_records=50000):
            for job in getattr(target.bulk2, name).upsert(csv_file=page["file"], external_id_field="Ext_Id__c"):
                failed += job["numberRecordsFailed"]
    return failed


def read(source, soql):
    """As query_all_iter, whose further pages are always asked for by https."""
    page = source.query(soql)
    yield from page["records"]
    while not page["done"]:
        page = source.query_more(page["nextRecordsUrl"].rsplit("/", 1)[1])
        yield from page["records"]


def row_of(name, record, fields):
    row = {"attributes": {"type": name}}
    for field in fields:
        parent, _, key = field.partition(".")
        if not key:
            row[field] = record[field]
        elif record[parent]:
            row[parent] = {"attributes": {"type": parent}, key: record[parent][key]}
    return row


def by_rest(source, target, name, soql, fields):
    def send(rows):
        reply = target.restful(f"composite/sobjects/{name}/Ext_Id__c", method="PATCH",
                               json={"allOrNone": False, "records": rows})
        return sum(not result["success"] for result in reply)

    rows = [row_of(name, record, fields) for record in read(source, soql)]
    with ThreadPoolExecutor(5) as pool:
        return sum(pool.map(send, (rows[at:at + 200] for at in range(0, len(rows), 200))))


def main():
    source, target = connect(PEER["source"]), connect(PEER["target"])
    failed = 0
    for each in PEER["objects"]:
        name, fields = each["name"], each["fields"]
        soql = f"SELECT {', '.join(fields)} FROM {name}"
        if sys.argv[1] == "bulk":
            failed += by_bulk(source, target, name, soql)
        else:
            failed += by_rest(source, target, name, soql, fields)
        print(f"{name}: {failed} failed so far", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
