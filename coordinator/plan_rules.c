/* Value maps and masks of the template, held against both describes, as rules of the fields. */
#include <ctype.h>
#include <strings.h>

#include "mask.h"
#include "osy/json_pull.h"
#include "osy/sf_value.h"
#include "plan_build.h"

/* So many bits make two equal hashes of a million values unlikelier than one in a million. */
#define UNIQUE_BITS 60
#define UNIQUE_CHARS 12 /* of five bits */
#define EMAIL_CHARS 32
#define URL_CHARS 40

struct subject { /* of a sentence: what of which field */
	struct plan_build *build;
	struct plan_node *node;
	const char *what, *name;
};

#define refuse(subject, err, format, ...)                                                      \
	plan_fail((subject)->build, (subject)->node, PLAN_AT("field", (subject)->name, false), \
		(err), "%s of '%s': " format, (subject)->what, (subject)->name, ##__VA_ARGS__)

/* ---- Which field ---- */
static bool same(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0;
}

/* By its name in the source, else by that in the target. */
static struct plan_field *find_field(struct plan_node *node, const char *name)
{
	for (size_t i = 0; i < node->field_count; i++) {
		if (!node->fields[i].dropped && same(node->fields[i].source->name, name))
			return &node->fields[i];
	}
	for (size_t i = 0; i < node->field_count; i++) {
		if (!node->fields[i].dropped && same(node->fields[i].target->name, name))
			return &node->fields[i];
	}
	return NULL;
}

/* A name under which the describe has parts: masking it would hide nothing. */
static enum osy_code check_compound(const struct subject *subject, struct osy_err *err)
{
	const struct osy_sf_object *source = subject->node->source;
	OSY_AUTO(osy_buf_done) struct osy_buf parts = OSY_BUF(64 * 1024);

	for (size_t i = 0; i < source->field_count; i++) {
		const struct osy_sf_field *part = &source->fields[i];
		if (part->compound_name && same(part->compound_name, subject->name) &&
			!same(part->name, subject->name))
			osy_buf_addf(&parts, "%s%s", parts.len ? ", " : "", part->name);
	}
	if (parts.len == 0)
		return OSY_OK;
	return refuse(subject, err, "it is made of parts; name those: %s", parts.p);
}

/* *ret is NULL, with a notice, when the field is there but is not copied. */
static enum osy_code take_field(
	const struct subject *subject, struct plan_field **ret, struct osy_err *err)
{
	struct plan_node *node = subject->node;
	enum osy_code rc = OSY_OK;

	*ret = find_field(node, subject->name);
	if (*ret)
		return OSY_OK;
	const struct osy_sf_field *source = osy_sf_find_field(node->source, subject->name);
	if (!source && !subject->build->template->skip_missing_fields)
		return refuse(subject, err, "the field is not on %s in org '%s'",
			node->source->name, subject->build->source_org);
	rc = check_compound(subject, err);
	if (!rc)
		plan_note(subject->build, subject->node, PLAN_AT("field", subject->name, false),
			false, "%s of %s.%s has no effect: it is not copied", subject->what,
			node->source->name, subject->name);
	return rc;
}

/* ---- Values that the target must take ---- */
static bool is_listed(const char *const *list, struct osy_str text)
{
	for (; *list; list++) {
		if (osy_str_is(text, *list))
			return true;
	}
	return false;
}

static int characters(struct osy_str text)
{
	int n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += (text.p[i] & 0xc0) != 0x80;
	return n;
}

static bool is_number(struct osy_str text)
{
	struct osy_json_pull pull;

	osy_json_pull_init(&pull, text);
	return osy_json_pull_next(&pull) == OSY_PULL_NUMBER &&
	       osy_json_pull_next(&pull) == OSY_PULL_END;
}

/* Digits where the form has 0; everything else as it stands. */
static bool has_form(struct osy_str text, const char *form)
{
	if (text.len < strlen(form))
		return false;
	for (size_t i = 0; form[i]; i++) {
		if (form[i] == '0' ? !isdigit((unsigned char)text.p[i]) : text.p[i] != form[i])
			return false;
	}
	return true;
}

static enum osy_code check_picklist(const struct subject *subject,
	const struct osy_sf_field *target, struct osy_str text, struct osy_err *err)
{
	size_t count = 0;

	if (!target->restricted_picklist || is_listed(target->picklist, text))
		return OSY_OK;
	while (target->picklist[count])
		count++;
	OSY_AUTO_FREE char *z = osy_xstrndup(text.p, text.len);
	const char *near = osy_nearest(z, target->picklist, count);
	return refuse(subject, err,
		"'%s' is no active value of the restricted picklist %s in org '%s'%s%s%s", z,
		target->name, subject->build->target_org, near ? "; did you mean '" : "",
		near ? near : "", near ? "'?" : "");
}

/* What is wrong with a text for this field, NULL when nothing is. */
static const char *unfit(const struct osy_sf_field *target, struct osy_str text)
{
	switch (osy_mask_kind(target->type)) {
	case OSY_KIND_BOOLEAN:
		return osy_str_is(text, "true") || osy_str_is(text, "false")
			       ? NULL
			       : "must be true or false";
	case OSY_KIND_NUMBER:
		return is_number(text) ? NULL : "must be a number";
	case OSY_KIND_DATE:
		return text.len == 10 && has_form(text, "0000-00-00")
			       ? NULL
			       : "must be a date such as 2024-12-31";
	case OSY_KIND_DATETIME:
		return has_form(text, "0000-00-00T00:00:00")
			       ? NULL
			       : "must be a moment such as 2024-12-31T23:59:59Z";
	case OSY_KIND_TIME:
		return has_form(text, "00:00:00") ? NULL : "must be a time such as 23:59:59.000Z";
	case OSY_KIND_EMAIL:
		if (!mask_looks_like_email(text))
			return "must be an e-mail address";
		break;
	case OSY_KIND_TEXT:
	case OSY_KIND_PHONE:
	case OSY_KIND_URL:
	case OSY_KIND_NONE:
		break;
	}
	return target->length > 0 && characters(text) > target->length ? "is too long for the field"
								       : NULL;
}

/* The raw JSON that goes into the target for one of the template's values. */
static enum osy_code fit_value(const struct subject *subject, const struct osy_sf_field *target,
	const char *value, const char **ret, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(1024 * 1024);
	OSY_AUTO(osy_buf_done) struct osy_buf raw = OSY_BUF(8 * 1024 * 1024);
	enum osy_mask_kind kind = osy_mask_kind(target->type);
	enum osy_code rc = OSY_OK;

	*ret = "null";
	if (strcmp(value, "null") == 0)
		return target->nillable || kind == OSY_KIND_BOOLEAN
			       ? OSY_OK
			       : refuse(subject, err, "%s in org '%s' may not be null",
					 target->name, subject->build->target_org);
	if (value[0] == '"')
		rc = osy_json_unquote(osy_str(value), &text, err);
	else
		osy_buf_addz(&text, value);
	if (!rc)
		rc = check_picklist(subject, target, osy_buf_str(&text), err);
	const char *why = rc ? NULL : unfit(target, osy_buf_str(&text));
	if (why)
		return refuse(subject, err, "'%.80s' %s (%s in org '%s')", text.p, why,
			target->name, subject->build->target_org);
	if (rc)
		return rc;
	if (kind == OSY_KIND_BOOLEAN || kind == OSY_KIND_NUMBER)
		osy_buf_add_str(&raw, osy_buf_str(&text));
	else
		osy_json_quote(osy_buf_str(&text), &raw);
	*ret = osy_arena_strndup(&subject->build->plan->arena, raw.p, raw.len);
	return OSY_OK;
}

static struct osy_spec_rule *rule_of(struct plan_build *build, struct plan_field *field)
{
	if (field->rule)
		return field->rule;
	field->rule = osy_arena_calloc(&build->plan->arena, 1, sizeof(*field->rule));
	field->rule->source_type = field->source->type;
	field->rule->length = field->target->length;
	field->rule->choices = osy_arena_calloc(&build->plan->arena, 1, sizeof(char *));
	return field->rule;
}

/* ---- Value maps ---- */
static enum osy_code take_values(struct plan_build *build, struct plan_node *node,
	const struct osy_template_values *values, struct osy_err *err)
{
	struct subject subject = {build, node, "values", values->field};
	struct plan_field *field;
	enum osy_code rc = take_field(&subject, &field, err);

	if (rc || !field)
		return rc;
	if (osy_mask_kind(field->target->type) == OSY_KIND_NONE)
		return refuse(&subject, err, "a field of type %s takes no map of values",
			osy_sf_type_name(field->target->type));
	struct osy_spec_rule *rule = rule_of(build, field);
	struct osy_spec_value *items =
		osy_arena_calloc(&build->plan->arena, values->count + 1, sizeof(*items));
	for (size_t i = 0; !rc && i < values->count; i++) {
		items[i].from = values->items[i].from;
		rc = fit_value(&subject, field->target, values->items[i].to, &items[i].to, err);
	}
	rule->values = items;
	rule->value_count = values->count;
	return rc;
}

/* ---- Masks ---- */
static bool is_textual(enum osy_mask_kind kind)
{
	return kind == OSY_KIND_TEXT || kind == OSY_KIND_PHONE || kind == OSY_KIND_EMAIL ||
	       kind == OSY_KIND_URL;
}

/* Latitudes and longitudes have bounds that other digits may leave. */
static bool is_coordinate(const struct osy_sf_field *field)
{
	return field->type == OSY_T_DOUBLE &&
	       (strcasestr(field->name, "Latitude") || strcasestr(field->name, "Longitude"));
}

static int least_length(enum osy_mask_kind kind)
{
	return kind == OSY_KIND_EMAIL ? EMAIL_CHARS : kind == OSY_KIND_URL ? URL_CHARS : 1;
}

static enum osy_code check_hash(const struct subject *subject, const struct osy_sf_field *target,
	struct osy_spec_rule *rule, struct osy_err *err)
{
	enum osy_mask_kind kind = osy_mask_kind(target->type);
	bool is_list = target->type == OSY_T_PICKLIST || target->type == OSY_T_MULTIPICKLIST;

	if (kind == OSY_KIND_BOOLEAN || is_coordinate(target))
		return refuse(subject, err, "hash has no meaning for it; use replace or null");
	if (target->length > 0 && target->length < least_length(kind))
		return refuse(subject, err, "hash needs a field of %d characters or more",
			least_length(kind));
	if (is_list && target->restricted_picklist) {
		rule->choices = target->picklist;
		while (target->picklist[rule->choice_count])
			rule->choice_count++;
		if (rule->choice_count == 0)
			return refuse(subject, err, "%s has no active value to take", target->name);
	}
	return OSY_OK;
}

static enum osy_code check_text_style(const struct subject *subject, const struct plan_field *field,
	const struct osy_template_mask *mask, struct osy_err *err)
{
	const struct osy_sf_field *target = field->target;
	enum osy_mask_kind kind = osy_mask_kind(target->type);
	struct osy_mask_pattern pattern;

	if (!is_textual(kind) || !is_textual(osy_mask_kind(field->source->type)) ||
		target->restricted_picklist || (kind == OSY_KIND_URL && !mask->text))
		return refuse(subject, err,
			"this style is for text, phone and e-mail fields; %s is of type %s%s; use "
			"hash, replace or null",
			target->name, osy_sf_type_name(target->type),
			target->restricted_picklist ? ", restricted" : "");
	if (mask->mask != OSY_MASK_PATTERN)
		return OSY_OK;
	if (!osy_mask_pattern_read(osy_str(mask->text), &pattern))
		return refuse(subject, err, "the pattern ends with a lone backslash");
	if (target->length > 0 && pattern.characters > target->length)
		return refuse(subject, err, "the pattern makes %d characters, %s takes %d",
			pattern.characters, target->name, target->length);
	if (kind == OSY_KIND_EMAIL && !pattern.is_email)
		return refuse(subject, err,
			"the pattern must make e-mail addresses, for example ????????@example.com");
	return OSY_OK;
}

/* Whether the style keeps values apart. */
static bool keeps_apart(const struct plan_field *field, const struct osy_spec_rule *rule)
{
	enum osy_mask_kind kind = osy_mask_kind(field->target->type);
	struct osy_mask_pattern pattern;

	if (rule->mask == OSY_MASK_PATTERN)
		return osy_mask_pattern_read(osy_str(rule->text), &pattern) &&
		       pattern.bits >= UNIQUE_BITS;
	if (rule->mask != OSY_MASK_HASH || rule->choice_count)
		return false;
	if (kind == OSY_KIND_TEXT)
		return field->target->length <= 0 || field->target->length >= UNIQUE_CHARS;
	return is_textual(kind) || kind == OSY_KIND_NUMBER;
}

static enum osy_code check_unique(const struct subject *subject, const struct plan_field *field,
	const struct osy_spec_rule *rule, struct osy_err *err)
{
	if ((!field->target->unique && !field->key) || keeps_apart(field, rule))
		return OSY_OK;
	return refuse(subject, err,
		"%s is %s, and this style makes one of several values; use hash (of %d characters "
		"or more), or a pattern with %d bits or more (18 '#', 13 letters)",
		field->target->name, field->key ? "a match key" : "unique in the target",
		UNIQUE_CHARS, UNIQUE_BITS);
}

static enum osy_code check_style(const struct subject *subject, const struct plan_field *field,
	const struct osy_template_mask *mask, struct osy_spec_rule *rule, struct osy_err *err)
{
	switch (mask->mask) {
	case OSY_MASK_HASH:
		return check_hash(subject, field->target, rule, err);
	case OSY_MASK_REPLACE:
		return fit_value(subject, field->target, mask->text, &rule->text, err);
	case OSY_MASK_NULL:
		if (!field->target->nillable && subject->node->template->insert)
			return refuse(subject, err, "%s in org '%s' may not be null",
				field->target->name, subject->build->target_org);
		return OSY_OK;
	case OSY_MASK_PATTERN:
		rule->text = mask->text;
		return check_text_style(subject, field, mask, err);
	case OSY_MASK_KEEP_LAST:
	case OSY_MASK_SHUFFLE:
		return check_text_style(subject, field, mask, err);
	case OSY_MASK_NONE:
		break;
	}
	return OSY_OK;
}

/* A filter is the user's own words: it stays as it is, so a value in it is kept with the run. */
static void note_filter(const struct subject *subject, const struct plan_field *field)
{
	const char *where = subject->node->template->where, *name = field->source->name;
	size_t len = strlen(name);

	for (const char *p = where; p && (p = strcasestr(p, name)); p += len) {
		if ((p > where && (isalnum((unsigned char)p[-1]) || p[-1] == '_')) ||
			isalnum((unsigned char)p[len]) || p[len] == '_')
			continue;
		osy_plan_notice(subject->build->plan,
			"the filter of %s names %s, which is masked: it selects by the values of "
			"the source, and what it says is kept with the template and the run",
			subject->node->source->name, name);
		return;
	}
}

static enum osy_code take_mask(struct plan_build *build, struct plan_node *node,
	const struct osy_template_mask *mask, struct osy_err *err)
{
	struct subject subject = {build, node, "mask", mask->field};
	struct plan_field *field;
	enum osy_code rc = take_field(&subject, &field, err);

	if (rc || !field)
		return rc;
	if (osy_mask_kind(field->target->type) == OSY_KIND_NONE)
		return refuse(&subject, err,
			"a field of type %s cannot be masked; exclude it from the fields",
			osy_sf_type_name(field->target->type));
	struct osy_spec_rule *rule = rule_of(build, field);
	if (rule->mask != OSY_MASK_NONE)
		return refuse(&subject, err, "the field is masked twice");
	rule->mask = mask->mask;
	rule->keep = mask->keep;
	rc = check_style(&subject, field, mask, rule, err);
	if (!rc)
		rc = check_unique(&subject, field, rule, err);
	if (!rc)
		note_filter(&subject, field);
	return rc;
}

/* ---- Nulls ---- */
static enum osy_code take_nulls(
	struct plan_build *build, struct plan_node *node, struct osy_err *err)
{
	const struct osy_template_object *object = node->template;
	struct subject subject = {build, node, "nulls", NULL};
	struct plan_field *field;

	for (size_t i = 0; i < node->field_count; i++)
		node->fields[i].write_nulls = object->write_nulls;
	for (size_t i = 0; i < object->null_count; i++) {
		subject.name = object->nulls[i].field;
		enum osy_code rc = take_field(&subject, &field, err);
		if (rc)
			return rc;
		if (field)
			field->write_nulls = object->nulls[i].write;
	}
	return OSY_OK;
}

enum osy_code plan_rules(struct plan_build *build, struct plan_node *node, struct osy_err *err)
{
	const struct osy_template_object *object = node->template;
	enum osy_code rc = object->null_count ? take_nulls(build, node, err) : OSY_OK;

	for (size_t i = 0; !rc && i < object->values_count; i++)
		rc = take_values(build, node, &object->values[i], err);
	for (size_t i = 0; !rc && i < object->mask_count; i++)
		rc = take_mask(build, node, &object->masks[i], err);
	return rc ? rc : plan_expression_masks(build, node, err);
}
