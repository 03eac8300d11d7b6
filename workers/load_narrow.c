#include "load_narrow.h"

#include "osy/err.h"

#include "osy/banned.h"

#define PATIENCE_LEAST 4
#define PATIENCE_MOST 256
#define FORGOTTEN 1024 /* clean replies in a row without a limit, after which the past is over */

bool osy_narrow_may_send(const struct osy_narrow *narrow)
{
	return !narrow->limit || narrow->flying < narrow->limit;
}

unsigned osy_narrow_sent(struct osy_narrow *narrow)
{
	narrow->flying++;
	return narrow->steps;
}

void osy_narrow_over(struct osy_narrow *narrow)
{
	OSY_ASSERT(narrow->flying > 0);
	narrow->flying--;
}

bool osy_narrow_locked(struct osy_narrow *narrow, unsigned mark)
{
	narrow->clean = 0;
	if (mark != narrow->steps || narrow->limit == 1)
		return false;
	narrow->limit = 1;
	narrow->steps++;
	if (!narrow->patience)
		narrow->patience = PATIENCE_LEAST;
	else if (narrow->patience < PATIENCE_MOST)
		narrow->patience *= 2;
	return true;
}

bool osy_narrow_clean(struct osy_narrow *narrow, unsigned mark, unsigned most)
{
	if (mark != narrow->steps || !narrow->patience)
		return false;
	narrow->clean++;
	if (!narrow->limit) {
		if (narrow->clean >= FORGOTTEN)
			narrow->patience = narrow->clean = 0;
		return false;
	}
	if (narrow->clean < narrow->patience)
		return false;
	narrow->clean = 0;
	narrow->limit *= 2;
	if (narrow->limit >= most)
		narrow->limit = 0;
	return true;
}
