#include "osy/names.h"

#include <stdio.h>

#include "osy/mem.h"

static const char *const states[] = {
#define X(symbol, name) [symbol] = name,
	OSY_RUN_STATES(X)
#undef X
};

const char *osy_run_state_name(enum osy_run_state state)
{
	return states[state];
}

bool osy_run_state_parse(struct osy_str name, enum osy_run_state *ret)
{
	for (size_t i = 0; i < OSY_COUNT(states); i++) {
		if (osy_str_is(name, states[i])) {
			*ret = (enum osy_run_state)i;
			return true;
		}
	}
	return false;
}

const char *osy_outcome_name(enum osy_outcome outcome)
{
	static const char *const names[] = {
#define X(symbol, number, name) [number] = name,
		OSY_OUTCOMES(X)
#undef X
	};
	return names[outcome];
}

static void topic(char *ret, size_t size, const char *prefix, const char *kind, const char *id)
{
	int n = snprintf(ret, size, "%s.%s%s", prefix, kind, id);
	OSY_ASSERT(n > 0 && (size_t)n < size);
}

void osy_run_topic(const char *prefix, const char *run, char *ret_topic, size_t size)
{
	topic(ret_topic, size, prefix, "run.", run);
}

void osy_deadletter_topic(const char *prefix, char *ret_topic, size_t size)
{
	topic(ret_topic, size, prefix, "deadletter", "");
}
