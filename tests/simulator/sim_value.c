#include "sim_value.h"
#include "sim_number.h"

#include <stdarg.h>
#include <stdlib.h>

void sim_err_set(struct sim_err *e, struct sim_arena *a, const char *code, const char *field,
	const char *fmt, ...)
{
	va_list ap;
	char tmp[1024];

	va_start(ap, fmt);
	vsnprintf(tmp, sizeof(tmp), fmt, ap);
	va_end(ap);
	e->code = code;
	e->msg = sim_arena_dup(a, sim_cstr(tmp)).p;
	e->nfields = field ? 1 : 0;
	e->field[0] = field;
}

struct sim_val sim_val_u64(struct sim_arena *a, const struct sim_field *f, uint64_t v)
{
	char *p = sim_arena_get(a, 8);

	memcpy(p, &v, 8);
	return (struct sim_val){.field = f->idx, .s = {p, 8}};
}

static bool sim_is_clean(struct sim_str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	return true;
}

struct sim_val sim_val_text(struct sim_arena *a, const struct sim_field *f, struct sim_str s)
{
	return (struct sim_val){.field = f->idx,
		.null = !s.len,
		.dirty = !sim_is_clean(s),
		.s = sim_arena_dup(a, s)};
}

struct sim_val sim_val_num(struct sim_arena *a, const struct sim_field *f, double v)
{
	char in[64], out[SIM_NUM_TEXT];
	size_t len = 0;
	bool range;

	snprintf(in, sizeof(in), "%.15g", v);
	if (!sim_num_text(sim_cstr(in), 18 + f->scale, f->scale, out, &len, &range))
		return (struct sim_val){.field = f->idx, .null = true};
	return (struct sim_val){.field = f->idx, .s = sim_arena_dup(a, (struct sim_str){out, len})};
}

static bool sim_bad_type(const struct sim_conv *c, const struct sim_field *f,
	const struct sim_json *v, struct sim_err *err)
{
	static const char *const token[] = {"VALUE_NULL", "VALUE_FALSE", "VALUE_TRUE",
		"VALUE_NUMBER", "VALUE_STRING", "START_ARRAY", "START_OBJECT"};
	static const char *const plain[] = {"null", "false", "true"};
	struct sim_str s = v->type <= SIM_J_TRUE ? sim_cstr(plain[v->type]) : v->text;

	if (c->csv)
		sim_err_set(err, c->arena, "INVALID_TYPE_ON_FIELD_IN_RECORD", f->name,
			"%s: value not of required type: %.*s", f->label, SIM_P(s));
	else
		sim_err_set(err, c->arena, "JSON_PARSER_ERROR", NULL,
			"Cannot deserialize instance of %s from %s value %.*s or request may be "
			"missing a "
			"required field at [line:1, column:%d]",
			sim_types[f->type].name, token[v->type], SIM_P(s), 1);
	return false;
}

static bool sim_in_bool(const struct sim_conv *c, const struct sim_field *f,
	const struct sim_json *v, struct sim_val *ret, struct sim_err *err)
{
	bool on = v->type == SIM_J_TRUE;

	if (v->type == SIM_J_STR || (c->csv && v->type == SIM_J_NUM)) {
		on = sim_is(v->text, "true") ||
		     (c->csv && (sim_is(v->text, "1") || sim_is(v->text, "yes")));
		if (!on && !sim_is(v->text, "false") &&
			!(c->csv && (sim_is(v->text, "0") || sim_is(v->text, "no"))))
			return sim_bad_type(c, f, v, err);
	} else if (v->type > SIM_J_TRUE) {
		return sim_bad_type(c, f, v, err);
	}
	*ret = (struct sim_val){.field = f->idx, .null = !on, .s = {"t", 1}};
	return true;
}

