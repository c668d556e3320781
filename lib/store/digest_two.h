/* digest_two.h — two SHA-256 side by side: one alone leaves the processor waiting half of the time,
 * so both together cost hardly more than one. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct SHA256state_st;

/* As SHA256_Update of x by len bytes of a and of y by len bytes of b. Quick when both states stand
 * at the same place of a block and the processor has the SHA extensions. */
void digest_two_update(struct SHA256state_st *x, const uint8_t *a, struct SHA256state_st *y,
                       const uint8_t *b, size_t len);
