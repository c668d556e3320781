/* frame.h — length-prefixed JSON objects on a stream: u32 big-endian length, then that many bytes.
 *
 * The decoder takes bytes as they come (the daemon's loop); frame_send and frame_receive are the
 * blocking forms (worker, synbakctl). Every length is checked before memory is taken. */
#pragma once

#include "lib/base/json.h"

struct frame_decoder {
    struct buf in; /* bytes not yet decoded */
    size_t max;    /* largest body accepted */
};

void frame_decoder_init(struct frame_decoder *d, size_t max);
void frame_decoder_deinit(struct frame_decoder *d); /* wipes */
int must_check frame_feed(struct frame_decoder *d, const void *data, size_t len, struct err *e);
/* 0: *ret is the next object (new reference). 1: none is complete yet. -1: ERR_FORMAT (length 0 or
 * over max, not a JSON object); the connection is to be closed. */
int must_check frame_next(struct frame_decoder *d, json_t **ret, struct err *e);

int must_check frame_encode(const json_t *object, size_t max, struct buf *out, struct err *e);

/* Blocking, on a connected stream socket. frame_receive: 1 at a clean end of file. */
int must_check frame_send(int fd, const json_t *object, size_t max, struct err *e);
int must_check frame_receive(int fd, struct frame_decoder *d, json_t **ret, struct err *e);
