/*
 * Related objects: children of the template's objects, found by the lookups that the source's
 * describes tell, down to a depth, and selected by their parents' filters. Found ones are added to
 * the template with its defaults; a listed one with `select: related` is joined, and keeps what the
 * template says of it.
 *
 * An object is found once, at the level that comes first, by its lookups to objects of the level
 * before. Its filter goes over those lookups ("AccountId != null AND (Account.Industry = 'x')"),
 * several of them joined by OR. Where that cannot be said (a lookup to several objects has no
 * fields to follow) and there is no other lookup, it becomes a semi-join. What no filter can say is
 * told, and left out.
 */
#ifndef OSY_RELATED_H
#define OSY_RELATED_H

#include "osy/sf_org.h"
#include "template.h"

/* How the orgs are asked. */
struct osy_related_orgs {
	void *arg;
	/* Describes in the source, of count objects; NULL where there is none. */
	enum osy_code (*describe)(void *arg, const char *const *names, size_t count,
		struct osy_sf_object **ret, struct osy_err *err);
	/* Whether records of the object can be read in the source and inserted in the target. */
	enum osy_code (*usable)(void *arg, const char *name, bool *ret, struct osy_err *err);
};

struct osy_related_note {
	bool refuses; /* the run cannot be as the template says; else something is left out */
	size_t place; /* of the template's object that it is about */
	const char *text;
};

struct osy_related {
	/* describes in the source by the template's objects, NULL: not asked; the caller's */
	struct osy_sf_object **sources;
	struct osy_related_note *notes; /* texts in the template's arena */
	size_t note_count;
};

/* Adds to the template what its objects want; ret: osy_related_done(), also after an error. */
enum osy_code osy_related_find(struct osy_template *template, const struct osy_related_orgs *orgs,
	struct osy_related *ret, struct osy_err *err) OSY_CHECKED;
/* Not the describes, which have gone to the caller. */
void osy_related_done(struct osy_related *related);

/* related_ask.c: the same by real orgs. */
struct osy_http;
enum osy_code osy_related_ask(struct osy_template *template, struct osy_http *http,
	struct osy_org *source, struct osy_org *target, struct osy_related *ret,
	struct osy_err *err) OSY_CHECKED;

#endif
