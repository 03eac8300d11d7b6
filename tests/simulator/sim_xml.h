/* XML for the Metadata API: reading by libxml2, writing into a buffer. */
#ifndef SIM_XML_H
#define SIM_XML_H

#include "sim_base.h"

struct _xmlDoc;
struct _xmlNode;

struct _xmlDoc *sim_xml_parse(struct sim_str text); /* NULL: not well-formed; xmlFreeDoc() */
/* the first child element of this name (any namespace), the next sibling of its name */
struct _xmlNode *sim_xml_child(const struct _xmlNode *of, const char *name);
struct _xmlNode *sim_xml_next(const struct _xmlNode *node);
/* its text, in the arena; p NULL when node is NULL */
struct sim_str sim_xml_text(struct sim_arena *a, struct _xmlNode *node);
void sim_buf_xml(struct sim_buf *b, struct sim_str text); /* escaped */

#endif
