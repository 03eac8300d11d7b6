/*
 * Reading a page of records: on the way of every record. The names asked for are a tree (dots lead
 * into parents). Orgs give the keys of a page's records in one order, so each level remembers the
 * keys it has seen and expects the next one where the last record had it; a key that is elsewhere
 * is found among those seen, a new one by its name.
 */
#include "osy/sf_query.h"

#include <stdlib.h>

#include "osy/json_pull.h"
#include "osy/mem.h"

#include "osy/banned.h"

#define NONE (-1)
#define SEEN_MAX \
	2048 /* distinct keys remembered a level; further ones are found by name each time */

struct seen {
	struct osy_str key; /* slice of the page */
	int node;	    /* NONE: not asked for */
};

struct node {
	struct osy_str name;
	int field; /* place in the row, NONE: only a way to others */
	int first_child, next_sibling;
	struct seen *seen;
	size_t seen_count, seen_cap;
};

struct copy {
	size_t to, from;
};

struct reader {
	struct node *nodes; /* [0]: the record */
	size_t node_count;
	struct copy *copies; /* names asked for more than once */
	size_t copy_count;
	struct osy_str *values;
	size_t field_count;
	osy_sf_row row;
	void *arg;
};

static void reader_done(struct reader *r)
{
	for (size_t i = 0; i < r->node_count; i++)
		free(r->nodes[i].seen);
	free(r->nodes);
	free(r->copies);
	free(r->values);
}

static int find_child(const struct reader *r, int parent, struct osy_str name)
{
	int at = r->nodes[parent].first_child;
	while (at != NONE && !osy_str_equal_nocase(r->nodes[at].name, name))
		at = r->nodes[at].next_sibling;
	return at;
}

static int add_child(struct reader *r, int parent, struct osy_str name)
{
	const int at = (int)r->node_count++;
	r->nodes[at] = (struct node){.name = name,
		.field = NONE,
		.first_child = NONE,
		.next_sibling = r->nodes[parent].first_child};
	r->nodes[parent].first_child = at;
	return at;
}

static void add_field(struct reader *r, const char *field, size_t place)
{
	int at = 0;

	for (const char *p = field; p;) {
		const char *dot = strchr(p, '.');
		const struct osy_str name = {p, dot ? (size_t)(dot - p) : strlen(p)};
		const int child = find_child(r, at, name);
		at = child == NONE ? add_child(r, at, name) : child;
		p = dot ? dot + 1 : NULL;
	}
	if (r->nodes[at].field == NONE)
		r->nodes[at].field = (int)place;
	else
		r->copies[r->copy_count++] = (struct copy){place, (size_t)r->nodes[at].field};
}

static void reader_init(struct reader *r, const char *const *fields, size_t count)
{
	size_t nodes = 1;

	for (size_t i = 0; i < count; i++) {
		nodes++;
		for (const char *p = fields[i]; *p; p++)
			nodes += *p == '.';
	}
	r->nodes = osy_xcalloc(nodes, sizeof(*r->nodes));
	r->copies = osy_xcalloc(count + 1, sizeof(*r->copies));
	r->values = osy_xcalloc(count + 1, sizeof(*r->values));
	r->field_count = count;
	r->nodes[0] = (struct node){.field = NONE, .first_child = NONE, .next_sibling = NONE};
	r->node_count = 1;
	for (size_t i = 0; i < count; i++)
		add_field(r, fields[i], i);
}

static int find_by_name(const struct reader *r, int parent, struct osy_str key)
{
	if (!memchr(key.p, '\\', key.len))
		return find_child(r, parent, key);
	/* A key with escapes: nobody sends that, but it would be right. Its quotes lie around it.
	 */
	OSY_AUTO(osy_buf_done) struct osy_buf plain = OSY_BUF(key.len + 64);
	struct osy_err ignored;
	if (osy_json_unquote((struct osy_str){key.p - 1, key.len + 2}, &plain, &ignored))
		return NONE;
	return find_child(r, parent, osy_buf_str(&plain));
}

static void remember(struct node *node, struct osy_str key, int child)
{
	if (node->seen_count == node->seen_cap) {
		node->seen_cap = node->seen_cap ? node->seen_cap * 2 : 32;
		node->seen = osy_xrealloc(node->seen, node->seen_cap * sizeof(*node->seen));
	}
	node->seen[node->seen_count++] = (struct seen){key, child};
}

static inline bool is_key(const struct seen *seen, struct osy_str key)
{
	return seen->key.len == key.len && memcmp(seen->key.p, key.p, key.len) == 0;
}