static bool sim_in_num(const struct sim_conv *c, const struct sim_field *f,
	const struct sim_json *v, struct sim_val *ret, struct sim_err *err)
{
	int precision = f->type == SIM_T_INT ? 10 : f->precision ? f->precision : 18;
	char out[SIM_NUM_TEXT];
	bool range = false;
	size_t len = 0;

	if ((v->type != SIM_J_NUM && v->type != SIM_J_STR) ||
		(!sim_num_text(sim_trim(v->text), precision, f->type == SIM_T_INT ? 0 : f->scale,
			 out, &len, &range) &&
			!range))
		return sim_bad_type(c, f, v, err);
	if (range || (f->type == SIM_T_INT &&
			     (sim_num_value((struct sim_str){out, len}) > INT32_MAX ||
				     sim_num_value((struct sim_str){out, len}) < INT32_MIN))) {
		sim_err_set(err, c->arena, "NUMBER_OUTSIDE_VALID_RANGE", f->name,
			"%s: value outside of valid range on numeric field: %.*s", f->label,
			SIM_P(v->text));
		return false;
	}
	ret->s = sim_arena_dup(c->arena, (struct sim_str){out, len});
	return true;
}

static bool sim_in_date(const struct sim_conv *c, const struct sim_field *f,
	const struct sim_json *v, struct sim_val *ret, struct sim_err *err)
{
	struct sim_str s = v->text;
	struct sim_buf b = {0};
	int64_t days, ms;

	if (v->type != SIM_J_STR)
		return sim_bad_type(c, f, v, err);
	if (f->type == SIM_T_DATETIME) {
		if (sim_parse_date(s, &days))
			ms = days * 86400000;
		else if (!sim_parse_datetime(s, &ms))
			return sim_bad_type(c, f, v, err);
		ms = ms / 1000 * 1000;
		*ret = sim_val_u64(c->arena, f, (uint64_t)ms);
		return true;
	}
	if (!sim_parse_date(s, &days)) {
		if (!sim_parse_datetime(s, &ms))
			return sim_bad_type(c, f, v, err);
		days = ms / 86400000 - (ms % 86400000 < 0);
	}
	sim_buf_date(&b, days);
	ret->s = sim_arena_dup(c->arena, sim_buf_view(&b));
	sim_buf_done(&b);
	return true;
}

static bool sim_in_time(const struct sim_conv *c, const struct sim_field *f,
	const struct sim_json *v, struct sim_val *ret, struct sim_err *err)
{
	struct sim_buf b = {0};
	struct sim_str s;
	bool zone;
	int64_t ms;

	if (v->type != SIM_J_STR)
		return sim_bad_type(c, f, v, err);
	s = v->text;
	zone = s.len && (s.p[s.len - 1] == 'Z' ||
				(s.len > 6 && (s.p[s.len - 6] == '+' || s.p[s.len - 6] == '-')));
	sim_buf_fmt(&b, "1970-01-01T%.*s%s", SIM_P(s), zone ? "" : "Z");
	if (!sim_parse_datetime(sim_buf_view(&b), &ms)) {
		sim_buf_done(&b);
		return sim_bad_type(c, f, v, err);
	}
	sim_buf_done(&b);
	ms = (ms % 86400000 + 86400000) % 86400000;
	ret->s = sim_cstr(sim_arena_fmt(c->arena, "%02d:%02d:%02d.%03dZ", (int)(ms / 3600000),
		(int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000)));
	return true;
}

static bool sim_targets(const struct sim_field *f, const struct sim_object *obj)
{
	for (int i = 0; i < f->nref; i++)
		if (f->target[i] == obj)
			return true;
	return false;
}

