#include "osy/settings_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "osy/mem.h"
#include "osy/yaml.h"

#define DEFAULT_FILE "orgsync.yaml"
#define MAX_FILE_BYTES (1024u * 1024)

static enum osy_code read_file(const char *path, struct osy_buf *out, struct osy_err *err)
{
	char chunk[8192];
	size_t n;
	FILE *file = fopen(path, "re");

	if (!file)
		return osy_fail(err, OSY_E_USAGE, "cannot open the settings file %s: %m", path);
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0) {
		enum osy_code rc = osy_buf_try(out, chunk, n, err);
		if (rc) {
			fclose(file);
			return osy_err_prefix(err, "%s", path);
		}
	}
	fclose(file);
	return OSY_OK;
}

static enum osy_code take_pair(struct osy_settings *settings, const char *path, unsigned line,
	struct osy_str key, const struct osy_json *value, struct osy_err *err)
{
	char origin[512];
	struct osy_str text = osy_json_str(value);

	snprintf(origin, sizeof(origin), "%s:%u", path, line);
	switch (osy_json_type(value)) {
	case OSY_JSON_STRING:
		break;
	case OSY_JSON_INT:
		text = osy_json_number(value);
		break;
	case OSY_JSON_BOOL:
		text = osy_json_bool(value, false) ? OSY_STR("true") : OSY_STR("false");
		break;
	case OSY_JSON_NULL:
	case OSY_JSON_NUMBER:
	case OSY_JSON_ARRAY:
	case OSY_JSON_OBJECT:
	default:
		return osy_fail(err, OSY_E_USAGE,
			"%s: %.*s must be a text, a whole number, true or false", origin,
			(int)key.len, key.p);
	}
	return osy_settings_set(settings, key, text, origin, err);
}

static enum osy_code load_file(struct osy_settings *settings, const char *path, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(MAX_FILE_BYTES);
	OSY_AUTO(osy_yaml_free_at) struct osy_yaml *yaml = NULL;
	enum osy_code rc = read_file(path, &text, err);

	if (!rc)
		rc = osy_yaml_parse(osy_buf_str(&text), path, &yaml, err);
	if (rc)
		return rc;
	const struct osy_json *root = osy_yaml_root(yaml);
	if (osy_json_type(root) == OSY_JSON_NULL)
		return OSY_OK;
	if (osy_json_type(root) != OSY_JSON_OBJECT)
		return osy_fail(err, OSY_E_USAGE, "%s must hold `setting: value` lines", path);
	struct osy_str key;
	struct osy_json *value;
	for (size_t i = 0; !rc && osy_json_member(root, i, &key, &value); i++) {
		OSY_AUTO_FREE char *name = osy_xstrndup(key.p, key.len);
		rc = take_pair(settings, path, osy_yaml_line(yaml, root, name, i), key, value, err);
	}
	return rc;
}

/* Takes "--config FILE" or "--config=FILE" out of argv; NULL when it is not there. */
static const char *take_config(int *argc, char **argv)
{
	for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
		int taken = 0;
		const char *path = NULL;
		if (strncmp(argv[i], "--config=", 9) == 0) {
			path = argv[i] + 9;
			taken = 1;
		} else if (strcmp(argv[i], "--config") == 0 && i + 1 < *argc) {
			path = argv[i + 1];
			taken = 2;
		}
		if (taken) {
			for (int j = i; j + taken <= *argc; j++)
				argv[j] = argv[j + taken];
			*argc -= taken;
			return path;
		}
	}
	return NULL;
}

enum osy_code osy_settings_load(struct osy_settings *settings, enum osy_program program, int *argc,
	char **argv, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	osy_settings_init(settings);
	const char *path = take_config(argc, argv);
	if (path || access(DEFAULT_FILE, R_OK) == 0)
		rc = load_file(settings, path ? path : DEFAULT_FILE, err);
	if (!rc)
		rc = osy_settings_env(settings, program, err);
	if (!rc)
		rc = osy_settings_args(settings, program, argc, argv, err);
	if (!rc)
		rc = osy_settings_files(settings, err);
	return rc;
}
