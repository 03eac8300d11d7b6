#include "osy/settings.h"

#include <stdlib.h>

#include "osy/mem.h"

#include "osy/banned.h"

enum { TEXT_BYTES = 4096, SECRET_BYTES = 16 * 1024, HELP_INDENT = 30 };

static const struct row {
	const char *flag, *env, *def, *help;
	size_t offset;
	int64_t min, max;
	enum osy_setting_type type;
	unsigned programs;
} rows[] = {
#define X(name, flag, env, type, def, min, max, programs, help)                               \
	{flag, env, def, help, offsetof(struct osy_settings, name), min, max, OSY_SET_##type, \
		programs},
	OSY_SETTINGS(X)
#undef X
};

/* Texts that are one of a few words. */
static const struct {
	const char *flag, *words[5];
} choices[] = {
	{"log-level", {"error", "warn", "info", "debug"}},
	{"log-format", {"auto", "json", "text"}},
};

/* Secrets that may lie in a file. */
static const struct {
	size_t secret, path;
} files[] = {
	{offsetof(struct osy_settings, secret_key), offsetof(struct osy_settings, secret_key_file)},
	{offsetof(struct osy_settings, api_token), offsetof(struct osy_settings, api_token_file)},
};

static void *field_at(struct osy_settings *settings, size_t offset)
{
	return (char *)settings + offset;
}

static const struct row *row_of(struct osy_str flag)
{
	for (size_t i = 0; i < OSY_COUNT(rows); i++)
		if (osy_str_is(flag, rows[i].flag))
			return &rows[i];
	return NULL;
}

static bool is_allowed(const struct row *row, struct osy_str value)
{
	for (size_t i = 0; i < OSY_COUNT(choices); i++) {
		if (strcmp(choices[i].flag, row->flag) != 0)
			continue;
		for (const char *const *word = choices[i].words; *word; word++)
			if (osy_str_is(value, *word))
				return true;
		return false;
	}
	return true;
}

static enum osy_code set_text(
	char **field, const struct row *row, struct osy_str value, struct osy_err *err)
{
	if (value.len > TEXT_BYTES)
		return osy_fail(
			err, OSY_E_TOO_BIG, "the value is longer than %d bytes", TEXT_BYTES);
	if (value.len && memchr(value.p, '\0', value.len))
		return osy_fail(err, OSY_E_INVALID, "the value contains a NUL byte");
	if (!is_allowed(row, value))
		return osy_fail(err, OSY_E_INVALID, "'%.*s' is not one of: %s",
			value.len > 40 ? 40 : (int)value.len, value.p, row->help);
	free(*field);
	*field = osy_xstrndup(value.p, value.len);
	return OSY_OK;
}

static enum osy_code set_secret(struct osy_secret *field, struct osy_str value, struct osy_err *err)
{
	if (value.len > SECRET_BYTES)
		return osy_fail(
			err, OSY_E_TOO_BIG, "the value is longer than %d bytes", SECRET_BYTES);
	osy_secret_set(field, value.len ? value.p : NULL, value.len);
	return OSY_OK;
}

static enum osy_code set_row(struct osy_settings *settings, const struct row *row,
	struct osy_str value, struct osy_err *err)
{
	void *field = field_at(settings, row->offset);

	switch (row->type) {
	case OSY_SET_TEXT:
		return set_text(field, row, value, err);
	case OSY_SET_INT:
		return osy_parse_i64(value, row->min, row->max, field, err);
	case OSY_SET_BOOL:
		return osy_parse_bool(value, field, err);
	case OSY_SET_SECRET:
		return set_secret(field, value, err);
	}
	OSY_BUG("setting %s has type %d", row->flag, (int)row->type);
}

static enum osy_code set_from(struct osy_settings *settings, const struct row *row,
	struct osy_str value, const char *origin, struct osy_err *err)
{
	if (set_row(settings, row, value, err))
		return osy_err_prefix(err, "%s: %s", origin, row->flag);
	return OSY_OK;
}

void osy_settings_init(struct osy_settings *settings)
{
	struct osy_err err;

	*settings = (struct osy_settings){0};
	for (size_t i = 0; i < OSY_COUNT(rows); i++)
		if (set_row(settings, &rows[i], osy_str(rows[i].def), &err))
			OSY_BUG("default of %s: %s", rows[i].flag, err.msg);
}

