#include "osy/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "osy/mem.h"

#include "osy/banned.h"

void osy_secret_set(struct osy_secret *secret, const void *p, size_t len)
{
	char *copy = p ? osy_xstrndup(p, len) : NULL;

	osy_secret_done(secret);
	*secret = (struct osy_secret){copy, copy ? len : 0};
}

void osy_secret_done(struct osy_secret *secret)
{
	if (secret->bytes_) {
		explicit_bzero(secret->bytes_, secret->len_);
		free(secret->bytes_);
	}
	*secret = (struct osy_secret){0};
}

static enum osy_code fail_errno(const char *path, struct osy_err *err)
{
	enum osy_code code = errno == ENOENT   ? OSY_E_NOT_FOUND
			     : errno == EACCES ? OSY_E_FORBIDDEN
					       : OSY_E_INVALID;

	return osy_fail(err, code, "cannot read %s: %s", path, strerror(errno));
}

/* Reads up to size bytes; -1 with errno. No stdio: its buffer would keep the secret. */
static ssize_t read_all(const char *path, char *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error;
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -1;
	do {
		n = read(fd, to + len, size - len);
		if (n > 0)
			len += (size_t)n;
	} while ((n > 0 && len < size) || (n < 0 && errno == EINTR));
	error = errno;
	close(fd);
	errno = error;
	return n < 0 ? -1 : (ssize_t)len;
}

enum osy_code osy_secret_read(
	struct osy_secret *secret, const char *path, size_t max_bytes, struct osy_err *err)
{
	size_t size = max_bytes + 3; /* a line end, and one more to see that it is too big */
	OSY_AUTO_FREE char *text = osy_xcalloc(1, size);
	ssize_t n = read_all(path, text, size);
	enum osy_code rc = OSY_OK;

	if (n < 0)
		return fail_errno(path, err);
	if (n > 0 && text[n - 1] == '\n')
		n -= n > 1 && text[n - 2] == '\r' ? 2 : 1;
	if (n == 0)
		rc = osy_fail(err, OSY_E_INVALID, "%s is empty", path);
	else if ((size_t)n > max_bytes)
		rc = osy_fail(err, OSY_E_TOO_BIG, "%s has more than %zu bytes", path, max_bytes);
	else
		osy_secret_set(secret, text, (size_t)n);
	explicit_bzero(text, size);
	return rc;
}

void osy_secret_shut_process(void)
{
	const struct rlimit none = {0, 0};

	/* the limit alone does not hold where a core goes to a program (core_pattern) */
	if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
		OSY_BUG("core dumps cannot be turned off: %m");
}
