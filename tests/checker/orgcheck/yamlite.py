"""The part of YAML that templates use: block and flow maps and lists, plain and quoted scalars,
comments. Anything else is an error that names the line."""
import json
import re


class YamlError(Exception):
    pass


def load(text):
    if text.lstrip()[:1] == "{":
        return json.loads(text)
    lines = []
    for number, raw in enumerate(text.splitlines(), 1):
        body = _strip_comment(raw)
        if body.strip() and body.strip() != "---":
            if "\t" in body[:len(body) - len(body.lstrip())]:
                raise YamlError("line %d: indented by a tab" % number)
            lines.append((number, len(body) - len(body.lstrip()), body.strip()))
    if not lines:
        return None
    value, rest = _block(lines, 0, lines[0][1])
    if rest != len(lines):
        raise YamlError("line %d: wrong indentation" % lines[rest][0])
    return value


def _strip_comment(line):
    quote = ""
    for at, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"" and (at == 0 or line[at - 1] in " [{,:"):
            quote = char
        elif char == "#" and (at == 0 or line[at - 1] in " \t"):
            return line[:at].rstrip()
    return line.rstrip()


def _block(lines, at, indent):
    if lines[at][2] == "-" or lines[at][2].startswith("- "):
        return _sequence(lines, at, indent)
    return _mapping(lines, at, indent)


def _sequence(lines, at, indent):
    out = []
    while at < len(lines) and lines[at][1] == indent and re.match(r"-( |$)", lines[at][2]):
        number, _, body = lines[at]
        item = body[1:].lstrip()
        inner = indent + len(body) - len(item)
        if not item:
            value, at = _nested(lines, at + 1, indent)
        elif _key(item):
            lines[at] = (number, inner, item)
            value, at = _mapping(lines, at, inner)
        else:
            value, at = _scalar(item, number), at + 1
        out.append(value)
    return out, at


def _mapping(lines, at, indent):
    out = {}
    while at < len(lines) and lines[at][1] == indent:
        number, _, body = lines[at]
        hit = _key(body)
        if not hit:
            raise YamlError("line %d: expected 'key: value'" % number)
        name = _scalar(hit.group(1), number)
        if name in out:
            raise YamlError("line %d: %s is there twice" % (number, name))
        rest = body[hit.end():].strip()
        if rest:
            out[name], at = _scalar(rest, number), at + 1
        else:
            out[name], at = _nested(lines, at + 1, indent)
    return out, at


def _nested(lines, at, indent):
    if at < len(lines) and (lines[at][1] > indent or
                            lines[at][1] == indent and re.match(r"-( |$)", lines[at][2])):
        return _block(lines, at, lines[at][1])
    return None, at


def _key(body):
    return re.match(r"""("[^"]*"|'[^']*'|[^\s\[\]{}'"#,][^:]*?)\s*:(?=\s|$)""", body)


def _scalar(text, number):
    if text[:1] in "[{\"'":
        value, rest = _flow(text, number)
        if rest.strip():
            raise YamlError("line %d: text after the value: %s" % (number, rest))
        return value
    return _plain(text)


def _plain(text):
    text = text.strip()
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"[-+]?\d+", text):
        return int(text)
    if re.fullmatch(r"[-+]?\d+\.\d+", text):
        return float(text)
    return text


def _flow(text, number):
    text = text.lstrip()
    if text[:1] == '"':
        hit = re.match(r'"(?:[^"\\]|\\.)*"', text)
        if not hit:
            raise YamlError("line %d: a quote is not closed" % number)
        return json.loads(hit.group()), text[hit.end():]
    if text[:1] == "'":
        hit = re.match(r"'((?:[^']|'')*)'", text)
        if not hit:
            raise YamlError("line %d: a quote is not closed" % number)
        return hit.group(1).replace("''", "'"), text[hit.end():]
    if text[:1] in "[{":
        return _flow_many(text, number)
    hit = re.match(r"[^,\]}:]*(?::(?! )[^,\]}:]*)*", text)
    return _plain(hit.group()), text[hit.end():]


def _flow_many(text, number):
    close, out = ("]", []) if text[0] == "[" else ("}", {})
    text = text[1:].lstrip()
    while text[:1] != close:
        value, text = _flow(text, number)
        text = text.lstrip()
        if close == "}":
            if text[:1] != ":":
                raise YamlError("line %d: expected ':' in {...}" % number)
            out[value], text = _flow(text[1:], number)
            text = text.lstrip()
        else:
            out.append(value)
        if text[:1] == ",":
            text = text[1:].lstrip()
        elif text[:1] != close:
            raise YamlError("line %d: %s is not closed" % (number, "[" if close == "]" else "{"))
    return out, text[1:]
