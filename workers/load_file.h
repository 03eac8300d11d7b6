/*
 * Files: a record whose body is written goes alone, and its body is streamed from the source org
 * into the request to the target without ever being held: what the one sends faster than the other
 * takes is left waiting at the sender.
 *
 *   hashing    of objects without a checksum, when the target's body may be another one and
 *              nothing but the body tells: it is read; where it is what it should be, the row is
 *              done with
 *   measuring  of objects that tell no size, the body is read to count it: a form begins with its
 *              length
 *   reading    the source is asked; with its first bytes the request to the target begins
 *   streaming  the request is a form of two parts: the fields, then the bytes as they come. Its end
 *              goes out only when the source has sent all of them, they are as many as the record
 *              says and have its checksum: a body that was cut is never a whole request, and
 *              nothing has happened in the target
 *   checking   the target is asked what it has: size, and checksum where it tells one; with
 *              verify, where it tells none, the body is read again, and always where it does not
 *              tell the size
 */
#ifndef OSY_LOAD_FILE_H
#define OSY_LOAD_FILE_H

#include "load_internal.h"

/* Whether the column is the body of its records. */
bool osy_file_is_body(const struct osy_lbatch *batch, unsigned column);
/* A column that is asked of the target although nothing is written to it. */
bool osy_file_is_told(const struct osy_lbatch *batch, unsigned column);
/* One of these that a record has as long as its body: its size, its checksum. */
bool osy_file_is_kept(const struct osy_lbatch *batch, unsigned column);
/* Reads what is known of bodies (row->known); false: later. */
bool osy_file_known(struct osy_lbatch *batch);
/* Whether the target's body is another one, or may be, by what both orgs say of theirs and what is
 * known. */
bool osy_file_differs(const struct osy_lbatch *batch, const struct osy_lrow *row);
/* Whether the row's action writes a body. */
bool osy_file_is_sent(const struct osy_lbatch *batch, const struct osy_lrow *row);
/* Files that nothing but their bodies tells apart: one of a lane is in doubt at most. */
bool osy_file_waits(const struct osy_lbatch *batch);
/* One that is larger than the template allows fails. */
void osy_file_check(struct osy_lbatch *batch, unsigned row);
/* Whether the next collection of the batch is a file; and its transfer begins. */
bool osy_file_is_next(const struct osy_lbatch *batch);
void osy_file_send(struct osy_lbatch *batch);
void osy_load_files(struct osy_loader *loader); /* the step */
void osy_file_forget(struct osy_lbatch *batch); /* what is under way for it is broken off */
void osy_files_free(struct osy_loader *loader);
/* Transfers that use calls of this org as their source, or would. */
unsigned osy_files_reading(const struct osy_loader *loader, const struct osy_lorg *org);

#endif
