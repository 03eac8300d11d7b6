/* init: a settings file and a key, for a new installation */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "osy/clock.h"
#include "osy/crypt.h"
#include "osy/mem.h"
#include "osy/banned.h"

#define FILE_NAME "orgsync.yaml"
#define KEY_NAME "secret.key"
#define KEY_BYTES 32

static const struct row {
	const char *flag, *def, *help;
	unsigned programs;
} rows[] = {
#define X(name, flag, env, type, def, min, max, programs, help) {flag, def, help, programs},
	OSY_SETTINGS(X)
#undef X
};

/* Every setting of the servers with what it is without the file. */
static void write_settings(struct osy_buf *out)
{
	osy_buf_addz(out,
		"# Written by `orgsync init`. Coordinator and worker read it in the "
		"folder that they are started in, or by --config;\n# environment and flags "
		"go before it. What is set here is recommended; the rest is as it is "
		"without this file.\n");
	for (size_t i = 0; i < OSY_COUNT(rows); i++) {
		const struct row *row = &rows[i];
		bool is_key = strcmp(row->flag, "secret-key-file") == 0,
		     is_token = strcmp(row->flag, "bootstrap-token-file") == 0;
		if (!(row->programs & OSY_SERVERS) || strcmp(row->flag, "secret-key") == 0)
			continue;
		osy_buf_addf(out, "\n# %s\n", row->help);
		if (is_key || is_token)
			osy_buf_addf(out, "%s: %s\n", row->flag, is_key ? KEY_NAME : "admin.token");
		else
			osy_buf_addf(out, "#%s:%s%s\n", row->flag, *row->def ? " " : "", row->def);
	}
}

/* Never over a file that is there. */
static enum osy_code write_new(
	const char *path, mode_t mode, struct osy_str text, struct osy_err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file) {
		if (errno == EEXIST)
			return osy_fail(err, OSY_E_EXISTS,
				"%s is there already and is left as it is; move it away, or go to "
				"another folder",
				path);
		return osy_fail(err, OSY_E_USAGE, "cannot make %s: %m", path);
	}
	bool good = fwrite(text.p, 1, text.len, file) == text.len;
	if (fclose(file) != 0 || !good) {
		unlink(path);
		return osy_fail(err, OSY_E_USAGE, "cannot write %s: %m", path);
	}
	return OSY_OK;
}

static enum osy_code write_key(struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(256);
	unsigned char bytes[KEY_BYTES];

	(void)osy_buf_room(&text, 128); /* it grows no more: one copy of the key */
	osy_random_bytes(bytes, sizeof(bytes));
	osy_base64_encode((struct osy_str){(const char *)bytes, sizeof(bytes)}, false, &text);
	osy_buf_addc(&text, '\n');
	enum osy_code rc = write_new(KEY_NAME, 0600, osy_buf_str(&text), err);
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(text.p, text.len);
	return rc;
}

enum osy_code cli_init(struct cli *cli, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf settings = OSY_BUF(256u * 1024);

	write_settings(&settings);
	enum osy_code rc = write_new(FILE_NAME, 0644, osy_buf_str(&settings), err);
	if (rc)
		return rc;
	rc = write_key(err);
	if (rc) {
		unlink(FILE_NAME);
		return rc;
	}
	if (!cli->words.quiet)
		printf(FILE_NAME " and " KEY_NAME
				 " are written. Start orgsync-coordinator and orgsync-worker "
				 "here; the first writes admin.token:\n  export "
				 "ORGSYNC_API_TOKEN_FILE=admin.token\nKeep " KEY_NAME
				 " safe: without it no stored credential opens.\n");
	return OSY_OK;
}
