/*
 * Deployments: triggers and duplicate rules, a package a kind. A deployment is asynchronous; its id
 * is recorded as soon as it is known. Where the package as a whole is refused on the way back, each
 * component is tried by itself.
 */
#include <stdio.h>
#include <stdlib.h>

#include "automation_internal.h"
#include "osy/clock.h"
#include "osy/json_write.h"
#include "osy/log.h"
#include "osy/zip.h"

#define METADATA_NS "http://soap.sforce.com/2006/04/metadata"
#define ZIP_BYTES (39u << 20)
#define BOUNDARY "orgsync-c0de5a17b4d1"
#define LOOK_FIRST_MS 250
#define LOOK_MOST_MS 15000

/* ---- The package ---- */
static void write_head(struct osy_buf *out, const char *root)
{
	osy_buf_addf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s xmlns=\"%s\">", root,
		METADATA_NS);
}

static void write_package(struct auto_switch **items, size_t count, struct osy_buf *out)
{
	write_head(out, "Package");
	osy_buf_addz(out, "<types>");
	for (size_t i = 0; i < count; i++) {
		osy_buf_addz(out, "<members>");
		osy_xml_escape(osy_str(items[i]->name), out);
		osy_buf_addz(out, "</members>");
	}
	osy_buf_addf(out, "<name>%s</name></types><version>%s</version></Package>",
		auto_kind_type(items[0]->kind), OSY_SF_API_VERSION);
}

static void put_element(struct osy_buf *out, const char *name, const struct osy_json *value)
{
	struct osy_str text = osy_json_type(value) == OSY_JSON_STRING ? osy_json_str(value)
								      : osy_json_number(value);

	if (!text.p)
		return;
	osy_buf_addf(out, "<%s>", name);
	osy_xml_escape(text, out);
	osy_buf_addf(out, "</%s>", name);
}

static void write_trigger_meta(const struct osy_json *record, bool on, struct osy_buf *out)
{
	static const char *const parts[] = {"majorNumber", "minorNumber", "namespace"};
	const struct osy_json *metadata = osy_json_get(record, "Metadata");
	const struct osy_json *packages = osy_json_get(metadata, "packageVersions");
	const struct osy_json *version = osy_json_get(metadata, "apiVersion");

	write_head(out, "ApexTrigger");
	put_element(out, "apiVersion", version ? version : osy_json_get(record, "ApiVersion"));
	for (size_t i = 0; i < osy_json_count(packages); i++) {
		osy_buf_addz(out, "<packageVersions>");
		for (size_t k = 0; k < OSY_COUNT(parts); k++)
			put_element(
				out, parts[k], osy_json_get(osy_json_at(packages, i), parts[k]));
		osy_buf_addz(out, "</packageVersions>");
	}
	osy_buf_addf(out, "<status>%s</status></ApexTrigger>", on ? "Active" : "Inactive");
}

static struct osy_zip_file file_of(
	struct auto_work *work, const char *format, const char *name, struct osy_str body)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(2048);
	const char *mark = strchr(format, '*');

	osy_buf_addf(&path, "%.*s%s%s", (int)(mark - format), format, name, mark + 1);
	return (struct osy_zip_file){
		auto_keep(work, osy_buf_str(&path)), osy_str(auto_keep(work, body))};
}

static enum osy_code add_trigger(struct auto_work *work, const struct auto_switch *item, bool on,
	struct osy_zip_file *files, size_t *count, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *record = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf meta = OSY_BUF(1u << 20);
	enum osy_code rc = osy_json_parse(osy_str(item->now), item->name, &record, err);

	if (rc)
		return rc;
	write_trigger_meta(record, on, &meta);
	files[(*count)++] =
		file_of(work, "triggers/*.trigger", item->name, osy_json_get_str(record, "Body"));
	files[(*count)++] =
		file_of(work, "triggers/*.trigger-meta.xml", item->name, osy_buf_str(&meta));
	return OSY_OK;
}

static enum osy_code add_duplicate(struct auto_work *work, const struct auto_switch *item, bool on,
	struct osy_zip_file *files, size_t *count, struct osy_err *err)
{
	OSY_AUTO(osy_xml_free_at) struct osy_xml *xml = NULL;
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(16u << 20);
	enum osy_code rc = osy_xml_parse(osy_str(item->now), item->name, &xml, err);

