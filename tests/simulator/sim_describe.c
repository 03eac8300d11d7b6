/* Describe: the shape of objects and fields, keys in alphabetical order as recorded. */
#include "sim_http.h"

static void sim_d_bool(struct sim_buf *b, const char *key, bool v)
{
	sim_buf_fmt(b, ",\"%s\":%s", key, v ? "true" : "false");
}

static void sim_d_str(struct sim_buf *b, const char *key, const char *v)
{
	sim_buf_fmt(b, ",\"%s\":", key);
	sim_buf_jstr(b, v);
}

static void sim_d_int(struct sim_buf *b, const char *key, int v)
{
	sim_buf_fmt(b, ",\"%s\":%d", key, v);
}

static void sim_d_picks(struct sim_buf *b, const struct sim_field *f)
{
	sim_buf_str(b, ",\"picklistValues\":[");
	for (int i = 0; i < f->npick; i++) {
		sim_buf_fmt(b, "%s{\"active\":%s,\"defaultValue\":%s,\"label\":", i ? "," : "",
			f->pick[i].active ? "true" : "false", f->pick[i].def ? "true" : "false");
		sim_buf_jstr(b, f->pick[i].label);
		sim_buf_str(b, ",\"validFor\":null,\"value\":");
		sim_buf_jstr(b, f->pick[i].value);
		sim_buf_ch(b, '}');
	}
	sim_buf_ch(b, ']');
}

static const char *sim_d_extra(const struct sim_field *f)
{
	if (f->type != SIM_T_TEXTAREA)
		return f->extra;
	return f->html ? "richtextarea" : "plaintextarea";
}

static void sim_d_field(struct sim_buf *b, const struct sim_object *o, const struct sim_field *f,
	bool audit_settable)
{
	const struct sim_type_info *t = &sim_types[f->type];
	bool big = (f->type == SIM_T_TEXTAREA && f->length > 255) || f->type == SIM_T_BASE64;
	bool compound = f->type == SIM_T_ADDRESS || f->type == SIM_T_LOCATION;
	bool must = !f->nillable && !f->defaulted;
	bool sys = f->sys || f->name_field || must;
	int len = t->text ? f->length : 0;
	bool id = f->type == SIM_T_ID || f->type == SIM_T_REFERENCE;

	(void)o;
	sim_buf_fmt(b, "{\"aggregatable\":%s,\"aiPredictionField\":false",
		big || compound || f->type == SIM_T_BOOLEAN ? "false" : "true");
	sim_d_bool(b, "autoNumber", f->auto_number);
	sim_d_int(b, "byteLength", id ? len : len * 3);
	sim_d_bool(b, "calculated", f->calculated);
	sim_d_str(b, "calculatedFormula", f->formula);
	sim_d_bool(b, "cascadeDelete", f->cascade_shown || f->master);
	sim_d_bool(b, "caseSensitive", f->case_sensitive);
	sim_d_str(b, "compoundFieldName", f->compound);
	sim_d_str(b, "controllerName", f->controller);
	sim_d_bool(b, "createable",
		(f->createable && !f->read_only) || (audit_settable && f->sys >= SIM_SYS_CREATED &&
							    f->sys <= SIM_SYS_MODIFIED_BY));
	sim_d_bool(b, "custom", f->custom);
	if (f->type == SIM_T_BOOLEAN)
		sim_d_bool(b, "defaultValue", f->default_true);
	else
		sim_d_str(b, "defaultValue", NULL);
	sim_d_str(b, "defaultValueFormula", NULL);
	sim_d_bool(b, "defaultedOnCreate", f->defaulted);
	sim_d_bool(b, "dependentPicklist", f->controller != NULL);
	sim_d_bool(b, "deprecatedAndHidden", false);
	sim_d_int(b, "digits", f->digits);
	sim_d_bool(b, "displayLocationInDecimal", f->type == SIM_T_LOCATION);
	sim_d_bool(b, "encrypted", false);
	sim_d_bool(b, "externalId", f->external_id);
	sim_d_str(b, "extraTypeInfo", sim_d_extra(f));
	sim_d_bool(b, "filterable", !big && !f->no_filter);
	sim_d_str(b, "filteredLookupInfo", NULL);
	sim_d_bool(b, "formulaTreatNullNumberAsZero", f->calculated && t->number);
	sim_d_bool(b, "groupable", t->groupable && !big && !f->calculated);
	sim_d_bool(b, "highScaleNumber", false);
	sim_d_bool(b, "htmlFormatted", f->html);
	sim_d_bool(b, "idLookup", f->id_lookup);
	sim_d_str(b, "inlineHelpText", NULL);
	sim_d_str(b, "label", f->label);
	sim_d_int(b, "length", len);
	sim_d_str(b, "mask", NULL);
	sim_d_str(b, "maskType", NULL);
	sim_d_str(b, "name", f->name);
	sim_d_bool(b, "nameField", f->name_field);
	sim_d_bool(b, "namePointing", f->polymorphic);
	sim_d_bool(b, "nillable", f->nillable);
	sim_d_bool(b, "permissionable",
		!sys && !f->no_perm &&
			(f->createable || f->updateable || f->calculated || f->nparts));
	sim_d_picks(b, f);
	sim_d_bool(b, "polymorphicForeignKey", f->polymorphic);
	sim_d_int(b, "precision", f->precision);
	sim_d_bool(b, "queryByDistance", compound);
	sim_d_str(b, "referenceTargetField", NULL);
	sim_buf_str(b, ",\"referenceTo\":[");
	for (int i = 0; i < f->nref; i++)
		sim_buf_fmt(b, "%s\"%s\"", i ? "," : "", f->ref_to[i]);
	sim_buf_ch(b, ']');
	sim_d_str(b, "relationshipName", f->rel_name);
	sim_buf_str(b, f->master ? ",\"relationshipOrder\":0" : ",\"relationshipOrder\":null");
	sim_d_bool(b, "restrictedDelete", f->restrict_delete && f->custom);
	sim_d_bool(b, "restrictedPicklist", f->restricted);
	sim_d_int(b, "scale", f->scale);
	sim_d_bool(b, "searchPrefilterable", f->type == SIM_T_REFERENCE);
	sim_d_str(b, "soapType", t->soap);
	sim_d_bool(b, "sortable", t->sortable && !big);
	sim_d_str(b, "type", t->name);
	sim_d_bool(b, "unique", f->unique);
	sim_d_bool(b, "updateable", f->updateable && !f->read_only);
	sim_d_bool(b, "writeRequiresMasterRead", false);
	sim_buf_ch(b, '}');
}

