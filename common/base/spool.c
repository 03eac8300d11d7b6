#include "osy/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "osy/banned.h"

static const char *folder(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

/* File systems that know no nameless files. */
static int open_named(void)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/orgsync.XXXXXX", folder());

	if (n < 0 || (size_t)n >= sizeof(path))
		return -1;
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

enum osy_code osy_spool_open(int *ret_fd, struct osy_err *err)
{
	int fd = open(folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		fd = open_named();
	if (fd < 0)
		return osy_fail(err, OSY_E_INTERNAL,
			"no file can be made in %s: %m; let TMPDIR name a folder that can be "
			"written",
			folder());
	*ret_fd = fd;
	return OSY_OK;
}

enum osy_code osy_spool_write(int fd, int64_t at, struct osy_str bytes, struct osy_err *err)
{
	while (bytes.len) {
		ssize_t n = pwrite(fd, bytes.p, bytes.len, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return osy_fail(err, OSY_E_INTERNAL,
				"a file in %s cannot be written: %m; make room there", folder());
		bytes.p += n;
		bytes.len -= (size_t)n;
		at += n;
	}
	return OSY_OK;
}

enum osy_code osy_spool_read(int fd, int64_t at, char *to, size_t size, struct osy_err *err)
{
	while (size) {
		ssize_t n = pread(fd, to, size, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return osy_fail(
				err, OSY_E_INTERNAL, "a file in %s cannot be read: %m", folder());
		to += n;
		size -= (size_t)n;
		at += n;
	}
	return OSY_OK;
}