	if (rc)
		return rc;
	osy_xml_set_text(osy_xml_child(osy_xml_root(xml), "isActive"), on ? "true" : "false");
	rc = osy_xml_write_as(osy_xml_root(xml), "DuplicateRule", METADATA_NS, NULL, &text, err);
	if (!rc)
		files[(*count)++] = file_of(
			work, "duplicateRules/*.duplicateRule", item->name, osy_buf_str(&text));
	return rc;
}

static enum osy_code pack(struct auto_work *work, struct auto_switch **items, size_t count, bool on,
	struct osy_buf *out, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf package = OSY_BUF(16u << 20);
	OSY_AUTO_FREE struct osy_zip_file *files = osy_xcalloc(2 * count + 1, sizeof(*files));
	size_t file_count = 0;
	enum osy_code rc = OSY_OK;

	write_package(items, count, &package);
	files[file_count++] = (struct osy_zip_file){"package.xml", osy_buf_str(&package)};
	for (size_t i = 0; !rc && i < count; i++)
		rc = items[i]->kind == AUTO_TRIGGER
			     ? add_trigger(work, items[i], on, files, &file_count, err)
			     : add_duplicate(work, items[i], on, files, &file_count, err);
	return rc ? rc : osy_zip_write(files, file_count, out, err);
}

/* ---- The calls ---- */
static enum osy_code post(
	struct auto_work *work, struct osy_str zip, char ret_id[19], struct osy_err *err)
{
	OSY_AUTO(osy_buf_done)
	struct osy_buf body = OSY_BUF(ZIP_BYTES + 4096), reply = OSY_BUF(1u << 20);
	OSY_AUTO(osy_json_free_at) struct osy_json *json = NULL;

	/* no test level: the org's own, which is none but where Apex goes into production */
	osy_buf_addz(&body, "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"json\"\r\n"
			    "Content-Type: application/json\r\n\r\n{\"deployOptions\":{"
			    "\"rollbackOnError\":true,\"singlePackage\":true}}\r\n--" BOUNDARY
			    "\r\nContent-Disposition: form-data; name=\"file\"; "
			    "filename=\"deploy.zip\"\r\nContent-Type: application/zip\r\n\r\n");
	osy_buf_add_str(&body, zip);
	osy_buf_addz(&body, "\r\n--" BOUNDARY "--\r\n");
	const struct osy_sf_request request = {.method = "POST",
		.path = OSY_STR("metadata/deployRequest"),
		.body = osy_buf_str(&body),
		.content_type = "multipart/form-data; boundary=" BOUNDARY};
	enum osy_code rc = osy_sf_run(work->drive->target, &request, &reply, err);
	if (!rc)
		rc = osy_json_parse(osy_buf_str(&reply), "the reply of deployRequest", &json, err);
	struct osy_str id = osy_json_get_str(json, "id");
	if (!rc && (id.len < 15 || id.len > 18))
		rc = osy_fail(err, OSY_E_NO_REPLY, "org '%s' does not tell a deployment's id",
			work->drive->target_name);
	if (!rc)
		(void)snprintf(ret_id, 19, "%.*s", (int)id.len, id.p);
	return rc;
}

/* "true" as text is true as well: the guide prints it so. */
static bool flag(const struct osy_json *json, const char *key)
{
	return osy_json_get_bool(json, key, false) ||
	       osy_str_is(osy_json_get_str(json, key), "true");
}

static void tell_why(const struct osy_json *result, struct osy_buf *out)
{
	const struct osy_json *details = osy_json_get(result, "details");
	const struct osy_json *part = osy_json_at(osy_json_get(details, "componentFailures"), 0);
	const struct osy_json *tests = osy_json_get(details, "runTestResult");
	const struct osy_json *test;

	if (!tests)
		tests = osy_json_get(details, "runTestResults");
	test = osy_json_at(osy_json_get(tests, "failures"), 0);
	struct osy_str what = part   ? osy_json_get_str(part, "problem")
			      : test ? osy_json_get_str(test, "message")
				     : osy_json_get_str(result, "errorMessage");
	struct osy_str name = osy_json_get_str(test, "name");
	if (!part && test)
		osy_buf_addf(out, "test %.*s failed: ", (int)(name.len < 80 ? name.len : 80),
			name.len ? name.p : "");
	osy_buf_addf(out, "%.*s", (int)(what.len < 500 ? what.len : 500),
		what.len ? what.p : "the deployment failed and the org does not say why");
}

