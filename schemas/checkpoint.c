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

/* {v, pass, links_id, stages_ended, objects: [[published, last_id, complete] ...], lanes, ends:
 * [...]} */
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
	for (unsigned i = 0; i < checkpoint->object_count; i++) {
		osy_mp_array(out, 3);
		osy_mp_i64(out, checkpoint->objects[i].published);
		osy_mp_str(out, osy_str(checkpoint->objects[i].last_id));
		osy_mp_bool(out, checkpoint->objects[i].complete);
	}
	osy_mp_str(out, OSY_STR("lanes"));
	osy_mp_i64(out, checkpoint->lane_count);
	osy_mp_str(out, OSY_STR("ends"));
	osy_mp_array(out, (uint32_t)ends);
	for (size_t i = 0; i < ends; i++)
		osy_mp_i64(out, checkpoint->ends[i]);
}

static void read_objects(struct osy_mp *mp, struct osy_checkpoint *checkpoint)
{
	uint32_t count = osy_mp_need_array(mp);

	if (!mp->error && count != checkpoint->object_count)
		mp->error = "it is of another number of objects";
	for (uint32_t i = 0; i < count && !mp->error; i++) {
		struct osy_checkpoint_object *object = &checkpoint->objects[i];
		if (osy_mp_need_array(mp) != 3 && !mp->error)
			mp->error = "an object has not three members";
		object->published = osy_mp_need_i64(mp);
		struct osy_str last = osy_mp_need_str(mp);
		if (!mp->error && last.len >= sizeof(object->last_id))
			mp->error = "a frontier is too long";
		if (mp->error)
			return;
		memcpy(object->last_id, last.p, last.len);
		object->last_id[last.len] = 0;
		if (osy_mp_next(mp) != OSY_MP_BOOL && !mp->error)
			mp->error = "complete is no boolean";
		object->complete = mp->i64 != 0;
	}
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
