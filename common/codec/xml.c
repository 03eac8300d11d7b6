#include "osy/xml.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <pthread.h>

#include "osy/mem.h"

#include "osy/banned.h"

#define TEXT_MAX (4u << 20)
#define DEEPEST 64
#define MOST_ATTRIBUTES 32
#define XSI "http://www.w3.org/2001/XMLSchema-instance"

/* ---- Reading ---- */
static xmlDoc *doc_of(const struct osy_xml *xml)
{
	return (xmlDoc *)(uintptr_t)xml;
}

static xmlNode *node_of(const struct osy_xml_node *node)
{
	return (xmlNode *)(uintptr_t)node;
}

/* Behind the next end of what is skipped; NULL: there is none. */
static const char *behind(const char *p, const char *end, const char *what)
{
	const char *found = memmem(p, (size_t)(end - p), what, strlen(what));

	return found ? found + strlen(what) : NULL;
}

/* Behind a tag at whose name p is; NULL: without an end, or of too many attributes. */
static const char *behind_tag(const char *p, const char *end)
{
	unsigned attributes = 0;

	for (; p && p < end && *p != '>'; p++) {
		attributes += *p == '=';
		if (attributes > MOST_ATTRIBUTES)
			return NULL;
		if (*p == '"' || *p == '\'')
			p = memchr(p + 1, *p, (size_t)(end - p - 1));
		if (!p)
			return NULL;
	}
	return p < end ? p : NULL;
}

/*
 * The parser compares each attribute of an element with each other, and looks for each namespace
 * among all that are open: in a long text that takes hours. A DTD it would read before we refuse
 * it. UTF-8 alone, so that we see what it sees.
 */
static bool is_plain(struct osy_str text)
{
	const char *p = text.p, *end = text.p + text.len;

	if (!osy_utf8_valid(text) || memchr(p, 0, text.len))
		return false;
	while (p && (p = memchr(p, '<', (size_t)(end - p)))) {
		const size_t left = (size_t)(end - p);

		if (left >= 4 && memcmp(p, "<!--", 4) == 0)
			p = behind(p + 4, end, "-->");
		else if (left >= 9 && memcmp(p, "<![CDATA[", 9) == 0)
			p = behind(p + 9, end, "]]>");
		else if (left >= 2 && p[1] == '?')
			p = behind(p + 2, end, "?>");
		else
			p = left >= 2 && p[1] == '!' ? NULL : behind_tag(p + 1, end);
		if (!p)
			return false;
	}
	return true;
}

enum osy_code osy_xml_parse(
	struct osy_str text, const char *what, struct osy_xml **ret, struct osy_err *err)
{
	static pthread_once_t begun = PTHREAD_ONCE_INIT;

	pthread_once(&begun, xmlInitParser);
	if (text.len > TEXT_MAX)
		return osy_fail(err, OSY_E_TOO_BIG, "%s is larger than %u bytes", what, TEXT_MAX);
	if (text.len == 0 || !is_plain(text))
		return osy_fail(err, OSY_E_INVALID,
			"%s is no XML of an org: UTF-8 without a DTD, at most %d attributes an "
			"element",
			what, MOST_ATTRIBUTES);
	xmlDoc *doc = xmlReadMemory(text.p, (int)text.len, NULL, NULL,
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_IGNORE_ENC);
	if (!doc || !xmlDocGetRootElement(doc) || doc->intSubset) {
		xmlFreeDoc(doc);
		return osy_fail(err, OSY_E_INVALID, "%s is not well-formed XML", what);
	}
	*ret = (struct osy_xml *)doc;
	return OSY_OK;
}

void osy_xml_free(struct osy_xml *xml)
{
	if (xml)
		xmlFreeDoc(doc_of(xml));
}

void osy_xml_free_at(struct osy_xml **xml)
{
	osy_xml_free(*xml);
	*xml = NULL;
}

struct osy_xml_node *osy_xml_root(const struct osy_xml *xml)
{
	return (struct osy_xml_node *)xmlDocGetRootElement(doc_of(xml));
}

