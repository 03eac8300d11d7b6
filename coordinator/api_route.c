/* From method and path to a route. */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "osy/mem.h"

static const struct osy_route *const parts[] = {osy_routes_orgs, osy_routes_templates,
	osy_routes_runs, osy_routes_errors, osy_routes_admin, osy_routes_check, osy_routes_order,
	osy_routes_automation, osy_routes_waiting, osy_routes_hooks, osy_routes_tokens,
	osy_routes_schedules, osy_routes_log};

/* Matches path against "/runs/{}/errors"; params are copies (free()). */
static bool match(const char *pattern, const char *path, char *params[OSY_API_PARAMS])
{
	unsigned n = 0;

	while (*pattern && *path) {
		if (strncmp(pattern, "{}", 2) == 0) {
			size_t len = strcspn(path, "/");
			if (!len || n == OSY_API_PARAMS)
				return false;
			free(params[n]);
			params[n] = osy_xstrndup(path, len);
			n++;
			pattern += 2;
			path += len;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return !*pattern && !*path;
}

const struct osy_route *osy_api_route(
	const char *method, const char *path, char *params[OSY_API_PARAMS], bool *ret_path_known)
{
	for (size_t p = 0; p < OSY_COUNT(parts); p++) {
		for (const struct osy_route *route = parts[p]; route->method; route++) {
			if (!match(route->path, path, params))
				continue;
			*ret_path_known = true;
			if (strcmp(route->method, method) == 0)
				return route;
		}
	}
	return NULL;
}
