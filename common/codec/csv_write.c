/* Writing: a JSON string without escapes is a cell of CSV as it is. */
#include "osy/csv.h"

#include "osy/json_pull.h"

#include "osy/banned.h"

static bool is_sign_of_null(struct osy_str text)
{
	return osy_str_is(text, "#N/A");
}

/* Doubles the quotes behind `from`; from the end on, so that nothing is copied twice. */
static void double_quotes(struct osy_buf *out, size_t from)
{
	size_t count = 0;

	for (size_t i = from; i < out->len; i++)
		count += out->p[i] == '"';
	if (count == 0)
		return;
	(void)osy_buf_room(out, count);
	char *read = out->p + out->len, *write = read + count;
	while (write > read) {
		*--write = *--read;
		if (*read == '"')
			*--write = '"';
	}
	osy_buf_end(out, count);
}

/* A string with escapes. */
static bool put_decoded(struct osy_buf *out, struct osy_str raw_json)
{
	const size_t start = out->len;
	struct osy_err ignored;

	(void)osy_buf_room(out, raw_json.len);
	osy_buf_addc(out, '"');
	const bool is_string = osy_json_unquote(raw_json, out, &ignored) == OSY_OK;
	const struct osy_str text = {out->p + start + 1, out->len - start - 1};
	if (!is_string || is_sign_of_null(text) || (text.len && memchr(text.p, 0, text.len))) {
		out->len = start;
		out->p[start] = '\0';
		return false;
	}
	double_quotes(out, start + 1);
	osy_buf_addc(out, '"');
	return true;
}

bool osy_csv_put_json(struct osy_buf *out, struct osy_str raw_json)
{
	struct osy_str text;

	if (raw_json.len == 0 || *raw_json.p == '{' || *raw_json.p == '[' || *raw_json.p == 'n')
		return false;
	if (*raw_json.p == '"' && !osy_json_plain(raw_json, &text))
		return put_decoded(out, raw_json);
	if (*raw_json.p == '"' && is_sign_of_null(text))
		return false;
	osy_buf_add_str(out, raw_json);
	return true;
}

void osy_csv_put_text(struct osy_buf *out, struct osy_str text)
{
	osy_buf_addc(out, '"');
	const size_t start = out->len;
	osy_buf_add_str(out, text);
	double_quotes(out, start);
	osy_buf_addc(out, '"');
}