/* The slow way: anywhere among the keys seen, or by name. */
static int look_up(struct reader *r, int at, struct osy_str key, size_t *expected)
{
	struct node *node = &r->nodes[at];

	for (size_t i = 1; i < node->seen_count; i++) {
		const size_t j = (*expected + i) % node->seen_count;
		if (is_key(&node->seen[j], key)) {
			*expected = j + 1;
			return node->seen[j].node;
		}
	}
	/* a whole turn misses where the search began */
	if (*expected >= node->seen_count && node->seen_count && is_key(&node->seen[0], key)) {
		*expected = 1;
		return node->seen[0].node;
	}
	const int child = find_by_name(r, at, key);
	if (node->seen_count < SEEN_MAX) {
		remember(node, key, child);
		*expected = node->seen_count;
	}
	return child;
}

static inline int place_of(struct reader *r, int at, struct osy_str key, size_t *expected)
{
	const struct node *node = &r->nodes[at];

	if (*expected < node->seen_count && is_key(&node->seen[*expected], key))
		return node->seen[(*expected)++].node;
	return look_up(r, at, key, expected);
}

static enum osy_code bad(const struct osy_json_pull *pull, const char *what, struct osy_err *err)
{
	if (pull->error)
		return osy_json_pull_fail(pull, "records", err);
	return osy_fail(err, OSY_E_INVALID, "records: %s", what);
}

static enum osy_code read_object(
	struct reader *r, struct osy_json_pull *pull, int at, struct osy_err *err);

/* A value that is asked for itself and others lie in it. */
static enum osy_code read_both(
	struct reader *r, struct osy_json_pull *pull, int at, struct osy_err *err)
{
	struct osy_json_pull inner;
	struct osy_str raw;
	const enum osy_pull kind = osy_json_pull_value(pull, &raw);

	if (kind == OSY_PULL_ERROR)
		return bad(pull, "", err);
	if (kind != OSY_PULL_NULL)
		r->values[r->nodes[at].field] = raw;
	if (kind != OSY_PULL_OBJECT)
		return OSY_OK;
	osy_json_pull_init(&inner, raw);
	(void)osy_json_pull_next(&inner);
	return read_object(r, &inner, at, err);
}

/* A value that others lie in; null and whatever is no object has none of them. */
static enum osy_code read_parent(
	struct reader *r, struct osy_json_pull *pull, int at, struct osy_err *err)
{
	if (r->nodes[at].field != NONE)
		return read_both(r, pull, at, err);
	const unsigned depth = pull->depth;
	enum osy_pull token = osy_json_pull_next(pull);
	if (token == OSY_PULL_OBJECT)
		return read_object(r, pull, at, err);
	while (token != OSY_PULL_ERROR && pull->depth > depth)
		token = osy_json_pull_next(pull);
	return token == OSY_PULL_ERROR ? bad(pull, "", err) : OSY_OK;
}

/* After its '{', up to and with its '}'. */
static enum osy_code read_object(
	struct reader *r, struct osy_json_pull *pull, int at, struct osy_err *err)
{
	size_t expected = 0;
	enum osy_pull token;

	while ((token = osy_json_pull_next(pull)) == OSY_PULL_KEY) {
		struct osy_str raw;
		const int child = place_of(r, at, pull->token, &expected);
		if (child != NONE && r->nodes[child].first_child != NONE) {
			const enum osy_code code = read_parent(r, pull, child, err);
			if (code)
				return code;
			continue;
		}
		const enum osy_pull kind = osy_json_pull_value(pull, &raw);
		if (kind == OSY_PULL_ERROR)
			return bad(pull, "", err);
		if (child != NONE && kind != OSY_PULL_NULL)
			r->values[r->nodes[child].field] = raw;
	}
	return token == OSY_PULL_OBJECT_END ? OSY_OK : bad(pull, "an object is cut off", err);
}

static enum osy_code read_record(struct reader *r, struct osy_json_pull *pull, struct osy_err *err)
{
	memset(r->values, 0, r->field_count * sizeof(*r->values));
	const enum osy_code code = read_object(r, pull, 0, err);
	if (code)
		return code;
	for (size_t i = 0; i < r->copy_count; i++)
		r->values[r->copies[i].to] = r->values[r->copies[i].from];
	return r->row(r->values, r->arg, err);
}

/* After '[', up to and with ']'. */
static enum osy_code read_records(
	struct reader *r, struct osy_json_pull *pull, bool nulls, size_t *rows, struct osy_err *err)
{
	for (;;) {
		enum osy_code code;
		const enum osy_pull token = osy_json_pull_next(pull);
		if (token == OSY_PULL_ARRAY_END)
			return OSY_OK;
		if (token == OSY_PULL_OBJECT)
			code = read_record(r, pull, err);
		else if (token == OSY_PULL_NULL && nulls)
			code = r->row(NULL, r->arg, err);
		else
			code = bad(pull, "an entry is no record", err);
		if (code)
			return code;
		++*rows;
	}
}

