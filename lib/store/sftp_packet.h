/* sftp_packet.h — the packets of SFTP version 3 (draft-ietf-secsh-filexfer-02) as bytes: made by us,
 * and what a server sent taken apart. What comes in is hostile: a reader never runs past its end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FXP_INIT = 1,
    FXP_VERSION = 2,
    FXP_OPEN = 3,
    FXP_CLOSE = 4,
    FXP_READ = 5,
    FXP_WRITE = 6,
    FXP_LSTAT = 7,
    FXP_OPENDIR = 11,
    FXP_READDIR = 12,
    FXP_REMOVE = 13,
    FXP_MKDIR = 14,
    FXP_RMDIR = 15,
    FXP_STAT = 17,
    FXP_RENAME = 18,
    FXP_READLINK = 19,
    FXP_SYMLINK = 20,
    FXP_STATUS = 101,
    FXP_HANDLE = 102,
    FXP_DATA = 103,
    FXP_NAME = 104,
    FXP_ATTRS = 105,
    FXP_EXTENDED = 200,
    FXP_EXTENDED_REPLY = 201
};

enum { FX_OK, FX_EOF, FX_NO_SUCH_FILE, FX_PERMISSION_DENIED, FX_FAILURE, FX_OP_UNSUPPORTED = 8 };
enum { FXF_READ = 1, FXF_WRITE = 2, FXF_CREAT = 8, FXF_EXCL = 32 };
enum { SFTP_ATTR_SIZE = 1, SFTP_ATTR_OWNER = 2, SFTP_ATTR_MODE = 4, SFTP_ATTR_TIMES = 8 };

enum {
    SFTP_REPLY_MAX = 256 * 1024, /* the longest packet that a server may send us */
    SFTP_HANDLE_MAX = 256        /* bytes, by the draft */
};

/* A packet on its way out. `sent` counts from the start of data. */
struct sftp_frame {
    struct sftp_frame *next;
    size_t len, sent;
    uint8_t data[];
};

/* format, behind type and request number: u a uint32_t, U a uint64_t, s a char *, b bytes (const void *,
 * size_t). INIT has no request number: its version stands in that place. Never NULL; free(). */
struct sftp_frame *sftp_frame_new(uint8_t type, const char *format, ...);
void sftp_frame_number(struct sftp_frame *f, uint32_t id);

/* Once something is missing all that follows is zero or empty, and `bad` stays set. */
struct sftp_reader {
    const uint8_t *at;
    size_t left;
    bool bad;
};

uint32_t sftp_read_u32(struct sftp_reader *r);
uint64_t sftp_read_u64(struct sftp_reader *r);
const uint8_t *sftp_read_bytes(struct sftp_reader *r, size_t *ret_len); /* points into the packet */

struct sftp_attrs {
    uint32_t has; /* SFTP_ATTR_*; a field that is not there is 0 */
    uint64_t size;
    uint32_t mode;     /* with the type of the file, as in stat(2) */
    uint32_t modified; /* seconds since 1970 */
};

void sftp_read_attrs(struct sftp_reader *r, struct sftp_attrs *ret);

/* One entry of a NAME packet: owned, without the line that ls would print. NULL: there is no whole one,
 * or a NUL stands in it, which no file's name has. */
char *sftp_read_name(struct sftp_reader *r, struct sftp_attrs *ret);
