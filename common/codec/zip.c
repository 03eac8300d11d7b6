#include "osy/zip.h"

#include <zip.h>

#include "osy/mem.h"

#include "osy/banned.h"

static enum osy_code fail(zip_error_t *error, struct osy_err *err)
{
	return osy_fail(
		err, OSY_E_INTERNAL, "a zip cannot be written: %s", zip_error_strerror(error));
}

static enum osy_code add_all(
	zip_t *zip, const struct osy_zip_file *files, size_t count, struct osy_err *err)
{
	for (size_t i = 0; i < count; i++) {
		zip_source_t *source = zip_source_buffer(
			zip, files[i].body.p ? files[i].body.p : "", files[i].body.len, 0);
		if (source && zip_file_add(zip, files[i].name, source, ZIP_FL_ENC_UTF_8) >= 0)
			continue;
		zip_source_free(source);
		return fail(zip_get_error(zip), err);
	}
	return OSY_OK;
}

static enum osy_code take(zip_source_t *source, struct osy_buf *out, struct osy_err *err)
{
	zip_stat_t stat;
	char part[8192];
	zip_int64_t n = 0;
	enum osy_code rc = OSY_OK;

	if (zip_source_stat(source, &stat) || zip_source_open(source))
		return fail(zip_source_error(source), err);
	while (!rc && (n = zip_source_read(source, part, sizeof(part))) > 0)
		rc = osy_buf_try(out, part, (size_t)n, err);
	if (!rc && n < 0)
		rc = fail(zip_source_error(source), err);
	zip_source_close(source);
	return rc;
}

enum osy_code osy_zip_write(
	const struct osy_zip_file *files, size_t count, struct osy_buf *out, struct osy_err *err)
{
	zip_error_t error;
	zip_error_init(&error);
	zip_source_t *source = zip_source_buffer_create(NULL, 0, 0, &error);
	zip_t *zip = source ? zip_open_from_source(source, ZIP_TRUNCATE, &error) : NULL;
	enum osy_code rc = zip ? OSY_OK : fail(&error, err);

	if (zip)
		zip_source_keep(source);
	if (!rc)
		rc = add_all(zip, files, count, err);
	if (!rc && zip_close(zip)) {
		rc = fail(zip_get_error(zip), err);
		zip_discard(zip);
	} else if (rc && zip) {
		zip_discard(zip);
	}
	if (!rc)
		rc = take(source, out, err);
	zip_source_free(source);
	zip_error_fini(&error);
	return rc;
}
