"""Values as an org keeps them: one text for all spellings of the same value; None for null."""
import datetime
import decimal
import hashlib
import json

_EXACT = decimal.Context(prec=80, rounding=decimal.ROUND_HALF_UP)
_FAST_END = (".000+0000", ".000Z")
NUMBERS = {"int", "double", "currency", "percent", "long"}


def number(scale):
    unit = decimal.Decimal(1).scaleb(-scale)

    def canon(value):
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        got = _EXACT.quantize(decimal.Decimal(str(value)), unit)
        if not got:
            return "0"
        text = format(got, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return canon


def instant(value):
    if value.endswith(_FAST_END):
        return value[:19]
    text = value.replace("Z", "+00:00")
    if text[-5] in "+-" and text[-3] != ":":
        text = text[:-2] + ":" + text[-2:]
    at = datetime.datetime.fromisoformat(text).astimezone(datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S") + (".%03d" % (at.microsecond // 1000)
                                               if at.microsecond else "")


def clock(value):
    text = value.rstrip("Z")
    return text[:-4] if text.endswith(".000") else text


def boolean(value):
    if value in (True, "true"):
        return "T"
    return "F" if value in (False, "false") else json.dumps(value)


def choices(value):
    return ";".join(sorted(value.split(";")))


def plain(value):
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def of_field(field, options):
    """The function that makes a value of this (target) field comparable."""
    kind = field["type"]
    if kind in NUMBERS:
        return number(int(field.get("scale") or 0))
    if kind == "datetime":
        return (lambda v: instant(v)[:19]) if options.seconds else instant
    if kind == "email" and options.email_lower:
        return lambda v: plain(v).lower()
    if kind in ("textarea", "string", "encryptedstring") and options.crlf_lf:
        return lambda v: plain(v).replace("\r\n", "\n").replace("\r", "\n")
    return {"boolean": boolean, "time": clock, "multipicklist": choices}.get(kind, plain)


def digest(parts):
    """64 bits of a list of texts and Nones; no two different lists spell the same."""
    text = json.dumps(parts, ensure_ascii=False)
    raw = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(raw, "big", signed=True)


def show(value, other=None, width=70):
    """A value for people; of a long text the part around the first difference."""
    if value is None:
        return "null"
    text = value if isinstance(value, str) else json.dumps(value)
    start = 0
    if isinstance(other, str) and len(text) > width:
        same = next((i for i, (a, b) in enumerate(zip(text, other)) if a != b),
                    min(len(text), len(other)))
        start = max(0, min(same - 20, len(text) - width))
    piece = ascii(text[start:start + width])
    return "%s%s%s%s" % ("..." if start else "", piece,
                         "..." if start + width < len(text) else "",
                         " (%d characters)" % len(text) if len(text) > width else "")
