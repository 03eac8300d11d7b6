"""Files: which of their records are compared, and what is said of a body. Bodies are read from both
orgs piece by piece; nothing of them is kept but length and hash."""
from . import rest, values

BODY = {"Attachment": "Body", "Document": "Body", "ContentVersion": "VersionData", "QuoteDocument": "Document"}
LATEST = "IsLatest = true"


def is_body(name, field):
    return field["type"] == "base64" and BODY.get(name) == field["name"]


def hold(obj, fields, row, org):
    """Puts into a record what its bodies are, in place of where they can be read."""
    for name in obj.bodies:
        if name in fields and row.get(name):
            row[name] = org.digest(row[name])
    return row


def apply(objects, make, every, users):
    """What goes without saying in a template with files: their documents; the newest versions unless every one is
    wanted; links of these files alone, without those that the org makes for owners."""
    by_name = {o.name: o for o in objects}
    versions, links = by_name.get("ContentVersion"), by_name.get("ContentDocumentLink")
    if versions and "ContentDocument" not in by_name:
        objects.append(make("ContentDocument"))
        by_name["ContentDocument"] = objects[-1]
    if "QuoteDocument" in by_name:  # which the org makes of the body by itself, and refuses to be told
        by_name["QuoteDocument"].exclude.update(("ContentVersionDocumentId", "DocumentTemplate"))
    latest = None if every else LATEST
    chosen = versions and versions.where
    if versions:
        versions.where = rest.joined(versions.where, latest)
        versions.there = latest
        versions.told = ("VersionNumber",) if every else ()
    documents = "Id IN (SELECT ContentDocumentId FROM ContentVersion%s)" % (
        " WHERE " + versions.where if versions.where else "") if versions else None
    if chosen:
        by_name["ContentDocument"].where = rest.joined(by_name["ContentDocument"].where, documents)
    if versions and links:  # which tell where a file is; of a later version the org does not keep it
        versions.exclude.add("FirstPublishLocationId")
    if links:
        people = None if users else "LinkedEntity.Type != 'User'"
        links.there = rest.joined(people, "ContentDocumentId IN (SELECT Id FROM ContentDocument)")
        links.where = rest.joined(links.where, people, "ContentDocument" + documents if documents
                            else "ContentDocumentId IN (SELECT Id FROM ContentDocument)")


def told(obj, fields, options):
    """Fields that nobody can write and that must come out the same."""
    return [(f["name"], f["name"], values.of_field(f, options), None, None)
            for f in fields if f["name"] in obj.told]
