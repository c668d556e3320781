/* tar_names.h — watch a tar stream go by for names with a NUL in them. Whoever reads such an
 * archive with C strings, as libarchive does, cuts the name there: "key\0.bak" would come back as
 * "key". Only pax records can hold one; other headers end their names with it.
 *
 * What it does not understand it lets pass, for good: judging the format is the reader's work. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct tar_names { /* zero is the beginning of a stream */
    enum { TAR_HEADER, TAR_PAX, TAR_DATA, TAR_LOST } state;
    uint8_t header[512];
    size_t header_len;
    uint64_t left;    /* of the pax header or the data, with its padding */
    uint64_t pax_len; /* of the pax header, without */
    uint64_t size;    /* from a pax header, for the next member */
    bool has_size;
    struct {
        enum { PAX_LENGTH, PAX_KEY, PAX_VALUE } part;
        uint64_t left, digits, number; /* left: bytes of the record; number: of its value */
        char key[32];
        size_t key_len;
    } record;
};

/* The next bytes. ERR_FORMAT: a name holds a NUL. */
int must_check tar_names_feed(struct tar_names *t, const uint8_t *data, size_t len, struct err *e);
