"""What is to be compared: objects and filters from a template or from flags, fields and lookups
from both orgs' describes."""
import json
import re
from dataclasses import dataclass, field

from . import bodies, values, yamlite

STAMPS = {"CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp",
          "IsDeleted", "LastActivityDate", "LastViewedDate", "LastReferencedDate"}
AUDIT = {"CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById"}
NO_VALUE = {"base64", "address", "location", "complexvalue", "id"}
KNOWN = {"name", "target", "where", "orderBy", "limit", "fields", "map", "values", "mask", "nulls",
         "match", "expressions", "insert", "update", "mode", "batchSize", "api", "missingParents", "ids"}


class ScopeError(Exception):
    """What was asked cannot be compared."""


@dataclass
class Lookup:
    source: str
    target: str
    parents: list           # objects in scope that it may point to
    nillable: bool
    deferred: bool = False
    missing: str = "blank"  # what becomes of a record whose parent the run does not have
    text: bool = False      # a text that may hold the id of a record of any object in scope


class Made:
    """A value that the target has of an expression: the same, told in Python (r: the source's row)."""

    def __init__(self, text):
        self.inputs = re.findall(r"""r\[["'](\w+)["']\]""", text)
        self.code = compile(text, "--made", "eval")

    def __call__(self, row):
        return eval(self.code, {}, {"r": row})


@dataclass
class Obj:
    name: str
    target: str
    where: str = None
    there: str = None       # a condition of the target
    order_by: str = None
    limit: int = None
    include: list = None
    exclude: set = field(default_factory=set)
    map: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)
    expressions: dict = field(default_factory=dict)
    made: dict = field(default_factory=dict)    # target field: Made
    mask: dict = field(default_factory=dict)
    ids: set = field(default_factory=set)       # texts that hold ids
    match: object = None
    insert: bool = True
    update: bool = True
    nulls: str = "ignore"
    missing: object = "blank"   # a word, or {lookup: word}
    scalars: list = None    # (source field, target field, canon, value map, named map or None)
    lookups: list = None
    left_out: list = field(default_factory=list)
    bodies: set = field(default_factory=set)    # names in either org
    told: tuple = ()        # compared, though nobody writes them
    masked: list = field(default_factory=list)  # (source field, target field, style, target's describe)

    @property
    def standard(self):
        return self.name == "Pricebook2"


def from_template(path):
    with open(path, encoding="utf-8") as file:
        doc = yamlite.load(file.read())
    objects = [_from_row(row) for row in doc["objects"]]
    bodies.apply(objects, plain, (doc.get("files") or {}).get("versions") == "all", doc.get("users"))
    return objects


def plain(name):
    return Obj(name=name, target=name)


def _from_row(row):
    unknown = set(row) - KNOWN
    if unknown:
        raise ScopeError("template: unknown key %s" % sorted(unknown)[0])
    fields = row.get("fields") or {}
    include = fields.get("include")
    if row.get("mode", "sync") != "sync":
        raise ScopeError("%s: mode %s is not judged" % (row["name"], row["mode"]))
    return Obj(name=row["name"], target=row.get("target") or row["name"], where=row.get("where"),
               order_by=row.get("orderBy"), limit=row.get("limit"),
               include=None if not include or "*" in include else include,
               exclude=set(fields.get("exclude") or []), map=row.get("map") or {},
               values=row.get("values") or {}, expressions=row.get("expressions") or {}, mask=row.get("mask") or {},
               match=row.get("match"), insert=row.get("insert", True),
               update=row.get("update", True), nulls=row.get("nulls", "ignore"),
               missing=row.get("missingParents", "blank"), ids=set(row.get("ids") or []))


def settle(objects, source, target, options):
    """Fills in fields and lookups of every object, from both orgs' describes."""
    names = {o.name for o in objects}
    named = Named(source, target, options)
    for obj in objects:
        there = {f["name"]: f for f in target.describe(obj.target)["fields"]}
        obj.scalars, obj.lookups = [], []
        for here in source.describe(obj.name)["fields"]:
            _place(obj, here, there, names, named, options)
        obj.scalars += bodies.told(obj, source.describe(obj.name)["fields"], options)
        for name in obj.expressions:
            if name not in obj.made:
                raise ScopeError("%s: say by --made what the expression of %s makes" % (obj.name, name))
            obj.scalars.append((obj.made[name], name, values.of_field(there[name], options),
                                obj.values.get(name), None))
    _mark_deferred(objects)
    for obj in objects:
        if not obj.scalars and not obj.lookups and not obj.masked and obj.name != "ContentDocument":
            raise ScopeError("%s: no field that is readable here and createable there" % obj.name)
    return named


