/* pack_layout.h — the shape of a pack (docs/repository-format.md, "Packs"), for pack_build.c and
 * pack_read.c. */
#pragma once

#include "lib/repository/pack.h"

#define PACK_MAGIC "SYNBAKP1"

enum {
    PACK_TRAILER = 8, /* plain: length of the directory's box, number of chunks */
    PACK_TRAILER_BOX = PACK_TRAILER + SEAL_TAG_LEN,
    PACK_ENTRY = CHUNK_ID_LEN + 4 + 4 + 1 + 1, /* of the directory */
    PACK_ENTRY_DELTA = PACK_ENTRY + CHUNK_ID_LEN
};