static void sim_d_children(struct sim_buf *b, const struct sim_object *o)
{
	sim_buf_str(b, ",\"childRelationships\":[");
	for (int i = 0; i < o->ninbound; i++) {
		const struct sim_field *f = o->inbound[i].field;

		sim_buf_fmt(b,
			"%s{\"cascadeDelete\":%s,\"childSObject\":\"%s\",\"deprecatedAndHidden\":"
			"false,\"field\":\"%s\","
			"\"junctionIdListNames\":[],\"junctionReferenceTo\":[],"
			"\"relationshipName\":",
			i ? "," : "", f->cascade || f->master ? "true" : "false",
			o->inbound[i].obj->name, f->name);
		sim_buf_jstr(b, f->child_rel);
		sim_buf_fmt(b, ",\"restrictedDelete\":%s}", f->restrict_delete ? "true" : "false");
	}
	sim_buf_ch(b, ']');
}

static void sim_d_record_type(struct sim_buf *b, const struct sim_object *o, const char *version,
	const char *id, struct sim_str name, struct sim_str dev, bool active, bool master, bool def)
{
	sim_buf_fmt(b,
		"{\"active\":%s,\"available\":%s,\"defaultRecordTypeMapping\":%s,"
		"\"developerName\":",
		active ? "true" : "false", active ? "true" : "false", def ? "true" : "false");
	sim_buf_json(b, dev);
	sim_buf_fmt(b, ",\"master\":%s,\"name\":", master ? "true" : "false");
	sim_buf_json(b, name);
	sim_buf_fmt(b,
		",\"recordTypeId\":\"%s\",\"urls\":{\"layout\":\"/services/data/%s/sobjects/%s/"
		"describe/layouts/"
		"%s\"}}",
		id, version, o->name, id);
}

static void sim_d_record_types(struct sim_buf *b, const struct sim_org *org,
	const struct sim_object *o, const char *version)
{
	struct sim_object *rt = sim_object_find(org, SIM_S("RecordType"));
	const struct sim_field *type = sim_field_named(rt, "SobjectType");
	bool def = true;

	sim_buf_str(b, ",\"recordTypeInfos\":[");
	for (uint64_t s = 1; s <= rt->store->top; s++) {
		const struct sim_rec *r = sim_store_get(rt->store, s);
		struct sim_str of = {NULL, 0}, name = {NULL, 0}, dev = {NULL, 0}, active;
		char id[19];

		if (!r || r->deleted || !sim_rec_get(r, type->idx, &of, NULL) ||
			!sim_is(of, o->name))
			continue;
		sim_rec_get(r, sim_field_named(rt, "Name")->idx, &name, NULL);
		sim_rec_get(r, sim_field_named(rt, "DeveloperName")->idx, &dev, NULL);
		sim_id_text(org, r->oid, id);
		sim_d_record_type(b, o, version, id, name, dev,
			sim_rec_get(r, sim_field_named(rt, "IsActive")->idx, &active, NULL), false,
			def);
		sim_buf_ch(b, ',');
		def = false;
	}
	sim_d_record_type(b, o, version, "012000000000000AAA", SIM_S("Master"), SIM_S("Master"),
		true, true, def);
	sim_buf_ch(b, ']');
}

