/* Values on their way out. */
#include "sim_number.h"
#include "sim_value.h"

static const char *const sim_address_keys[] = {"city", "country", "geocodeAccuracy", "latitude",
	"longitude", "postalCode", "state", "street"};
static const char *const sim_location_keys[] = {"latitude", "longitude"};

static void sim_out_compound(struct sim_buf *b, const struct sim_org *org,
	const struct sim_object *obj, const struct sim_rec *r, const struct sim_field *f)
{
	const char *const *keys = f->nparts == 8 ? sim_address_keys : sim_location_keys;
	struct sim_str v;
	bool any = false;

	for (int i = 0; i < f->nparts; i++)
		any |= f->part[i] != UINT16_MAX && sim_rec_get(r, f->part[i], &v, NULL);
	if (!any) {
		sim_buf_add(b, "null", 4);
		return;
	}
	for (int i = 0; i < f->nparts; i++) {
		sim_buf_ch(b, i ? ',' : '{');
		sim_buf_jstr(b, keys[i]);
		sim_buf_ch(b, ':');
		if (f->part[i] == UINT16_MAX)
			sim_buf_add(b, "null", 4);
		else
			sim_value_out(b, org, obj, r, obj->field[f->part[i]]);
	}
	sim_buf_ch(b, '}');
}

static uint64_t sim_user_oid(const struct sim_org *org, uint32_t serial)
{
	return sim_oid(org->user_obj->idx, serial);
}

static void sim_out_sys(struct sim_buf *b, const struct sim_org *org, const struct sim_rec *r,
	enum sim_sys sys, bool quoted)
{
	struct sim_buf *o = b;
	int64_t ms = sys == SIM_SYS_CREATED    ? r->created
		     : sys == SIM_SYS_MODIFIED ? r->modified
					       : r->stamp;
	uint64_t oid = sys == SIM_SYS_ID
			       ? r->oid
			       : sim_user_oid(org, sys == SIM_SYS_CREATED_BY ? r->created_by
									     : r->modified_by);
	char id[19];

	switch (sys) {
	case SIM_SYS_ID:
	case SIM_SYS_CREATED_BY:
	case SIM_SYS_MODIFIED_BY:
		if (quoted) {
			sim_buf_id(b, org, oid);
		} else {
			sim_id_text(org, oid, id);
			sim_buf_add(o, id, 18);
		}
		break;
	case SIM_SYS_DELETED:
		sim_buf_str(o, r->deleted ? "true" : "false");
		break;
	case SIM_SYS_CREATED:
	case SIM_SYS_MODIFIED:
	case SIM_SYS_STAMP:
	case SIM_SYS_NO:
		if (quoted)
			sim_buf_ch(b, '"');
		sim_buf_datetime(b, ms);
		if (quoted)
			sim_buf_ch(b, '"');
		break;
	}
}

static void sim_out_num(
	struct sim_buf *b, const struct sim_org *org, const struct sim_field *f, struct sim_str s)
{
	if (f->type == SIM_T_INT || org->set.plain_doubles)
		sim_buf_s(b, s);
	else
		sim_num_java(b, s);
}

/* an org may write doubles another way in CSV than in JSON */
static void sim_out_csv_num(
	struct sim_buf *b, const struct sim_org *org, const struct sim_field *f, struct sim_str s)
{
	bool whole = !memchr(s.p, '.', s.len);

	switch (f->type == SIM_T_INT ? SIM_DOUBLES_PLAIN : (enum sim_doubles)org->set.csv_doubles) {
	case SIM_DOUBLES_SAME:
		sim_out_num(b, org, f, s);
		break;
	case SIM_DOUBLES_JAVA:
		sim_num_java(b, s);
		break;
	case SIM_DOUBLES_POINT:
	case SIM_DOUBLES_PLAIN:
		sim_buf_s(b, s);
		if (whole && f->type != SIM_T_INT && org->set.csv_doubles == SIM_DOUBLES_POINT)
			sim_buf_add(b, ".0", 2);
		break;
	}
}

static void sim_out_blob(struct sim_buf *b, const struct sim_org *org, const struct sim_object *obj,
	const struct sim_rec *r, const struct sim_field *f)
{
	char id[19];

	sim_id_text(org, r->oid, id);
	sim_buf_fmt(b, "\"/services/data/v60.0/sobjects/%s/%s/%s\"", obj->name, id, f->name);
}

