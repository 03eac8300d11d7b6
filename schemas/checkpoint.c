#include "osy/batch.h"
#include <stdlib.h>

#include "osy/mem.h"

void osy_checkpoint_init(
	struct osy_checkpoint *checkpoint, unsigned objects, unsigned stages, unsigned lanes)
{
	size_t ends = (size_t)stages * lanes;

	*checkpoint = (struct osy_checkpoint){
		.pass = 1, .object_count = objects, .stage_count = stages, .lane_count = lanes};
	checkpoint->objects = osy_xcalloc(objects + 1u, sizeof(*checkpoint->objects));
	checkpoint->ends = osy_xmalloc((ends + 1) * sizeof(*checkpoint->ends));
	for (size_t i = 0; i < ends; i++)
		checkpoint->ends[i] = -1;
}

void osy_checkpoint_done(struct osy_checkpoint *checkpoint)
{
	free(checkpoint->objects);
	free(checkpoint->ends);
	*checkpoint = (struct osy_checkpoint){0};
}

/* [published, last_id, complete], and where a Bulk job is or was read: job, locator, row, again. */
#define SHORT_MEMBERS 3
#define LONG_MEMBERS 7

static void write_object(const struct osy_checkpoint_object *object, struct osy_buf *out)
{
	const struct osy_frontier *frontier = &object->frontier;
	bool is_long = frontier->job[0] || frontier->again;

	osy_mp_array(out, is_long ? LONG_MEMBERS : SHORT_MEMBERS);
	osy_mp_i64(out, object->published);
	osy_mp_str(out, osy_str(frontier->last_id));
	osy_mp_bool(out, object->complete);
	if (!is_long)
		return;
	osy_mp_str(out, osy_str(frontier->job));
	osy_mp_str(out, osy_str(frontier->locator));
	osy_mp_i64(out, frontier->row);
	osy_mp_bool(out, frontier->again);
}

/* {v, pass, links_id, stages_ended, objects: [...], lanes, ends: [...]} */
void osy_checkpoint_write(const struct osy_checkpoint *checkpoint, struct osy_buf *out)
{
	size_t ends = (size_t)checkpoint->stage_count * checkpoint->lane_count;

	osy_mp_map(out, 7);
	osy_mp_str(out, OSY_STR("v"));
	osy_mp_i64(out, OSY_BATCH_VERSION);
	osy_mp_str(out, OSY_STR("pass"));
	osy_mp_i64(out, checkpoint->pass);
	osy_mp_str(out, OSY_STR("links_id"));
	osy_mp_i64(out, checkpoint->links_id);
	osy_mp_str(out, OSY_STR("stages_ended"));
	osy_mp_i64(out, checkpoint->stages_ended);
	osy_mp_str(out, OSY_STR("objects"));
	osy_mp_array(out, checkpoint->object_count);
	for (unsigned i = 0; i < checkpoint->object_count; i++)
		write_object(&checkpoint->objects[i], out);
	osy_mp_str(out, OSY_STR("lanes"));
	osy_mp_i64(out, checkpoint->lane_count);
	osy_mp_str(out, OSY_STR("ends"));
	osy_mp_array(out, (uint32_t)ends);
	for (size_t i = 0; i < ends; i++)
		osy_mp_i64(out, checkpoint->ends[i]);
}

static void read_text(struct osy_mp *mp, char *to, size_t size)
{
	struct osy_str text = osy_mp_need_str(mp);

	if (!mp->error && text.len >= size)
		mp->error = "a frontier is too long";
	if (mp->error)
		return;
	if (text.len)
		memcpy(to, text.p, text.len);
	to[text.len] = 0;
}

static bool read_bool(struct osy_mp *mp)
{
	if (!mp->error && osy_mp_next(mp) != OSY_MP_BOOL && !mp->error)
		mp->error = "a flag is no boolean";
	return !mp->error && mp->i64 != 0;
}

static void read_object(struct osy_mp *mp, struct osy_checkpoint_object *object)
{
	uint32_t members = osy_mp_need_array(mp);

	if (!mp->error && members != SHORT_MEMBERS && members != LONG_MEMBERS)
		mp->error = "an object has another number of members";
	*object = (struct osy_checkpoint_object){.published = osy_mp_need_i64(mp)};
	read_text(mp, object->frontier.last_id, sizeof(object->frontier.last_id));
	object->complete = read_bool(mp);
	if (mp->error || members == SHORT_MEMBERS)
		return;
	read_text(mp, object->frontier.job, sizeof(object->frontier.job));
	read_text(mp, object->frontier.locator, sizeof(object->frontier.locator));
	object->frontier.row = osy_mp_need_i64(mp);
	object->frontier.again = read_bool(mp);
}

static void read_objects(struct osy_mp *mp, struct osy_checkpoint *checkpoint)
{
	uint32_t count = osy_mp_need_array(mp);

	if (!mp->error && count != checkpoint->object_count)
		mp->error = "it is of another number of objects";
	for (uint32_t i = 0; i < count && !mp->error; i++)
		read_object(mp, &checkpoint->objects[i]);
}

static void read_ends(struct osy_mp *mp, struct osy_checkpoint *checkpoint)
{
	uint32_t count = osy_mp_need_array(mp);

	if (!mp->error && count != (size_t)checkpoint->stage_count * checkpoint->lane_count)
		mp->error = "it is of another number of stages or lanes";
	for (uint32_t i = 0; i < count && !mp->error; i++)
		checkpoint->ends[i] = osy_mp_need_i64(mp);
}

enum osy_code osy_checkpoint_read(
	struct osy_str message, struct osy_checkpoint *checkpoint, struct osy_err *err)
{
	struct osy_mp mp;
	int64_t version = 0;
	unsigned seen = 0;

	osy_mp_init(&mp, message.p, message.len);
	uint32_t members = osy_mp_need_map(&mp);
	for (uint32_t i = 0; i < members && !mp.error; i++) {
		struct osy_str key = osy_mp_need_str(&mp);
		if (mp.error)
			break;
		if (osy_str_is(key, "v"))
			version = osy_mp_need_i64(&mp);
		else if (osy_str_is(key, "pass"))
			checkpoint->pass = osy_mp_need_i64(&mp);
		else if (osy_str_is(key, "links_id"))
			checkpoint->links_id = osy_mp_need_i64(&mp);
		else if (osy_str_is(key, "stages_ended"))
			checkpoint->stages_ended = osy_mp_need_i64(&mp);
		else if (osy_str_is(key, "objects"))
			read_objects(&mp, checkpoint), seen |= 1;
		else if (osy_str_is(key, "ends"))
			read_ends(&mp, checkpoint), seen |= 2;
		else
			osy_mp_skip(&mp);
	}
	if (!mp.error && (version != OSY_BATCH_VERSION || seen != 3))
		mp.error = "its version is not known here or a key is missing";
	if (mp.error)
		return osy_fail(err, OSY_E_INVALID,
			"a message of %zu bytes is no checkpoint of this run: %s", message.len,
			mp.error);
	return OSY_OK;
}
