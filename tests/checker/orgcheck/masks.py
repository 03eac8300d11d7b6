"""Masked fields of records that were joined by a key: null stays null, nothing shows the source's
value, the same value became the same in every object, and what is there is valid for its type."""
import datetime
import re

from . import scope

CHUNK = 1000
EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")


def check(objects, sides, pair, report):
    seen = {}       # (style, kind, source value) -> target value
    for obj in objects:
        for start in range(0, len(sides[0].span(obj)) if obj.masked else 0, CHUNK):
            span = [i for i in sides[0].span(obj)[start:start + CHUNK] if pair[i] >= 0]
            here = sides[0].fetch(obj, span, [m[0] for m in obj.masked])
            there = sides[1].fetch(obj, [pair[i] for i in span], [m[1] for m in obj.masked])
            for at in span:
                for masked in obj.masked:
                    wrong = _one(obj, masked, here[at], there[pair[at]], seen)
                    if wrong:
                        report.add(obj.name, "mask", "%s, in the target %s: %s %s" % (
                            sides[0].id_of(at), sides[1].id_of(pair[at]), masked[1], wrong))


def _text(value):
    return None if value is None or value == "" else str(value)


def _one(obj, masked, here, there, seen):
    name, target, style, field = masked
    value = _text(scope.map_value(obj.values.get(name, {}), here[name]))
    got = _text(there[target])
    if value is None or style in (None, "null"):
        return "should be null" if got is not None else None
    if got is None:
        return "is null"
    if isinstance(style, dict) and "replace" in style:
        return "is not the replacement" if got != str(style["replace"]) else None
    if got.lower() == value.lower() and len(value) > 3 and field["type"] != "picklist":
        return "shows the value of the source"
    spelled = value.strip().lower() if field["type"] == "email" else value.strip()
    key = (str(style), field["type"], field["length"], spelled)
    if seen.setdefault(key, got) != got:
        return "differs from another record with the same value"
    return _form(field, got) or _kept(style, field, value, got)


def _form(field, got):
    kind = field["type"]
    if kind == "email" and not EMAIL.match(got):
        return "is no e-mail address"
    if kind in ("date", "datetime"):
        try:
            datetime.datetime.fromisoformat(got[:19])
        except ValueError:
            return "is no date"
    if field.get("length") and len(got) > field["length"]:
        return "is too long"
    if field.get("restrictedPicklist") and got not in [v["value"] for v in field["picklistValues"]]:
        return "is no value of the picklist"
    return None


def _kept(style, field, value, got):
    if not str(style).startswith("keep-last-"):
        return None
    if field["type"] == "email":
        value, got = value.split("@")[0].lower(), got.split("@")[0]
    shown, hidden = ([c for c in text if c.isalnum() or c == "*"] for text in (got, value))
    most = min(int(style.rsplit("-", 1)[1]), len(hidden) // 2)
    if len(shown) != len(hidden) or (most and shown[-most:] != hidden[-most:]):
        return "does not keep the last characters"
    if any(c not in "*0x" for c in shown[:len(shown) - most]):
        return "shows more than the last characters"
    return None
