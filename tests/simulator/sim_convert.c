/* The fields of a row as sent: names to fields, JSON to values. */
#include "sim_write.h"

#include <stdarg.h>

bool sim_row_fail(struct sim_txn *t, struct sim_row *row, const char *code, const char *field,
	const char *fmt, ...)
{
	va_list ap;
	char tmp[1024];

	va_start(ap, fmt);
	vsnprintf(tmp, sizeof(tmp), fmt, ap);
	va_end(ap);
	sim_err_set(&row->err, t->arena, code, field, "%s", tmp);
	return false;
}

static bool sim_parent_ext(
	struct sim_txn *t, struct sim_row *row, struct sim_field *f, const struct sim_json *v)
{
	struct sim_conv conv = {t->org, t->arena, t->csv, t->seed};
	const struct sim_json *attr = sim_json_get(v, "attributes"), *k;
	struct sim_object *target = f->nref ? f->target[0] : NULL;
	struct sim_ext *e = &row->ext[row->next];

	if (f->polymorphic) {
		if (!attr || v->child != attr)
			return sim_row_fail(t, row, "JSON_PARSER_ERROR", NULL,
				"Nested object for polymorphic foreign key must have an attributes "
				"field before "
				"any other fields.");
		target = sim_object_find(t->org, sim_json_str(attr, "type"));
	}
	k = v->child == attr && attr ? attr->next : v->child;
	if (!target || !k || k->next)
		return sim_row_fail(t, row, "INVALID_FIELD", f->name,
			"Nested object for %s must have exactly one external id field",
			f->rel_name);
	*e = (struct sim_ext){.field = f, .target = target, .key = sim_field_find(target, k->key)};
	if (!e->key || !(e->key->external_id || e->key->id_lookup))
		return sim_row_fail(t, row, "INVALID_FIELD", f->name,
			"The external foreign key reference does not reference a valid entity: "
			"%.*s",
			SIM_P(k->key));
	if (e->key->sys == SIM_SYS_ID) {
		struct sim_val id;

		if (!sim_value_in(&conv, f, k, &id, &row->err))
			return false;
		row->val[row->nval++] = id;
		return true;
	}
	row->next++;
	return sim_value_in(&conv, e->key, k, &e->val, &row->err);
}

static bool sim_unknown_field(struct sim_txn *t, struct sim_row *row, struct sim_str name)
{
	sim_row_fail(t, row, "INVALID_FIELD", sim_arena_dup(t->arena, name).p,
		"No such column '%.*s' on sobject of type %s", SIM_P(name), row->obj->name);
	row->err.nfields = 0;
	if (t->org->set.unknown_field_call)
		t->call_err = row->err;
	return false;
}

static void sim_not_writable(struct sim_txn *t, struct sim_err *e, const struct sim_field *f)
{
	struct sim_buf b = {0};

	if (e->code && strcmp(e->code, "INVALID_FIELD_FOR_INSERT_UPDATE"))
		return;
	if (e->nfields < (int)SIM_COUNT(e->field))
		e->field[e->nfields++] = f->name;
	e->code = "INVALID_FIELD_FOR_INSERT_UPDATE";
	sim_buf_str(&b, "Unable to create/update fields: ");
	for (int i = 0; i < e->nfields; i++)
		sim_buf_fmt(&b, "%s%s", i ? ", " : "", e->field[i]);
	sim_buf_str(&b, ". Please check the security settings of this field and verify that it is "
			"read/write for your profile or permission set.");
	e->msg = sim_arena_dup(t->arena, sim_buf_view(&b)).p;
	sim_buf_done(&b);
}

static bool sim_audit_settable(
	const struct sim_txn *t, const struct sim_row *row, const struct sim_field *f)
{
	return t->org->set.audit_fields && row->op == SIM_INSERT && f->sys >= SIM_SYS_CREATED &&
	       f->sys <= SIM_SYS_MODIFIED_BY;
}