static bool sim_in_ref(const struct sim_conv *c, const struct sim_field *f,
	const struct sim_json *v, struct sim_val *ret, struct sim_err *err)
{
	const struct sim_object *obj;
	uint64_t oid;

	if (v->type != SIM_J_STR)
		return sim_bad_type(c, f, v, err);
	switch (sim_id_parse(c->org, v->text, &oid)) {
	case SIM_ID_BAD:
		sim_err_set(err, c->arena, "MALFORMED_ID", f->name,
			"%s: id value of incorrect type: %.*s", f->label, SIM_P(v->text));
		return false;
	case SIM_ID_FOREIGN:
		obj = sim_id_object(c->org, v->text);
		if (obj && !sim_targets(f, obj))
			sim_err_set(err, c->arena, "MALFORMED_ID", f->name,
				"%s: id value of incorrect type: %.*s", f->label, SIM_P(v->text));
		else
			sim_err_set(err, c->arena, "INVALID_CROSS_REFERENCE_KEY", f->name,
				"invalid cross reference id");
		return false;
	case SIM_ID_OK:
		break;
	}
	if (oid == SIM_MASTER_RT && f->type == SIM_T_REFERENCE) {
		sim_err_set(err, c->arena, "INVALID_CROSS_REFERENCE_KEY", f->name,
			"%s: this ID value isn't valid for the user: %.*s", f->label,
			SIM_P(v->text));
		return false;
	}
	if (f->type == SIM_T_REFERENCE && !sim_targets(f, c->org->object[sim_oid_obj(oid)])) {
		sim_err_set(err, c->arena, "MALFORMED_ID", f->name,
			"%s: id value of incorrect type: %.*s", f->label, SIM_P(v->text));
		return false;
	}
	*ret = sim_val_u64(c->arena, f, oid);
	return true;
}

static bool sim_mail_ok(struct sim_str s)
{
	const char *at = memchr(s.p, '@', s.len);
	struct sim_str host;

	if (!at || at == s.p || memchr(s.p, ' ', s.len))
		return false;
	host = (struct sim_str){at + 1, s.len - (size_t)(at - s.p) - 1};
	return host.len > 2 && !memchr(host.p, '@', host.len) && memchr(host.p, '.', host.len) &&
	       host.p[0] != '.' && host.p[host.len - 1] != '.';
}

static const struct sim_pick *sim_pick_find(const struct sim_field *f, struct sim_str s)
{
	for (int i = 0; i < f->npick; i++)
		if (f->pick[i].active && sim_is(s, f->pick[i].value))
			return &f->pick[i];
	return NULL;
}

static bool sim_bad_pick(
	const struct sim_conv *c, const struct sim_field *f, struct sim_str s, struct sim_err *err)
{
	sim_err_set(err, c->arena, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", f->name,
		"%s: bad value for restricted picklist field: %.*s", f->label, SIM_P(s));
	return false;
}

/* the parts in the order of the definition, unknown ones behind */
static bool sim_in_multi(
	const struct sim_conv *c, const struct sim_field *f, struct sim_str *s, struct sim_err *err)
{
	struct sim_buf b = {0};
	struct sim_str rest, part;
	int pick;

	for (rest = *s; rest.len;) {
		part = sim_trim(sim_cut(&rest, ';'));
		if (f->restricted && f->npick && part.len && !sim_pick_find(f, part) && !c->seed)
			return sim_bad_pick(c, f, part, err);
	}
	for (pick = 0; pick <= f->npick; pick++)
		for (rest = *s; rest.len;) {
			part = sim_trim(sim_cut(&rest, ';'));
			if (!part.len || (pick < f->npick ? !sim_is(part, f->pick[pick].value)
							  : sim_pick_find(f, part) != NULL))
				continue;
			if (b.len)
				sim_buf_ch(&b, ';');
			sim_buf_s(&b, part);
		}
	*s = sim_arena_dup(c->arena, sim_buf_view(&b));
	sim_buf_done(&b);
	return true;
}