def _place(obj, here, there, names, named, options):
    name = here["name"]
    goal = there.get(obj.map.get(name, name))
    if goal is None or not goal["createable"] or (here["type"] in NO_VALUE and not bodies.is_body(obj.name, here)):
        return
    if goal["name"] in obj.expressions:
        return
    if name in obj.exclude or (obj.include and name not in obj.include):
        return
    if name in STAMPS and not (options.audit and name in AUDIT):
        return
    if name in obj.mask:
        obj.masked.append((name, goal["name"], obj.mask[name], goal))
        return
    if obj.match and isinstance(obj.match, dict) and obj.match.get("sourceId") == goal["name"]:
        return
    if name in obj.ids or goal["name"] in obj.ids:
        policy = "keep" if isinstance(obj.missing, str) else next((obj.missing[n] for n in (name, goal["name"]) if n in obj.missing), "keep")
        obj.lookups.append(Lookup(name, goal["name"], sorted(names), True, True, policy, True))
        return
    if bodies.is_body(obj.name, here):
        obj.bodies |= {name, goal["name"]}
    if here["type"] != "reference":
        obj.scalars.append((name, goal["name"], values.of_field(goal, options),
                            obj.values.get(name), None))
        return
    parents = [p for p in here["referenceTo"] if p in names]
    if parents:
        obj.lookups.append(Lookup(name, goal["name"], parents, goal["nillable"], missing=_missing(obj, name, goal["name"])))
    elif named.knows(here["referenceTo"]):
        obj.scalars.append((name, goal["name"], values.plain, None, named.table(here["referenceTo"])))
    else:
        obj.left_out.append("%s (lookup out of scope)" % name)


def _missing(obj, *names):
    if isinstance(obj.missing, str):
        return obj.missing
    return next((obj.missing[n] for n in names if n in obj.missing), obj.missing.get("*", "blank"))


def source_rows(obj, org, fields):
    """The records of the source that the template selects."""
    if not (obj.limit or obj.order_by):
        return org.read_all(obj.name, fields, obj.where)
    text = "SELECT Id FROM %s%s%s%s" % (obj.name, " WHERE " + obj.where if obj.where else "",
                                       " ORDER BY " + obj.order_by if obj.order_by else "",
                                       " LIMIT %d" % obj.limit if obj.limit else "")
    return org.by_ids(obj.name, fields, [row["Id"] for row in org.soql(text)]).values()


def _mark_deferred(objects):
    """A nullable lookup inside a cycle of the lookup graph is written after the record itself."""
    edges = {o.name: {p for l in o.lookups if not l.text for p in l.parents} for o in objects}

    def reach(start):
        seen, todo = set(), [start]
        while todo:
            for nxt in edges[todo.pop()]:
                if nxt not in seen:
                    seen.add(nxt)
                    todo.append(nxt)
        return seen
    beyond = {name: reach(name) for name in edges}
    for obj in objects:
        for lookup in obj.lookups:
            lookup.deferred = lookup.text or lookup.nillable and any(obj.name in beyond[p] for p in lookup.parents)


class Named:
    """Parents that are no records of the scope and that both orgs know by a name."""
    NAMES = {"RecordType": ("SobjectType", "DeveloperName"), "Group": ("Type", "DeveloperName")}

    def __init__(self, source, target, options):
        self.orgs, self.options, self.tables = (source, target), options, {}
        self.names = dict(self.NAMES)
        if options.users:
            self.names["User"] = (options.users,)

    def knows(self, objects):
        return any(o in self.names for o in objects) and (
            self.options.users or "User" not in objects)

    def table(self, objects):
        """(ids to names of the source, the same of the target)."""
        both = ({}, {})
        for name in objects:
            if name in self.names:
                for out, part in zip(both, self._load(name)):
                    out.update(part)
        return both

    def _load(self, name):
        if name not in self.tables:
            fields = self.names[name]
            self.tables[name] = tuple(
                {row["Id"][:15]: "%s:%s" % (name, "/".join(str(row[f]) for f in fields))
                 for row in org.read_all(name, list(fields))} for org in self.orgs)
        return self.tables[name]


def map_value(mapped, value):
    """What a template's value map makes of a value: keys are texts, "null" and "*" are special."""
    known = {"null" if k is None else str(k).lower() if isinstance(k, bool) else str(k): v
             for k, v in mapped.items()}
    if value is None or value == "":
        return known.get("null", value)
    text = json.dumps(value) if not isinstance(value, str) else value
    if text.endswith(".0") and not isinstance(value, str):
        text = text[:-2]
    return known.get(text, known.get("*", value))


def canon_row(obj, row, side):
    """The comparable texts of a record's own fields; side 0 is the source, 1 the target."""
    out = []
    for source, target, canon, mapped, named in obj.scalars:
        made = not side and isinstance(source, Made)
        value = source(row) if made else row[target if side else source]
        if mapped and not side:
            value = map_value(mapped, value)
        if value is None or value == "":
            out.append(None)
            continue
        if named:
            value = named[side].get(value[:15], "unknown " + ("id" if side else value))
        out.append(canon(value))
    return out


def fields_of(obj, side):
    out = [s[1] if side else s[0] for s in obj.scalars if side or not isinstance(s[0], Made)]
    for made in obj.made.values() if not side else ():
        out += [name for name in made.inputs if name not in out and name != "Id"]
    out += [l.target if side else l.source for l in obj.lookups]
    if obj.standard and "IsStandard" not in out:
        out.append("IsStandard")
    return out


def read_before(path):
    """{object: number or set of 15-character ids} from a count file, an id file or a dump."""
    if not path:
        return {}
    with open(path, encoding="utf-8") as file:
        first = json.loads(file.readline() or "{}")
        if "dump" not in first:
            file.seek(0)
            doc = json.load(file)
            return {k: v if isinstance(v, int) else {i[:15] for i in v} for k, v in doc.items()}
        out = {}
        for line in file:
            row = json.loads(line)
            out.setdefault(row["o"], set()).add(row["id"][:15])
        return out
