/* loader.h — what the parts of the loader share while a model is being built. */
#pragma once

#include "lib/config/config.h"
#include "lib/config/option.h"

enum { CONFIG_ERRORS_MAX = 20, CONFIG_SECTIONS_MAX = 4000, CONFIG_NAMES_MAX = 100 };

struct names { /* names that a job refers to, until all sections are read */
    struct strlist list;
    int line;
};

struct job_names { /* parallel to config.jobs */
    struct names sources, destinations;
};

struct loader {
    struct config *config; /* being built; has one reference */
    struct job_names *job_names;
    struct strlist errors; /* the first CONFIG_ERRORS_MAX */
    size_t section_count;
    struct origin daemon_at, access_at; /* where they were written; file NULL: nowhere */

    const char *file;            /* owned by config->files */
    enum section_kind kind;      /* of the section being read */
    void *section;               /* its struct; NULL: a section that is skipped */
    const char *name;            /* its name or NULL */
    int section_line;            /* of its head */
    bool type_known;             /* of the section, read or the default */
    int lines[OPTION_TABLE_MAX]; /* where each option was written; 0: not */
};

/* Note "FILE:LINE: ..." . Returns -1. */
int loader_error(struct loader *l, const char *file, int line, const char *fmt, ...)
    printf_like(4, 5);
/* Read one file's text into the model; errors are noted. */
void loader_read(struct loader *l, const char *file, const void *text, size_t len);
/* Resolve names and check what no single line can tell. Errors are noted. */
void loader_finish(struct loader *l);
