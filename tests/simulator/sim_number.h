/* Decimal numbers as text. */
#ifndef SIM_NUMBER_H
#define SIM_NUMBER_H

#include "sim_base.h"

#define SIM_NUM_TEXT 512

/* plain decimal text rounded half up; false when no number, or (ret_range) too big */
bool sim_num_text(struct sim_str in, int precision, int scale, char out[SIM_NUM_TEXT],
	size_t *ret_len, bool *ret_range);
double sim_num_value(struct sim_str s);
void sim_num_java(struct sim_buf *b, struct sim_str s); /* as Double.toString writes it */

#endif
