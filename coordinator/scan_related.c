#include "gate.h"
#include "scan.h"

/* Calls of the describes and counts that the found objects want. */
static enum osy_code take_calls(struct scan *scan, size_t found, struct osy_err *err)
{
	if (!found)
		return OSY_OK;
	return osy_gate_scan(scan->drive, scan->template->api_reserve_percent, found,
		scan->source.org_id, scan->target.org_id, err);
}

enum osy_code scan_related(struct scan *scan, struct osy_err *err)
{
	struct osy_related *related = &scan->related;
	size_t listed = scan->template->object_count;
	enum osy_code rc = osy_related_ask(scan->template, scan->drive->http, scan->drive->source,
		scan->drive->target, related, err);

	scan->sources = related->sources;
	for (size_t i = 0; !rc && i < related->note_count; i++) {
		if (related->notes[i].refuses)
			rc = osy_fail(err, OSY_E_INVALID, "template '%s': %s", scan->template->name,
				related->notes[i].text);
	}
	return rc ? rc : take_calls(scan, scan->template->object_count - listed, err);
}

void scan_tell_related(struct scan *scan)
{
	for (size_t i = 0; i < scan->related.note_count; i++)
		osy_plan_notice(&scan->plan, "%s", scan->related.notes[i].text);
}
