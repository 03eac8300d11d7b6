#include "sim_json.h"

#include <stdlib.h>

struct sim_jp {
	struct sim_arena *a;
	char *p, *end;
	const char *error;
	int depth;
};

static struct sim_json *sim_jp_value(struct sim_jp *j);

static void *sim_jp_fail(struct sim_jp *j, const char *why)
{
	if (!j->error)
		j->error = why;
	return NULL;
}

static void sim_jp_space(struct sim_jp *j)
{
	while (j->p < j->end && (*j->p == ' ' || *j->p == '\n' || *j->p == '\t' || *j->p == '\r'))
		j->p++;
}

static char *sim_put_utf8(char *o, unsigned c)
{
	if (c < 0x80) {
		*o++ = (char)c;
	} else if (c < 0x800) {
		*o++ = (char)(0xC0 | c >> 6);
		*o++ = (char)(0x80 | (c & 63));
	} else if (c < 0x10000) {
		*o++ = (char)(0xE0 | c >> 12);
		*o++ = (char)(0x80 | (c >> 6 & 63));
		*o++ = (char)(0x80 | (c & 63));
	} else {
		*o++ = (char)(0xF0 | c >> 18);
		*o++ = (char)(0x80 | (c >> 12 & 63));
		*o++ = (char)(0x80 | (c >> 6 & 63));
		*o++ = (char)(0x80 | (c & 63));
	}
	return o;
}

static bool sim_jp_hex4(struct sim_jp *j, unsigned *ret)
{
	unsigned v = 0;

	if (j->end - j->p < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		char c = *j->p++;

		if (c >= '0' && c <= '9')
			v = v * 16 + (unsigned)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = v * 16 + (unsigned)((c | 32) - 'a' + 10);
		else
			return false;
	}
	*ret = v;
	return true;
}

static char *sim_jp_escape(struct sim_jp *j, char *o)
{
	unsigned c, low;

	switch (*j->p++) {
	case '"':
		*o++ = '"';
		return o;
	case '\\':
		*o++ = '\\';
		return o;
	case '/':
		*o++ = '/';
		return o;
	case 'b':
		*o++ = '\b';
		return o;
	case 'f':
		*o++ = '\f';
		return o;
	case 'n':
		*o++ = '\n';
		return o;
	case 'r':
		*o++ = '\r';
		return o;
	case 't':
		*o++ = '\t';
		return o;
	case 'u':
		break;
	default:
		return sim_jp_fail(j, "unrecognized character escape");
	}
	if (!sim_jp_hex4(j, &c))
		return sim_jp_fail(j, "bad unicode escape");
	if (c >= 0xD800 && c < 0xDC00 && j->end - j->p > 6 && j->p[0] == '\\' && j->p[1] == 'u') {
		j->p += 2;
		if (!sim_jp_hex4(j, &low) || low < 0xDC00 || low > 0xDFFF)
			return sim_jp_fail(j, "bad surrogate pair");
		c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
	}
	return sim_put_utf8(o, c);
}

/* behind the opening quote */
static bool sim_jp_string(struct sim_jp *j, struct sim_str *ret, bool *clean)
{
	char *start = j->p, *o;

	*clean = true;
	while (j->p < j->end && *j->p != '"' && *j->p != '\\' && (unsigned char)*j->p >= 0x20)
		j->p++;
	if (j->p < j->end && *j->p == '"') {
		*ret = (struct sim_str){start, (size_t)(j->p++ - start)};
		return true;
	}
	for (o = j->p; j->p < j->end && *j->p != '"';) {
		if ((unsigned char)*j->p < 0x20)
			return sim_jp_fail(j, "illegal unquoted character in a string"), false;
		if (*j->p != '\\') {
			*o++ = *j->p++;
			continue;
		}
		j->p++;
		*clean = false;
		o = j->p < j->end ? sim_jp_escape(j, o) : NULL;
		if (!o)
			return false;
	}
	if (j->p >= j->end)
		return sim_jp_fail(j, "Unexpected end-of-input in a string"), false;
	*ret = (struct sim_str){start, (size_t)(o - start)};
	j->p++;
	return true;
}

static struct sim_json *sim_jp_node(struct sim_jp *j, enum sim_json_type type)
{
	struct sim_json *n = sim_arena_get(j->a, sizeof(*n));

	memset(n, 0, sizeof(*n));
	n->type = type;
	return n;
}

static struct sim_json *sim_jp_list(struct sim_jp *j, bool object)
{
	struct sim_json *n = sim_jp_node(j, object ? SIM_J_OBJ : SIM_J_ARR), **at = &n->child, *v;
	char close = object ? '}' : ']';
	struct sim_str key = {NULL, 0};
	bool clean;

	if (++j->depth > 64)
		return sim_jp_fail(j, "too deeply nested");
	sim_jp_space(j);
	if (j->p < j->end && *j->p == close) {
		j->p++, j->depth--;
		return n;
	}
	for (;;) {
		sim_jp_space(j);
		if (object) {
			if (j->p >= j->end || *j->p++ != '"' || !sim_jp_string(j, &key, &clean))
				return sim_jp_fail(
					j, "was expecting double-quote to start field name");
			sim_jp_space(j);
			if (j->p >= j->end || *j->p++ != ':')
				return sim_jp_fail(j,
					"was expecting a colon to separate field name and value");
		}
		v = sim_jp_value(j);
		if (!v)
			return NULL;
		v->key = key;
		*at = v;
		at = &v->next;
		sim_jp_space(j);
		if (j->p >= j->end)
			return sim_jp_fail(j, "Unexpected end-of-input");
		if (*j->p == ',') {
			j->p++;
			continue;
		}
		if (*j->p++ != close)
			return sim_jp_fail(j, "was expecting comma to separate entries");
		j->depth--;
		return n;
	}
}

