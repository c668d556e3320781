/* tracking_parts.h — the layout of a change record, shared by who writes and who reads it. */
#pragma once

#include <endian.h>
#include <stdint.h>

#define TRACKING_CHANGES_MAGIC "SYNBAKT1"

enum { TRACKING_HEADER_MAX = 4096 };

struct __attribute__((packed)) tracking_record { /* little-endian */
    uint8_t kind, type;                          /* kind 0: the end, and nothing but kind */
    uint32_t path_len;
    uint64_t size, inode;
    int64_t mtime_s;
    uint32_t mtime_ns;
    int64_t ctime_s;
    uint32_t ctime_ns;
};
