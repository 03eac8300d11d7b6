/*
 * The org's own clock tells what was made since an intent from what was there before it, so the
 * first intent for an org waits until the org has said anything: when there is nothing to ask it,
 * its versions are asked for, which Salesforce does not count as a call.
 */
#include "load_internal.h"

#include "osy/clock.h"
#include "osy/log.h"

#include "osy/banned.h"

#define SOON_MS 20

bool osy_load_must_greet(const struct osy_lbatch *batch)
{
	int64_t least = 0, most = 0;

	return !batch->greeted && !batch->org_ms && !osy_lrun(batch)->undo &&
	       !osy_org_clock(osy_lrun(batch)->target, &least, &most);
}

static void on_greeted(struct osy_lcall *call, struct osy_sf_reply *reply)
{
	struct osy_lbatch *batch = call->batch;

	call->run->greeting = false;
	if (!batch)
		return;
	if (reply->code) {
		osy_load_ask_again(batch, &reply->err);
		return;
	}
	batch->greeted = true; /* an org that tells no time is not asked again */
	batch->waits = 0;
	osy_load_step(batch, OSY_STEP_MATCH);
}

void osy_load_greet(struct osy_lbatch *batch)
{
	struct osy_err err = OSY_ERR_NONE;
	struct osy_wrun *run = osy_lrun(batch);

	if (run->greeting) {
		osy_load_wait(batch, SOON_MS);
		return;
	}
	struct osy_sf_request versions = {.method = "GET", .path = OSY_STR("/services/data")};
	struct osy_lcall *call = osy_load_call_new(batch, batch->load->loader, run, on_greeted);
	if (osy_load_call_request(call, &versions, &err)) {
		osy_load_ask_again(batch, &err);
		return;
	}
	run->greeting = true;
	osy_load_step(batch, OSY_STEP_ASKING);
}
