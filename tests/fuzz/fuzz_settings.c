/* The settings file (any bytes), and the same bytes as arguments and as a Redis URL. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "osy/mem.h"
#include "osy/settings_file.h"
#include "redis_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_file(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[64];
	char program[] = "fuzz", flag[] = "--config";
	char *argv[] = {program, flag, path, NULL};
	int argc = 3;
	OSY_AUTO(osy_settings_done) struct osy_settings settings;
	struct osy_err err = OSY_ERR_NONE;

	if (fd < 0) {
		fd = memfd_create("settings", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	if (osy_settings_load(&settings, OSY_IN_COORDINATOR, &argc, argv, &err))
		OSY_ASSERT(err.msg[0] && osy_utf8_valid(osy_str(err.msg)));
	else
		OSY_ASSERT(argc == 1 && settings.lease_ms >= 1000);
}

static void try_redis_url(struct osy_str text)
{
	OSY_AUTO_FREE char *url = osy_xstrndup(text.p ? text.p : "", text.len);
	OSY_AUTO(osy_redis_url_done) struct osy_redis_url parsed = {0};
	struct osy_err err = OSY_ERR_NONE;
	char value[32];

	if (osy_redis_url_parse(url, &parsed, &err) == OSY_OK)
		OSY_ASSERT(parsed.path || (parsed.host && parsed.port > 0 && parsed.port < 65536));
	if (osy_redis_info_field(text, "run_id", value, sizeof(value)))
		OSY_ASSERT(strlen(value) < sizeof(value));
}

static void try_args(struct osy_str text)
{
	OSY_AUTO_FREE char *words = osy_xstrndup(text.p ? text.p : "", text.len);
	OSY_AUTO(osy_settings_done) struct osy_settings settings;
	struct osy_err err = OSY_ERR_NONE;
	char *argv[9] = {words}, *rest = words;
	int argc = 1;

	while (argc < 8 && (rest = strchr(rest, '\n'))) {
		*rest++ = '\0';
		argv[argc++] = rest;
	}
	osy_settings_init(&settings);
	if (osy_settings_args(&settings, OSY_IN_WORKER, &argc, argv, &err))
		OSY_ASSERT(err.msg[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct osy_str text = {(const char *)data, size};

	/* a *_file setting would open what it names */
	if (memmem(data, size, "-file", 5) || memmem(data, size, "config", 6))
		return 0;
	try_file(data, size);
	try_redis_url(text);
	try_args(text);
	return 0;
}
