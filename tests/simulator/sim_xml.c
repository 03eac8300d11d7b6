#include "sim_xml.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <pthread.h>

static pthread_once_t sim_xml_begun = PTHREAD_ONCE_INIT;

xmlDoc *sim_xml_parse(struct sim_str text)
{
	pthread_once(&sim_xml_begun, xmlInitParser);
	return xmlReadMemory(text.p, (int)text.len, NULL, NULL,
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
}

static xmlNode *sim_xml_named(xmlNode *node, const char *name)
{
	while (node &&
		(node->type != XML_ELEMENT_NODE || strcmp((const char *)node->name, name) != 0))
		node = node->next;
	return node;
}

xmlNode *sim_xml_child(const xmlNode *of, const char *name)
{
	return of ? sim_xml_named(of->children, name) : NULL;
}

xmlNode *sim_xml_next(const xmlNode *node)
{
	return sim_xml_named(node->next, (const char *)node->name);
}

struct sim_str sim_xml_text(struct sim_arena *a, xmlNode *node)
{
	xmlChar *text = node ? xmlNodeGetContent(node) : NULL;
	struct sim_str s = {NULL, 0};

	if (text)
		s = sim_arena_dup(a, sim_cstr((const char *)text));
	xmlFree(text);
	return s;
}

void sim_buf_xml(struct sim_buf *b, struct sim_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		switch (text.p[i]) {
		case '&':
			sim_buf_str(b, "&amp;");
			break;
		case '<':
			sim_buf_str(b, "&lt;");
			break;
		case '>':
			sim_buf_str(b, "&gt;");
			break;
		default:
			sim_buf_ch(b, text.p[i]);
		}
	}
}