static void sim_d_urls(struct sim_buf *b, const struct sim_object *o, const char *v, bool full)
{
	sim_buf_fmt(b,
		",\"urls\":{\"rowTemplate\":\"/services/data/%s/sobjects/%s/{ID}\",\"describe\":\"/"
		"services/data/%s/"
		"sobjects/%s/describe\",\"sobject\":\"/services/data/%s/sobjects/%s\"",
		v, o->name, v, o->name, v, o->name);
	if (full)
		sim_buf_fmt(b, ",\"layouts\":\"/services/data/%s/sobjects/%s/describe/layouts\"", v,
			o->name);
	sim_buf_ch(b, '}');
}

static void sim_d_object_head(struct sim_buf *b, const struct sim_object *o, bool full)
{
	sim_buf_str(b, full ? "{\"actionOverrides\":[],\"activateable\":false"
			    : "{\"activateable\":false");
	sim_d_str(b, "associateEntityType", NULL);
	sim_d_str(b, "associateParentEntity", NULL);
	if (full) {
		sim_d_children(b, o);
		sim_d_bool(b, "compactLayoutable", true);
	}
	sim_d_bool(b, "createable", o->createable);
	sim_d_bool(b, "custom", o->custom);
	sim_d_bool(b, "customSetting", false);
	sim_d_bool(b, "deepCloneable", false);
	if (full)
		sim_d_str(b, "defaultImplementation", NULL);
	sim_d_bool(b, "deletable", o->deletable);
	sim_d_bool(b, "deprecatedAndHidden", false);
	if (full) {
		sim_d_str(b, "extendedBy", NULL);
		sim_d_str(b, "extendsInterfaces", NULL);
	}
	sim_d_bool(b, "feedEnabled", !o->custom);
}

static void sim_d_object_tail(struct sim_buf *b, const struct sim_object *o, bool full)
{
	sim_d_bool(b, "hasSubtypes", false);
	if (full) {
		sim_d_str(b, "implementedBy", NULL);
		sim_d_str(b, "implementsInterfaces", NULL);
	}
	sim_d_bool(b, "isInterface", false);
	sim_d_bool(b, "isSubtype", false);
	sim_d_str(b, "keyPrefix", o->prefix);
	sim_d_str(b, "label", o->label);
	sim_d_str(b, "labelPlural", o->plural ? o->plural : o->label);
	sim_d_bool(b, "layoutable", !o->setup);
	if (full) {
		sim_d_str(b, "listviewable", NULL);
		sim_d_str(b, "lookupLayoutable", NULL);
	}
	sim_d_bool(b, "mergeable",
		!strcmp(o->name, "Account") || !strcmp(o->name, "Contact") ||
			!strcmp(o->name, "Lead"));
	sim_d_bool(b, "mruEnabled", !o->setup);
	sim_d_str(b, "name", o->name);
	if (full) {
		sim_buf_str(b, ",\"namedLayoutInfos\":[]");
		sim_d_str(b, "networkScopeFieldName", NULL);
	}
	sim_d_bool(b, "queryable", o->queryable);
}

static void sim_d_object_end(
	struct sim_buf *b, const struct sim_object *o, const char *version, bool full)
{
	sim_d_bool(b, "replicateable", o->replicateable);
	sim_d_bool(b, "retrieveable", true);
	if (full)
		sim_d_bool(b, "searchLayoutable", !o->setup);
	sim_d_bool(b, "searchable", true);
	if (full)
		sim_buf_str(b, ",\"sobjectDescribeOption\":\"FULL\",\"supportedScopes\":[{"
			       "\"label\":\"All records\","
			       "\"name\":\"everything\"}]");
	sim_d_bool(b, "triggerable", !o->setup);
	sim_d_bool(b, "undeletable", o->undeletable);
	sim_d_bool(b, "updateable", o->updateable);
	sim_d_urls(b, o, version, full);
	sim_buf_ch(b, '}');
}

