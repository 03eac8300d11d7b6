/* Texts that are to hold an id and hold more: they stay as they are, and that is told. */
#include "load_internal.h"

#include <ctype.h>

#include "osy/banned.h"

/* The next run of letters and digits in a JSON text, without what is escaped. */
static struct osy_str next_word(struct osy_str raw, size_t *at)
{
	while (*at < raw.len && !isalnum((unsigned char)raw.p[*at]))
		*at += raw.p[*at] != '\\' ? 1 : *at + 1 < raw.len && raw.p[*at + 1] == 'u' ? 6 : 2;
	size_t begin = *at < raw.len ? *at : raw.len;
	while (*at < raw.len && isalnum((unsigned char)raw.p[*at]))
		(*at)++;
	return (struct osy_str){raw.p + begin, *at < raw.len ? *at - begin : raw.len - begin};
}

static bool holds_ids(const struct osy_spec *spec, struct osy_str raw)
{
	for (size_t at = 0; at < raw.len;) {
		struct osy_str word = next_word(raw, &at);
		struct osy_id id;
		if (osy_id_parse(word, &id) && osy_spec_by_prefix(spec, id.c))
			return true;
	}
	return false;
}

void osy_load_tell_text(struct osy_lbatch *batch, unsigned i, unsigned c, struct osy_lref *ref)
{
	const struct osy_lcolumn *column = &batch->columns[c];
	struct osy_str value = batch->rows[i].values[c];

	if (!column->field->ids || ref->told || ref->state != OSY_REF_NULL ||
		osy_id_is_set(&ref->source) || !value.p || value.p[0] != '"' ||
		!osy_is_pending(&batch->rows[i]) || osy_lrun(batch)->undo ||
		!holds_ids(osy_lspec(batch), value))
		return;
	ref->told = true;
	osy_load_note(batch, i, "notice", OSY_FAIL_IDS_IN_TEXT, osy_str(column->field->target),
		"%s holds ids of records inside of a longer text, which stays as it is: only a "
		"text that is one id and nothing else is rewritten",
		column->field->name);
}