static bool sim_writable(
	const struct sim_txn *t, const struct sim_row *row, const struct sim_field *f)
{
	if (t->seed || sim_audit_settable(t, row, f))
		return f->kept != SIM_K_NONE || f->sys;
	if (f->read_only)
		return false;
	switch (row->op) {
	case SIM_INSERT:
		return f->createable;
	case SIM_UPDATE:
		return f->updateable;
	case SIM_UPSERT:
		return f->createable || f->updateable;
	case SIM_DELETE:
	case SIM_UNDELETE:
		break;
	}
	return false;
}

/* values of fields that the header keeps are handed on as values too */
static bool sim_sys_value(struct sim_conv *conv, struct sim_row *row, const struct sim_field *f,
	const struct sim_json *v)
{
	struct sim_field kind = *f;

	if (f->sys == SIM_SYS_ID || f->sys == SIM_SYS_DELETED)
		return true;
	kind.kept = f->type == SIM_T_REFERENCE ? SIM_K_REF : SIM_K_STAMP;
	return sim_value_in(conv, &kind, v, &row->val[row->nval++], &row->err);
}

static bool sim_one_field(struct sim_txn *t, struct sim_row *row, const struct sim_json *v)
{
	struct sim_conv conv = {t->org, t->arena, t->csv, t->seed};
	struct sim_field *f = sim_field_find(row->obj, v->key);

	if (!f && v->type == SIM_J_OBJ) {
		f = sim_field_by_rel(row->obj, v->key);
		if (f && !sim_writable(t, row, f)) {
			sim_not_writable(t, &row->err, f);
			return true;
		}
		if (f)
			return sim_parent_ext(t, row, f, v);
	}
	if (!f || (f->hidden && !t->seed))
		return sim_unknown_field(t, row, v->key);
	if (f->sys == SIM_SYS_ID) {
		if (row->op == SIM_INSERT && !t->seed && v->type != SIM_J_NULL)
			return sim_row_fail(t, row, "INVALID_FIELD_FOR_INSERT_UPDATE", "Id",
				"cannot specify Id in an insert call");
		return true;
	}
	if (f == row->key)
		return true;
	if (!sim_writable(t, row, f)) {
		sim_not_writable(t, &row->err, f);
		return true;
	}
	if (f->sys)
		return sim_sys_value(&conv, row, f, v);
	return sim_value_in(&conv, f, v, &row->val[row->nval++], &row->err);
}

static void sim_sort_vals(struct sim_row *row)
{
	for (int i = 1; i < row->nval; i++) {
		struct sim_val v = row->val[i];
		int k = i;

		for (; k > 0 && row->val[k - 1].field > v.field; k--)
			row->val[k] = row->val[k - 1];
		row->val[k] = v;
	}
}

bool sim_row_convert(struct sim_txn *t, struct sim_row *row)
{
	size_t n = sim_json_count(row->in) + 1;
	struct sim_conv conv = {t->org, t->arena, t->csv, t->seed};
	const struct sim_json *v;

	row->val = sim_arena_get(t->arena, n * sizeof(*row->val));
	row->ext = sim_arena_get(t->arena, sizeof(*row->ext) * (n < 64 ? n : 64));
	for (v = row->in ? row->in->child : NULL; v; v = v->next) {
		if (v->key.len == 10 && !memcmp(v->key.p, "attributes", 10))
			continue;
		if (row->key && sim_is(v->key, row->key->name) && !row->key_val.s.len) {
			if (!sim_value_in(&conv, row->key, v, &row->key_val, &row->err))
				return false;
			continue;
		}
		if (!sim_one_field(t, row, v))
			return false;
	}
	if (row->key && row->key->sys != SIM_SYS_ID && row->op == SIM_UPSERT && !row->key_val.s.len)
		return sim_row_fail(
			t, row, "MISSING_ARGUMENT", NULL, "%s not specified", row->key->name);
	if (row->key && row->key_val.s.len && row->key->sys != SIM_SYS_ID)
		row->val[row->nval++] = row->key_val;
	sim_sort_vals(row);
	return !row->err.code;
}