void sim_value_out(struct sim_buf *b, const struct sim_org *org, const struct sim_object *obj,
	const struct sim_rec *r, const struct sim_field *f)
{
	struct sim_str s;
	uint64_t v = 0;
	bool dirty;

	if (f->sys) {
		sim_out_sys(b, org, r, f->sys, true);
		return;
	}
	if (f->nparts) {
		sim_out_compound(b, org, obj, r, f);
		return;
	}
	if (f->kept == SIM_K_NONE || !sim_rec_get(r, f->idx, &s, &dirty)) {
		sim_buf_str(b, f->kept == SIM_K_BOOL ? "false" : "null");
		return;
	}
	switch (f->kept) {
	case SIM_K_BOOL:
		sim_buf_str(b, "true");
		break;
	case SIM_K_NUM:
		sim_out_num(b, org, f, s);
		break;
	case SIM_K_REF:
		memcpy(&v, s.p, 8);
		sim_buf_id(b, org, v);
		break;
	case SIM_K_STAMP:
		memcpy(&v, s.p, 8);
		sim_buf_ch(b, '"');
		sim_buf_datetime(b, (int64_t)v);
		sim_buf_ch(b, '"');
		break;
	case SIM_K_TEXT:
	case SIM_K_NONE:
		if (f->type == SIM_T_BASE64)
			sim_out_blob(b, org, obj, r, f);
		else if (f->type == SIM_T_COMPLEX)
			sim_buf_s(b, s);
		else if (dirty)
			sim_buf_json(b, s);
		else
			sim_buf_clean(b, s);
		break;
	}
}

void sim_value_plain(struct sim_buf *b, const struct sim_org *org, const struct sim_rec *r,
	const struct sim_field *f)
{
	struct sim_str s;
	uint64_t v = 0;
	char id[19];

	if (f->sys) {
		sim_out_sys(b, org, r, f->sys, false);
		return;
	}
	if (f->kept == SIM_K_NONE || !sim_rec_get(r, f->idx, &s, NULL)) {
		if (f->kept == SIM_K_BOOL)
			sim_buf_str(b, "false");
		return;
	}
	switch (f->kept) {
	case SIM_K_BOOL:
		sim_buf_str(b, "true");
		break;
	case SIM_K_NUM:
		sim_out_csv_num(b, org, f, s);
		break;
	case SIM_K_REF:
		memcpy(&v, s.p, 8);
		sim_id_text(org, v, id);
		sim_buf_add(b, id, 18);
		break;
	case SIM_K_STAMP:
		memcpy(&v, s.p, 8);
		sim_buf_datetime(b, (int64_t)v);
		break;
	case SIM_K_TEXT:
	case SIM_K_NONE:
		sim_buf_s(b, s);
		break;
	}
}

static bool sim_cell_sys(const struct sim_rec *r, enum sim_sys sys, struct sim_cell *c)
{
	int64_t ms = 0;

	switch (sys) {
	case SIM_SYS_ID:
		*c = (struct sim_cell){.kept = SIM_K_REF, .i64 = (int64_t)r->oid};
		return true;
	case SIM_SYS_CREATED_BY:
	case SIM_SYS_MODIFIED_BY: /* serials; the caller knows the object */
		*c = (struct sim_cell){.kept = SIM_K_REF,
			.i64 = sys == SIM_SYS_CREATED_BY ? r->created_by : r->modified_by};
		return true;
	case SIM_SYS_DELETED:
		*c = (struct sim_cell){.kept = SIM_K_BOOL, .i64 = r->deleted != 0};
		return true;
	case SIM_SYS_CREATED:
		ms = r->created;
		break;
	case SIM_SYS_MODIFIED:
		ms = r->modified;
		break;
	case SIM_SYS_STAMP:
	case SIM_SYS_NO:
		ms = r->stamp;
		break;
	}
	/* whole seconds, as they are shown, so that a shown value finds its record */
	*c = (struct sim_cell){.kept = SIM_K_STAMP, .i64 = ms / 1000 * 1000};
	return true;
}

bool sim_value_cell(const struct sim_rec *r, const struct sim_field *f, struct sim_cell *ret)
{
	struct sim_str s;

	if (f->sys)
		return sim_cell_sys(r, f->sys, ret);
	*ret = (struct sim_cell){.kept = f->kept};
	if (f->kept == SIM_K_NONE)
		return false;
	if (!sim_rec_get(r, f->idx, &s, NULL))
		return f->kept == SIM_K_BOOL; /* false, not null */
	switch (f->kept) {
	case SIM_K_BOOL:
		ret->i64 = 1;
		break;
	case SIM_K_NUM:
		ret->num = sim_num_value(s);
		break;
	case SIM_K_REF:
	case SIM_K_STAMP:
		memcpy(&ret->i64, s.p, 8);
		break;
	case SIM_K_TEXT:
	case SIM_K_NONE:
		ret->s = s;
		break;
	}
	return true;
}
