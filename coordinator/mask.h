/*
 * Masking: what becomes of the value of a field whose values must not leave the source as they are.
 *
 * Every style is a function of the value and of a key that is derived from the secret key, so the
 * same value becomes the same in every run, object, batch and pass, by REST and by Bulk. Values are
 * brought to their canonical text first (sf_value.h), so spelling does not matter. A null stays
 * null. What a style cannot read becomes null, never itself.
 */
#ifndef OSY_MASK_H
#define OSY_MASK_H

#include "osy/crypt.h"
#include "osy/spec.h"

/* What a mask must leave a value valid for. */
enum osy_mask_kind {
	OSY_KIND_TEXT,
	OSY_KIND_PHONE,
	OSY_KIND_EMAIL,
	OSY_KIND_URL,
	OSY_KIND_NUMBER,
	OSY_KIND_DATE,
	OSY_KIND_DATETIME,
	OSY_KIND_TIME,
	OSY_KIND_BOOLEAN,
	OSY_KIND_NONE /* ids, lookups, compounds, files: never masked */
};
enum osy_mask_kind osy_mask_kind(enum osy_sf_type type);

/*
 * Appends the masked value as raw JSON to out; false, and nothing appended: null. type: of the
 * target field; canon: by which type the value is read, that of the source unless it was mapped.
 */
bool osy_mask_value(struct osy_mac *mac, const struct osy_spec_rule *rule, enum osy_sf_type type,
	enum osy_sf_type canon, struct osy_str raw, struct osy_buf *out);

/*
 * ---- Patterns: '#' a digit, '?' a small letter, '^' a capital letter, '\' the next character as
 * it is; anything else stands for itself. ----
 */
struct osy_mask_pattern {
	int characters; /* of what it makes */
	double bits;	/* in how many ways, as a power of two */
	bool is_email;	/* what it makes is shaped like an e-mail address */
};
/* False: it ends with a lone '\'. */
bool osy_mask_pattern_read(struct osy_str pattern, struct osy_mask_pattern *ret);

/* ---- Inside: mask_text.c, mask_digits.c ---- */
/* Endless bytes that follow from a digest. */
struct mask_bytes {
	struct osy_mac *mac;
	unsigned char block[32];
	unsigned used;
};
void mask_bytes_init(struct mask_bytes *bytes, struct osy_mac *mac, struct osy_str text);
unsigned mask_bytes_below(struct mask_bytes *bytes, unsigned limit);
bool mask_looks_like_email(struct osy_str text);
#define MASK_EMAIL_DOMAIN "@example.com"
/* Each appends text, not JSON. */
void mask_keep_last(enum osy_mask_kind kind, struct osy_str text, int keep, struct osy_buf *out);
void mask_shuffle(
	struct osy_mac *mac, enum osy_mask_kind kind, struct osy_str text, struct osy_buf *out);
void mask_pattern(
	struct osy_mac *mac, struct osy_str pattern, struct osy_str text, struct osy_buf *out);
/* A keyed permutation of all texts of so many digits ('0' to '9'), in place: no two become one. */
#define MASK_DIGITS_MOST 64
void mask_digits(struct osy_mac *mac, char *digits, size_t count);

#endif
