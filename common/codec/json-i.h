/* Between the files of this room. */
#ifndef OSY_JSON_I_H
#define OSY_JSON_I_H

#include "osy/json.h"

/* text: a JSON number. NULL when it is a whole number of more than 64 bits, which json-c would
 * saturate. */
struct osy_json *osy_json_try_number(struct osy_str text);

#endif