static enum osy_code read_next_path(
	struct osy_json_pull *pull, struct osy_sf_page *page, struct osy_err *err)
{
	const enum osy_pull token = osy_json_pull_next(pull);
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(8 * OSY_SF_MAX_NEXT);

	if (token == OSY_PULL_NULL)
		return OSY_OK;
	if (token != OSY_PULL_STRING)
		return bad(pull, "nextRecordsUrl is no text", err);
	if (osy_json_plain(pull->token, &page->next_path))
		return OSY_OK;
	if (pull->token.len > 6 * OSY_SF_MAX_NEXT || osy_json_unquote(pull->token, &text, err) ||
		text.len >= OSY_SF_MAX_NEXT)
		return osy_fail(err, OSY_E_INVALID, "records: nextRecordsUrl is no path");
	memcpy(page->spelled, text.p, text.len);
	page->next_path = (struct osy_str){page->spelled, text.len};
	return OSY_OK;
}

struct query {
	struct osy_sf_page page;
	bool has_records, has_done;
};

static enum osy_code read_member(
	struct reader *r, struct osy_json_pull *pull, struct query *q, struct osy_err *err)
{
	const struct osy_str key = pull->token;
	struct osy_str raw;

	if (osy_str_equal(key, OSY_STR("records"))) {
		if (osy_json_pull_next(pull) != OSY_PULL_ARRAY || q->has_records)
			return bad(pull, "the reply has no list of records", err);
		q->has_records = true;
		return read_records(r, pull, false, &q->page.rows, err);
	}
	if (osy_str_equal(key, OSY_STR("nextRecordsUrl")))
		return read_next_path(pull, &q->page, err);
	const enum osy_pull kind = osy_json_pull_value(pull, &raw);
	if (kind == OSY_PULL_ERROR)
		return bad(pull, "", err);
	if (osy_str_equal(key, OSY_STR("totalSize")))
		return osy_parse_i64(raw, -1, INT64_MAX, &q->page.total_size, err);
	if (osy_str_equal(key, OSY_STR("done"))) {
		q->has_done = kind == OSY_PULL_TRUE || kind == OSY_PULL_FALSE;
		q->page.done = kind == OSY_PULL_TRUE;
	}
	return OSY_OK;
}

static enum osy_code read_query(
	struct reader *r, struct osy_json_pull *pull, struct query *q, struct osy_err *err)
{
	enum osy_pull token;

	if (osy_json_pull_next(pull) != OSY_PULL_OBJECT)
		return bad(pull, "the reply is no query result", err);
	while ((token = osy_json_pull_next(pull)) == OSY_PULL_KEY) {
		const enum osy_code code = read_member(r, pull, q, err);
		if (code)
			return code;
	}
	if (token != OSY_PULL_OBJECT_END || osy_json_pull_next(pull) != OSY_PULL_END)
		return bad(pull, "the reply is cut off", err);
	if (!q->has_records)
		return osy_fail(err, OSY_E_INVALID, "records: the reply has no list of records");
	if (!q->has_done)
		q->page.done = !q->page.next_path.p;
	if (!q->page.done && !q->page.next_path.p)
		return osy_fail(err, OSY_E_INVALID,
			"records: there are more, but the reply does not say where");
	return OSY_OK;
}

static enum osy_code read_array(
	struct reader *r, struct osy_json_pull *pull, struct query *q, struct osy_err *err)
{
	if (osy_json_pull_next(pull) != OSY_PULL_ARRAY)
		return bad(pull, "the reply is no list of records", err);
	const enum osy_code code = read_records(r, pull, true, &q->page.rows, err);
	if (code)
		return code;
	if (osy_json_pull_next(pull) != OSY_PULL_END)
		return bad(pull, "something follows the list", err);
	q->page.total_size = (int64_t)q->page.rows;
	q->page.done = true;
	return OSY_OK;
}

enum osy_code osy_sf_page_read(struct osy_str body, bool array, const char *const *fields,
	size_t field_count, osy_sf_row row, void *arg, struct osy_sf_page *ret, struct osy_err *err)
{
	OSY_AUTO(reader_done) struct reader r = {.row = row, .arg = arg};
	struct osy_json_pull pull;
	struct query q = {.page = {.next_path = OSY_STR_NULL}};

	reader_init(&r, fields, field_count);
	osy_json_pull_init(&pull, body);
	const enum osy_code code =
		array ? read_array(&r, &pull, &q, err) : read_query(&r, &pull, &q, err);
	if (code)
		return code;
	*ret = q.page;
	if (ret->next_path.p == q.page.spelled)
		ret->next_path.p = ret->spelled;
	return OSY_OK;
}