void osy_settings_done(struct osy_settings *settings)
{
	for (size_t i = 0; i < OSY_COUNT(rows); i++) {
		void *field = field_at(settings, rows[i].offset);

		if (rows[i].type == OSY_SET_TEXT)
			free(*(char **)field);
		else if (rows[i].type == OSY_SET_SECRET)
			osy_secret_done(field);
	}
	*settings = (struct osy_settings){0};
}

enum osy_code osy_settings_set(struct osy_settings *settings, struct osy_str flag,
	struct osy_str value, const char *origin, struct osy_err *err)
{
	const struct row *row = row_of(flag);

	if (!row)
		return osy_fail(err, OSY_E_INVALID, "%s: there is no setting '%.*s'", origin,
			flag.len > 60 ? 60 : (int)flag.len, flag.p);
	return set_from(settings, row, value, origin, err);
}

enum osy_code osy_settings_env(
	struct osy_settings *settings, enum osy_program program, struct osy_err *err)
{
	for (size_t i = 0; i < OSY_COUNT(rows); i++) {
		const char *value = getenv(rows[i].env);

		/* empty counts as not set: charts and compose files cannot leave a variable out */
		if (!(rows[i].programs & program) || !value || !*value)
			continue;
		if (set_from(settings, &rows[i], osy_str(value), rows[i].env, err))
			return err->code;
	}
	return OSY_OK;
}

/* The row of "--flag" or "--flag=value"; *ret_value is NULL when the value is not in the same word.
 */
static const struct row *row_of_arg(
	const char *arg, enum osy_program program, const char **ret_value)
{
	const char *equals = strchr(arg, '=');
	const struct row *row;

	if (strncmp(arg, "--", 2) != 0)
		return NULL;
	row = row_of(
		(struct osy_str){arg + 2, equals ? (size_t)(equals - arg) - 2 : strlen(arg + 2)});
	*ret_value = equals ? equals + 1 : NULL;
	return row && (row->programs & program) ? row : NULL;
}

enum osy_code osy_settings_args(struct osy_settings *settings, enum osy_program program, int *argc,
	char **argv, struct osy_err *err)
{
	int kept = *argc > 0 ? 1 : 0, i = kept;

	while (i < *argc && strcmp(argv[i], "--") != 0) {
		const char *value = NULL;
		const struct row *row = row_of_arg(argv[i], program, &value);

		if (!row) {
			argv[kept++] = argv[i++];
			continue;
		}
		i++;
		if (!value && row->type == OSY_SET_BOOL)
			value = "true";
		else if (!value && i < *argc)
			value = argv[i++];
		if (!value)
			return osy_fail(err, OSY_E_USAGE, "--%s needs a value", row->flag);
		if (set_from(settings, row, osy_str(value), "command line", err))
			return err->code;
	}
	while (i < *argc)
		argv[kept++] = argv[i++];
	argv[kept] = NULL;
	*argc = kept;
	return OSY_OK;
}

enum osy_code osy_settings_files(struct osy_settings *settings, struct osy_err *err)
{
	for (size_t i = 0; i < OSY_COUNT(files); i++) {
		struct osy_secret *secret = field_at(settings, files[i].secret);
		const char *path = *(char **)field_at(settings, files[i].path);

		if (osy_secret_is_set(secret) || !path || !*path)
			continue;
		if (osy_secret_read(secret, path, SECRET_BYTES, err))
			return err->code;
	}
	return OSY_OK;
}

void osy_settings_help(enum osy_program program, struct osy_buf *out)
{
	static const char *const kinds[] = {" TEXT", " N", "", " SECRET"};

	for (size_t i = 0; i < OSY_COUNT(rows); i++) {
		const struct row *row = &rows[i];
		size_t before = out->len, width;

		if (!(row->programs & program))
			continue;
		osy_buf_addf(out, "  --%s%s", row->flag, kinds[row->type]);
		width = out->len - before;
		osy_buf_addf(out, "%*s%s\n%*s",
			width < HELP_INDENT ? (int)(HELP_INDENT - width) : 1, "", row->help,
			HELP_INDENT, "");
		osy_buf_addf(out, "%s", row->env);
		if (*row->def)
			osy_buf_addf(out, ", default %s", row->def);
		if (row->type == OSY_SET_INT)
			osy_buf_addf(out, ", from %lld to %lld", (long long)row->min,
				(long long)row->max);
		osy_buf_addc(out, '\n');
	}
}
