#include <stdio.h>

#include "osy/log.h"
#include "osy/mem.h"
#include "osy/settings_file.h"

#include "osy/banned.h"

static int help(const struct osy_server *server)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(64 * 1024);

	osy_settings_help(server->program, &text);
	printf("usage: %s [--config FILE] [--SETTING VALUE ...]\n\n%s", server->name, text.p);
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

int osy_server_main(const struct osy_server *server, int argc, char **argv)
{
	OSY_AUTO(osy_settings_done) struct osy_settings settings;
	struct osy_err err = OSY_ERR_NONE;
	enum osy_code rc = osy_settings_load(&settings, server->program, &argc, argv, &err);

	if (argc > 1 && strcmp(argv[1], "--help") == 0)
		return help(server);
	if (!rc && argc > 1)
		rc = osy_fail(&err, OSY_E_USAGE, "there is no setting %s; see %s --help", argv[1],
			server->name);
	if (!rc) {
		if (!settings.core_dumps)
			osy_secret_shut_process();
		osy_mem_tune(server->large_bytes);
		osy_log_init(server->name, level_of(settings.log_level), settings.log_format);
		rc = server->run(&settings, &err);
	}
	if (rc)
		fprintf(stderr, "%s: %s\n", server->name, err.msg);
	return osy_code_exit(rc);
}