static struct osy_xml_node *named(xmlNode *node, const char *name)
{
	while (node &&
		(node->type != XML_ELEMENT_NODE || strcmp((const char *)node->name, name) != 0))
		node = node->next;
	return (struct osy_xml_node *)node;
}

struct osy_xml_node *osy_xml_child(const struct osy_xml_node *node, const char *name)
{
	return node ? named(node_of(node)->children, name) : NULL;
}

struct osy_xml_node *osy_xml_next(const struct osy_xml_node *node)
{
	return named(node_of(node)->next, (const char *)node_of(node)->name);
}

enum osy_code osy_xml_text(
	const struct osy_xml_node *node, struct osy_buf *out, struct osy_err *err)
{
	xmlChar *text = node ? xmlNodeGetContent(node_of(node)) : NULL;
	enum osy_code rc = OSY_OK;

	if (text)
		rc = osy_buf_try(out, text, strlen((const char *)text), err);
	xmlFree(text);
	return rc;
}

void osy_xml_set_text(struct osy_xml_node *node, const char *text)
{
	xmlNodeSetContent(node_of(node), (const xmlChar *)"");
	xmlNodeAddContent(node_of(node), (const xmlChar *)text);
}

/* ---- Writing ---- */
void osy_xml_escape(struct osy_str text, struct osy_buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		switch (text.p[i]) {
		case '&':
			osy_buf_addz(out, "&amp;");
			break;
		case '<':
			osy_buf_addz(out, "&lt;");
			break;
		case '>':
			osy_buf_addz(out, "&gt;");
			break;
		case '\r': /* a parser would make it a line feed */
			osy_buf_addz(out, "&#13;");
			break;
		default:
			osy_buf_addc(out, text.p[i]);
		}
	}
}

static void copy_attributes(const xmlNode *from, xmlNode *to, xmlNs *xsi)
{
	for (xmlAttr *at = from->properties; at; at = at->next) {
		if (!at->ns || strcmp((const char *)at->ns->href, XSI) != 0)
			continue;
		xmlChar *value = xmlNodeListGetString(from->doc, at->children, 1);
		xmlNewNsProp(to, xsi, at->name, value);
		xmlFree(value);
	}
}

static bool copy_children(
	const xmlNode *from, xmlNode *to, const char *without, xmlNs *xsi, int depth)
{
	bool all = depth < DEEPEST;

	for (const xmlNode *child = from->children; all && child; child = child->next) {
		if (child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE) {
			xmlAddChild(to, xmlNewText(child->content));
		} else if (child->type == XML_ELEMENT_NODE &&
			   (!without || strcmp((const char *)child->name, without) != 0)) {
			xmlNode *copy = xmlNewChild(to, to->ns, child->name, NULL);
			copy_attributes(child, copy, xsi);
			all = copy_children(child, copy, NULL, xsi, depth + 1);
		}
	}
	return all;
}

enum osy_code osy_xml_write_as(const struct osy_xml_node *node, const char *name, const char *space,
	const char *without, struct osy_buf *out, struct osy_err *err)
{
	xmlDoc *doc = xmlNewDoc((const xmlChar *)"1.0");
	xmlNode *root = xmlNewNode(NULL, (const xmlChar *)name);
	xmlChar *text = NULL;
	int len = 0;

	xmlDocSetRootElement(doc, root);
	xmlSetNs(root, xmlNewNs(root, (const xmlChar *)space, NULL));
	xmlNs *xsi = xmlNewNs(root, (const xmlChar *)XSI, (const xmlChar *)"xsi");
	enum osy_code rc = OSY_OK;
	if (!copy_children(node_of(node), root, without, xsi, 0))
		rc = osy_fail(err, OSY_E_TOO_BIG, "%s is nested too deep", name);
	if (!rc) {
		xmlDocDumpMemoryEnc(doc, &text, &len, "UTF-8");
		rc = osy_buf_try(out, text, (size_t)len, err);
	}
	xmlFree(text);
	xmlFreeDoc(doc);
	return rc;
}
