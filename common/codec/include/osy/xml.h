/*
 * XML of the SOAP and Metadata APIs: small documents as a tree, a façade over libxml2. UTF-8 of at
 * most 4 MiB, no network, no entities but XML's own, no DTD, at most 32 attributes an element.
 * Elements are found by their local name, whatever their namespace. Any thread; a tree belongs to
 * one.
 */
#ifndef OSY_XML_H
#define OSY_XML_H

#include "osy/str.h"

struct osy_xml;	     /* a document */
struct osy_xml_node; /* an element of it; borrowed from the document */

/* Parses one document; what names the source in errors. Gives it to osy_xml_free(). */
enum osy_code osy_xml_parse(struct osy_str text, const char *what, struct osy_xml **ret,
	struct osy_err *err) OSY_CHECKED;
void osy_xml_free(struct osy_xml *xml);	    /* NULL is fine */
void osy_xml_free_at(struct osy_xml **xml); /* for OSY_AUTO */

struct osy_xml_node *osy_xml_root(const struct osy_xml *xml);
/* The first child of this name, the next sibling of its own name; NULL: none. node may be NULL. */
struct osy_xml_node *osy_xml_child(const struct osy_xml_node *node, const char *name);
struct osy_xml_node *osy_xml_next(const struct osy_xml_node *node);
/* Appends its text, with that of the elements in it; nothing when node is NULL. */
enum osy_code osy_xml_text(
	const struct osy_xml_node *node, struct osy_buf *out, struct osy_err *err) OSY_CHECKED;
void osy_xml_set_text(struct osy_xml_node *node, const char *text);
/*
 * Appends a document of its own: an element `name` in the namespace `space` with the children of
 * node, less those named `without`. Attributes of xsi (nil, type) are kept, others are not.
 */
enum osy_code osy_xml_write_as(const struct osy_xml_node *node, const char *name, const char *space,
	const char *without, struct osy_buf *out, struct osy_err *err) OSY_CHECKED;
/* Appends text for the inside of an element. */
void osy_xml_escape(struct osy_str text, struct osy_buf *out);

#endif