static struct sim_json *sim_jp_word(struct sim_jp *j)
{
	static const struct {
		const char *word;
		enum sim_json_type type;
	} words[] = {{"null", SIM_J_NULL}, {"true", SIM_J_TRUE}, {"false", SIM_J_FALSE}};
	size_t left = (size_t)(j->end - j->p);
	struct sim_json *n;
	char *start = j->p;

	for (size_t i = 0; i < SIM_COUNT(words); i++) {
		size_t len = strlen(words[i].word);

		if (left >= len && !memcmp(j->p, words[i].word, len)) {
			j->p += len;
			return sim_jp_node(j, words[i].type);
		}
	}
	while (j->p < j->end && strchr("+-0123456789.eE", *j->p))
		j->p++;
	if (j->p == start || !((j->p[-1] >= '0' && j->p[-1] <= '9')))
		return sim_jp_fail(j, "Unexpected character");
	n = sim_jp_node(j, SIM_J_NUM);
	n->text = (struct sim_str){start, (size_t)(j->p - start)};
	return n;
}

static struct sim_json *sim_jp_value(struct sim_jp *j)
{
	struct sim_json *n;

	sim_jp_space(j);
	if (j->p >= j->end)
		return sim_jp_fail(j, "Unexpected end-of-input");
	switch (*j->p) {
	case '{':
		j->p++;
		return sim_jp_list(j, true);
	case '[':
		j->p++;
		return sim_jp_list(j, false);
	case '"':
		j->p++;
		n = sim_jp_node(j, SIM_J_STR);
		return sim_jp_string(j, &n->text, &n->clean) ? n : NULL;
	default:
		return sim_jp_word(j);
	}
}

struct sim_json *sim_json_parse(struct sim_arena *a, char *text, size_t len, const char **ret_error)
{
	static char empty[1];
	struct sim_jp j = {.a = a, .p = text ? text : empty, .end = (text ? text : empty) + len};
	struct sim_json *n = sim_jp_value(&j);

	sim_jp_space(&j);
	if (n && j.p < j.end)
		n = sim_jp_fail(&j, "Unexpected character after the value");
	if (!n && ret_error)
		*ret_error = j.error ? j.error : "bad JSON";
	return n;
}

struct sim_json *sim_json_get(const struct sim_json *obj, const char *key)
{
	struct sim_json *v;
	size_t n = strlen(key);

	if (!obj || obj->type != SIM_J_OBJ)
		return NULL;
	for (v = obj->child; v; v = v->next)
		if (v->key.len == n && !memcmp(v->key.p, key, n))
			return v;
	return NULL;
}

struct sim_json *sim_json_geti(const struct sim_json *obj, const char *key)
{
	struct sim_json *v;

	if (!obj || obj->type != SIM_J_OBJ)
		return NULL;
	for (v = obj->child; v; v = v->next)
		if (sim_is(v->key, key))
			return v;
	return NULL;
}

struct sim_str sim_json_str(const struct sim_json *obj, const char *key)
{
	const struct sim_json *v = sim_json_get(obj, key);

	if (!v || v->type != SIM_J_STR)
		return (struct sim_str){NULL, 0};
	return v->text;
}

double sim_json_num(const struct sim_json *obj, const char *key, double def)
{
	const struct sim_json *v = sim_json_get(obj, key);
	char tmp[64];

	if (!v || v->type != SIM_J_NUM || v->text.len >= sizeof(tmp))
		return def;
	memcpy(tmp, v->text.p, v->text.len);
	tmp[v->text.len] = 0;
	return strtod(tmp, NULL);
}

int64_t sim_json_i64(const struct sim_json *obj, const char *key, int64_t def)
{
	const struct sim_json *v = sim_json_get(obj, key);

	/* a default of INT64_MAX is no double */
	return v && v->type == SIM_J_NUM ? (int64_t)sim_json_num(obj, key, 0) : def;
}

bool sim_json_bool(const struct sim_json *obj, const char *key, bool def)
{
	const struct sim_json *v = sim_json_get(obj, key);

	if (!v || (v->type != SIM_J_TRUE && v->type != SIM_J_FALSE))
		return def;
	return v->type == SIM_J_TRUE;
}

size_t sim_json_count(const struct sim_json *arr)
{
	size_t n = 0;

	if (arr)
		for (const struct sim_json *v = arr->child; v; v = v->next)
			n++;
	return n;
}

void sim_json_write(struct sim_buf *b, const struct sim_json *v)
{
	static const char *const words[] = {"null", "false", "true"};

	switch (v->type) {
	case SIM_J_NULL:
	case SIM_J_FALSE:
	case SIM_J_TRUE:
		sim_buf_str(b, words[v->type]);
		break;
	case SIM_J_NUM:
		sim_buf_s(b, v->text);
		break;
	case SIM_J_STR:
		sim_buf_json(b, v->text);
		break;
	case SIM_J_ARR:
	case SIM_J_OBJ:
		sim_buf_ch(b, v->type == SIM_J_OBJ ? '{' : '[');
		for (const struct sim_json *c = v->child; c; c = c->next) {
			if (c != v->child)
				sim_buf_ch(b, ',');
			if (v->type == SIM_J_OBJ) {
				sim_buf_json(b, c->key);
				sim_buf_ch(b, ':');
			}
			sim_json_write(b, c);
		}
		sim_buf_ch(b, v->type == SIM_J_OBJ ? '}' : ']');
		break;
	}
}