static struct sim_str sim_normal_text(
	const struct sim_conv *c, const struct sim_field *f, struct sim_str s)
{
	const struct sim_settings *set = &c->org->set;
	char *o;
	size_t n = 0;

	s = sim_trim(s);
	if (f->type == SIM_T_EMAIL && set->email_lower) {
		s = sim_arena_dup(c->arena, s);
		o = (char *)s.p;
		for (size_t i = 0; i < s.len; i++)
			if (o[i] >= 'A' && o[i] <= 'Z')
				o[i] = (char)(o[i] + 32);
	}
	if (!set->newline_lf || !s.len || !memchr(s.p, '\r', s.len))
		return s;
	o = sim_arena_get(c->arena, s.len + 1);
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] != '\r' || i + 1 >= s.len || s.p[i + 1] != '\n')
			o[n++] = s.p[i];
	return (struct sim_str){o, n};
}

static bool sim_in_text(const struct sim_conv *c, const struct sim_field *f,
	const struct sim_json *v, struct sim_val *ret, struct sim_err *err)
{
	static const char *const words[] = {"", "false", "true"};
	const struct sim_pick *pick;
	struct sim_str s;
	long len;

	if (v->type >= SIM_J_ARR)
		return sim_bad_type(c, f, v, err);
	s = sim_normal_text(c, f, v->type <= SIM_J_TRUE ? sim_cstr(words[v->type]) : v->text);
	if (f->type == SIM_T_MULTIPICKLIST && !sim_in_multi(c, f, &s, err))
		return false;
	len = s.len <= (size_t)f->length && !c->org->set.utf16_length
		      ? (long)s.len
		      : sim_utf8_len(s, c->org->set.utf16_length);
	if (f->length && (len < 0 || len > f->length) && !c->seed) {
		sim_err_set(err, c->arena, "STRING_TOO_LONG", f->name,
			"%s: data value too large: %.*s (max length=%d)", f->label,
			(int)(s.len > 256 ? 256 : s.len), s.p, f->length);
		return false;
	}
	if (f->type == SIM_T_EMAIL && s.len && !sim_mail_ok(s) && !c->seed) {
		sim_err_set(err, c->arena, "INVALID_EMAIL_ADDRESS", f->name,
			"%s: invalid email address: %.*s", f->label, SIM_P(s));
		return false;
	}
	if (f->type == SIM_T_PICKLIST && f->npick && s.len) {
		pick = sim_pick_find(f, s);
		if (!pick && f->restricted && !c->seed)
			return sim_bad_pick(c, f, s, err);
		if (pick)
			s = sim_cstr(pick->value);
	}
	*ret = (struct sim_val){.field = f->idx,
		.null = !s.len,
		.dirty = (v->type == SIM_J_STR && !v->clean) || f->type == SIM_T_BASE64
				 ? !sim_is_clean(s)
				 : c->csv && !sim_is_clean(s),
		.s = s};
	return true;
}

bool sim_value_in(const struct sim_conv *c, const struct sim_field *f, const struct sim_json *v,
	struct sim_val *ret, struct sim_err *err)
{
	*ret = (struct sim_val){.field = f->idx};
	if (v->type == SIM_J_NULL || (v->type == SIM_J_STR && !v->text.len)) {
		ret->null = true;
		if (f->type == SIM_T_BOOLEAN && !c->org->set.null_boolean_false && !c->seed)
			return sim_bad_type(c, f, v, err);
		return true;
	}
	switch (f->kept) {
	case SIM_K_BOOL:
		return sim_in_bool(c, f, v, ret, err);
	case SIM_K_NUM:
		return sim_in_num(c, f, v, ret, err);
	case SIM_K_REF:
		return sim_in_ref(c, f, v, ret, err);
	case SIM_K_STAMP:
		return sim_in_date(c, f, v, ret, err);
	case SIM_K_NONE:
		return true;
	case SIM_K_TEXT:
		break;
	}
	if (f->type == SIM_T_DATE)
		return sim_in_date(c, f, v, ret, err);
	if (f->type == SIM_T_TIME)
		return sim_in_time(c, f, v, ret, err);
	return sim_in_text(c, f, v, ret, err);
}