/* RFC 1123, for Last-Modified */
static void sim_http_date(char *out, size_t size, int64_t ms)
{
	static const char *const day[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
	static const char *const mon[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	int64_t sec = ms / 1000, days = sec / 86400;
	int y, m, d, r = (int)(sec % 86400);

	sim_civil(days, &y, &m, &d);
	snprintf(out, size, "%s, %02d %s %04d %02d:%02d:%02d GMT", day[days % 7], d, mon[m - 1], y,
		r / 3600, r / 60 % 60, r % 60);
}

bool sim_http_time(struct sim_str s, int64_t *ret_s)
{
	static const char *const mon = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int d, y, h, mi, sec;
	char m[4];

	if (!s.len || sscanf(s.p, "%*3s, %d %3s %d %d:%d:%d", &d, m, &y, &h, &mi, &sec) != 6 ||
		!strstr(mon, m))
		return false;
	*ret_s = sim_days(y, (int)(strstr(mon, m) - mon) / 3 + 1, d) * 86400 + h * 3600 + mi * 60 +
		 sec;
	return true;
}

static bool sim_not_modified(struct sim_req *req, struct sim_resp *resp, int64_t changed)
{
	int64_t since_s;
	char date[64];

	sim_http_date(date, sizeof(date), changed);
	sim_resp_header(resp, "Last-Modified", "%s", date);
	sim_resp_header(resp, "ETag", "\"%08llx\"", (unsigned long long)(changed & 0xFFFFFFFF));
	if (!sim_http_time(req->header[SIM_H_SINCE], &since_s) || changed / 1000 > since_s)
		return false;
	resp->status = 304;
	return true;
}

void sim_describe(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_object *o = sim_req_object(req, resp, req->part[0]);
	struct sim_buf *b = &resp->body;
	bool first = true;

	if (!o || sim_not_modified(req, resp, o->changed_ms))
		return;
	pthread_rwlock_rdlock(&req->org->db);
	sim_d_object_head(b, o, true);
	sim_buf_str(b, ",\"fields\":[");
	for (unsigned i = 0; i < o->nfields; i++) {
		if (o->field[i]->hidden)
			continue;
		if (!first)
			sim_buf_ch(b, ',');
		first = false;
		sim_d_field(b, o, o->field[i], req->org->set.audit_fields);
	}
	sim_buf_ch(b, ']');
	sim_d_object_tail(b, o, true);
	sim_d_record_types(b, req->org, o, req->version);
	sim_d_object_end(b, o, req->version, true);
	pthread_rwlock_unlock(&req->org->db);
}

static void sim_d_entry(struct sim_buf *b, const struct sim_object *o, const char *version)
{
	sim_d_object_head(b, o, false);
	sim_d_object_tail(b, o, false);
	sim_d_object_end(b, o, version, false);
}

void sim_global_describe(struct sim_req *req, struct sim_resp *resp)
{
	int64_t changed = 0;
	bool first = true;

	for (unsigned i = 0; i < req->org->nobjects; i++)
		if (req->org->object[i]->changed_ms > changed)
			changed = req->org->object[i]->changed_ms;
	if (sim_not_modified(req, resp, changed))
		return;
	sim_buf_str(&resp->body, "{\"encoding\":\"UTF-8\",\"maxBatchSize\":200,\"sobjects\":[");
	for (unsigned i = 0; i < req->org->nobjects; i++) {
		if (req->org->object[i]->tooling || req->org->object[i]->hidden)
			continue;
		if (!first)
			sim_buf_ch(&resp->body, ',');
		first = false;
		sim_d_entry(&resp->body, req->org->object[i], req->version);
	}
	sim_buf_str(&resp->body, "]}");
}

void sim_object_basic(struct sim_req *req, struct sim_resp *resp)
{
	struct sim_object *o = sim_req_object(req, resp, req->part[0]);

	if (!o)
		return;
	sim_buf_str(&resp->body, "{\"objectDescribe\":");
	sim_d_entry(&resp->body, o, req->version);
	sim_buf_str(&resp->body, ",\"recentItems\":[]}");
}

void sim_versions(struct sim_req *req, struct sim_resp *resp)
{
	static const char *const season[] = {"Winter", "Spring", "Summer"};

	(void)req;
	for (int v = 31; v <= 66; v++) /* v31 was Summer '14; Winter carries the next year */
		sim_buf_fmt(&resp->body,
			"%s{\"label\":\"%s "
			"'%02d\",\"url\":\"/services/data/v%d.0\",\"version\":\"%d.0\"}",
			v == 31 ? "[" : ",", season[(v - 31 + 2) % 3], 14 + (v - 31 + 2) / 3, v, v);
	sim_buf_ch(&resp->body, ']');
}

void sim_resources(struct sim_req *req, struct sim_resp *resp)
{
	static const char *const names[] = {"tooling", "query", "queryAll", "sobjects", "composite",
		"jobs", "limits", "metadata"};

	for (size_t i = 0; i < SIM_COUNT(names); i++)
		sim_buf_fmt(&resp->body, "%s\"%s\":\"/services/data/%s/%s\"", i ? "," : "{",
			names[i], req->version, names[i]);
	sim_buf_fmt(&resp->body, ",\"identity\":\"http://127.0.0.1:%d/id/%s\"}", req->org->port,
		req->org->id);
}
