/* orgsync-worker: the only program that writes to an org. */
#include <stdio.h>
#include <string.h>

#include "loop.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "osy/settings_file.h"

static int help(void)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(64 * 1024);

	osy_settings_help(OSY_IN_WORKER, &text);
	printf("usage: orgsync-worker [--config FILE] [--SETTING VALUE ...]\n\n%s", text.p);
	return 0;
}

static enum osy_level level_of(const char *name)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};

	for (size_t i = 0; i < OSY_COUNT(names); i++) {
		if (strcmp(name, names[i]) == 0)
			return (enum osy_level)i;
	}
	return OSY_INFO;
}

int main(int argc, char **argv)
{
	OSY_AUTO(osy_settings_done) struct osy_settings settings;
	struct osy_err err = OSY_ERR_NONE;
	enum osy_code rc = osy_settings_load(&settings, OSY_IN_WORKER, &argc, argv, &err);

	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		return help();
	if (!rc && argc > 1)
		rc = osy_fail(&err, OSY_E_USAGE,
			"there is no setting %s; see orgsync-worker --help", argv[1]);
	if (!rc) {
		if (!settings.core_dumps)
			osy_secret_shut_process();
		osy_mem_tune(320u * 1024);
		osy_log_init("orgsync-worker", level_of(settings.log_level), settings.log_format);
		rc = osy_worker_run(&settings, &err);
	}
	if (rc)
		fprintf(stderr, "orgsync-worker: %s\n", err.msg);
	return osy_code_exit(rc);
}