/* Until it is done. why stays empty when it has succeeded. */
static enum osy_code follow(
	struct auto_work *work, const char *id, struct osy_buf *why, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(256);
	int64_t pause = LOOK_FIRST_MS;

	osy_buf_addf(&path, "metadata/deployRequest/%s?includeDetails=true", id);
	for (;;) {
		OSY_AUTO(osy_json_free_at) struct osy_json *json = NULL;
		enum osy_code rc = osy_sf_get(work->drive->target, path.p, &json, err);
		const struct osy_json *result = osy_json_get(json, "deployResult");
		if (rc)
			return rc;
		if (flag(result, "done")) {
			if (!flag(result, "success"))
				tell_why(result, why);
			return OSY_OK;
		}
		for (int64_t until = osy_mono_ms() + pause; !rc && osy_mono_ms() < until;)
			rc = osy_drive_wait(work->drive, 200, err);
		if (!rc)
			rc = osy_drive_load(work->drive, err);
		if (rc)
			return rc;
		pause = pause * 2 < LOOK_MOST_MS ? pause * 2 : LOOK_MOST_MS;
	}
}

/* ---- All of one package ---- */
static enum osy_code settle(struct auto_work *work, struct auto_switch **items, size_t count,
	bool on, const struct osy_buf *why, struct osy_err *err)
{
	for (size_t i = 0; i < count; i++) {
		bool edited = on && auto_edited(items[i]);
		items[i]->deploy[0] = 0;
		if (why->len)
			auto_set(work, items[i], on ? AUTO_OFF : AUTO_REFUSED, "%s", why->p);
		else
			auto_set(work, items[i], on ? AUTO_BACK : AUTO_OFF, edited ? "%s" : NULL,
				"somebody has edited it meanwhile; the edit is kept");
	}
	return auto_save(work, err);
}

static enum osy_code deploy_one_kind(struct auto_work *work, struct auto_switch **items,
	size_t count, bool on, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf zip = OSY_BUF(ZIP_BYTES), why = OSY_BUF(4096);
	char id[19] = "";
	enum osy_code rc = pack(work, items, count, on, &zip, err);

	if (!rc)
		rc = post(work, osy_buf_str(&zip), id, err);
	if (rc == OSY_E_SALESFORCE && err->cls != OSY_RETRY) {
		osy_buf_addf(&why, "%.400s", err->msg);
		*err = OSY_ERR_NONE;
		return settle(work, items, count, on, &why, err);
	}
	for (size_t i = 0; !rc && i < count; i++) {
		memcpy(items[i]->deploy, id, sizeof(id));
		items[i]->changed = true;
	}
	if (!rc)
		rc = auto_save(work, err);
	if (!rc)
		rc = follow(work, id, &why, err);
	if (rc)
		return rc;
	osy_log(OSY_INFO, "automation.deployed", OSY_KV("run", work->drive->run),
		OSY_KV("deployment", id), OSY_KV_INT("components", count));
	if (!why.len || !on || count == 1)
		return settle(work, items, count, on, &why, err);
	for (size_t i = 0; !rc && i < count; i++)
		rc = deploy_one_kind(work, items + i, 1, on, err);
	return rc;
}

enum osy_code auto_deploy(struct auto_work *work, struct auto_switch **items, size_t count, bool on,
	struct osy_err *err)
{
	OSY_AUTO_FREE struct auto_switch **some =
		osy_xcalloc(count + 1, sizeof(struct auto_switch *));
	enum osy_code rc = OSY_OK;

	for (int kind = 0; !rc && kind < AUTO_KIND_COUNT; kind++) {
		size_t n = 0;
		for (size_t i = 0; i < count; i++) {
			if (items[i]->kind == (enum auto_kind)kind)
				some[n++] = items[i];
		}
		if (n)
			rc = deploy_one_kind(work, some, n, on, err);
	}
	return rc;
}

enum osy_code auto_deploys_end(struct auto_work *work, struct osy_err *err)
{
	char last[19] = "";
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; !rc && i < work->count; i++) {
		struct auto_switch *item = &work->items[i];
		OSY_AUTO(osy_buf_done) struct osy_buf ignored = OSY_BUF(4096);
		if (!item->deploy[0])
			continue;
		if (strcmp(last, item->deploy) != 0)
			rc = follow(work, item->deploy, &ignored, err);
		if (rc == OSY_E_SALESFORCE && strstr(err->origin, "NOT_FOUND")) {
			rc = OSY_OK; /* the org has forgotten it: it has ended */
			*err = OSY_ERR_NONE;
		}
		memcpy(last, item->deploy, sizeof(last));
	}
	return rc;
}
