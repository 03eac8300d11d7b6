/*
 * A pull tokenizer over JSON text, for record values: no tree, no copy; every token is a slice of
 * the input. Values of objects are handed on as raw JSON text (with quotes and escapes as they
 * came), which is how they travel through orgsync: compared byte by byte first, decoded only when
 * they differ.
 *
 * It checks syntax strictly (RFC 8259: numbers, escapes, no trailing commas, control characters in
 * strings) and depth (at most 64); UTF-8 is checked in strings. An error is sticky: after it every
 * call gives OSY_PULL_ERROR.
 */
#ifndef OSY_JSON_PULL_H
#define OSY_JSON_PULL_H

#include "osy/str.h"

enum osy_pull {
	OSY_PULL_END, /* the document is over */
	OSY_PULL_ERROR,
	OSY_PULL_OBJECT,     /* '{' */
	OSY_PULL_OBJECT_END, /* '}' */
	OSY_PULL_ARRAY,
	OSY_PULL_ARRAY_END,
	OSY_PULL_KEY,	 /* token: the key's raw text between the quotes */
	OSY_PULL_STRING, /* token: raw text with its quotes */
	OSY_PULL_NUMBER,
	OSY_PULL_TRUE,
	OSY_PULL_FALSE,
	OSY_PULL_NULL,
};

struct osy_json_pull {
	const char *p, *end, *start;
	struct osy_str token; /* of the last call: a slice of the input */
	const char *error;    /* what is wrong, or NULL */
	unsigned depth;
	uint64_t in_object; /* a bit a level */
	unsigned char expect_;
};

void osy_json_pull_init(struct osy_json_pull *pull, struct osy_str text);
enum osy_pull osy_json_pull_next(struct osy_json_pull *pull);
/*
 * After a KEY or inside an array: takes the whole next value, however deep; ret_raw is its raw
 * text. Its type is returned as the token that opens it (OBJECT, ARRAY, STRING, ...).
 */
enum osy_pull osy_json_pull_value(struct osy_json_pull *pull, struct osy_str *ret_raw);
/* Turns a sticky error into an osy_err that names the offset. */
enum osy_code osy_json_pull_fail(
	const struct osy_json_pull *pull, const char *what, struct osy_err *err);

/* Decodes a raw string token (with quotes) and appends the text to out. */
enum osy_code osy_json_unquote(
	struct osy_str raw, struct osy_buf *out, struct osy_err *err) OSY_CHECKED;
/* The text between the quotes when the raw string has no escapes (no copy needed); false otherwise.
 */
bool osy_json_plain(struct osy_str raw, struct osy_str *ret_text);
/* Appends text as a JSON string with quotes. */
void osy_json_quote(struct osy_str text, struct osy_buf *out);

#endif
