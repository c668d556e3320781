/* secret.h — where a secret lies, and the reading of it.
 *
 * A reference is what the configuration says: file:PATH, env:NAME, credential:NAME (a file in
 * $CREDENTIALS_DIRECTORY), command:PROGRAM ARGUMENTS... (its standard output), or none.
 * A secret is held in a struct that is wiped when it goes; nothing formats or logs one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"

enum secret_kind {
    SECRET_UNSET,
    SECRET_NONE,
    SECRET_FILE,
    SECRET_ENV,
    SECRET_CREDENTIAL,
    SECRET_COMMAND
};

struct secret_ref {
    enum secret_kind kind;
    char *value; /* owned: path, variable, name, or command line; NULL for none */
};

struct secret {
    char *text; /* owned, page-locked as far as limits allow, excluded from cores; 0-terminated */
    size_t len;
};

/* openssl's "-pass file:" reads 1023 characters of the line and no more: with a longer key, what we
 * wrote could not be opened by it. */
enum {
    SECRET_LEN_MIN = 20,
    SECRET_LEN_MAX = 4096,
    SECRET_LINES_LEN_MAX = 16384, /* an RSA key of 16384 bits in PEM */
    SECRET_KEY_LEN_MAX = 1023
};

/* From the text of an option. ERR_CONFIG if it is none of the forms. */
int must_check secret_ref_parse(const char *text, struct secret_ref *ret, struct err *e);
void secret_ref_deinit(struct secret_ref *ref);

/* Read it: one line, the newline stripped. ERR_KEY, naming the place and what to do, if it is
 * missing, unreadable, empty, or has a byte that is not printable ASCII. Blocks; a command has
 * 30 s. The length rule for encryption keys is secret_check_key's. */
int must_check secret_read(const struct secret_ref *ref, struct secret *ret, struct err *e);
/* As secret_read for a small file of several lines (S3 credentials, a private key). */
int must_check secret_read_lines(const struct secret_ref *ref, struct secret *ret, struct err *e);
/* An encryption key: SECRET_LEN_MIN to SECRET_KEY_LEN_MAX characters, else ERR_KEY with the advice
 * `openssl rand -base64 32`. */
int must_check secret_check_key(const struct secret *s, struct err *e);

/* The same text, or both NULL. */
bool secret_equal(const struct secret *a, const struct secret *b);
struct secret secret_copy(const char *text, size_t len);
/* Zeroed memory for other secrets, held as a secret's text is: never NULL, freed with its size. */
void *secret_alloc(size_t size);
void secret_free(void *p, size_t size); /* wipes; NULL-safe */
void secret_deinit(struct secret *s); /* wipes; NULL-safe */

/* No core dumps of, and no ptrace on, a process that will hold secrets. First thing in main. */
void secret_harden_process(void);
