/* index.h — which pack holds which chunk (docs/repository-format.md, "Index segments").
 *
 * Paged, not held: an index of ten million chunks takes at most 32 MiB of memory. Segments are
 * read from a cache on this machine where there is one (plain pages in files of mode 0600 below the cache
 * folder, each page with a checksum, made again whenever one is wrong), else page by page from the store.
 */
#pragma once

#include "lib/base/str.h"
#include "lib/repository/pack.h"
#include "lib/store/store.h"

struct index_entry {
    struct chunk_entry chunk;
    struct pack_name pack;
    uint32_t pack_len, offset; /* offset: of the chunk's box */
    bool rebuilt;              /* from the pack's directory: no segment at the store has it */
    bool avoided;              /* it lies nowhere else than in a pack that index_avoid named */
};

struct index;
/* Opens what lies at `s`, superseded segments left out. cache_dir: NULL: no cache. With write-only
 * keys only what the cache holds is known, since segments cannot be read; what it lacks is
 * counted in *ret_unknown (may be NULL) and not an error. A damaged segment is one
 * (ERR_DAMAGED names it; `synbakctl verify`), unless rebuild: then it is made from the packs'
 * directories in memory or cache. Blocks. */
int must_check index_open(struct store *s, const struct keys *k, const char *cache_dir,
                          bool rebuild, struct index **ret, size_t *ret_unknown, struct err *e);
void index_close(struct index *ix); /* NULL-safe */
/* Are there entries that no segment at the store has? index_merge makes one of them. */
bool index_is_rebuilt(const struct index *ix);
/* What could not be read and was left out by a rebuild: a sentence each, and the objects' names in the same
 * order. */
const struct strlist *index_problems(const struct index *ix);
const struct strlist *index_problem_objects(const struct index *ix);
/* Segments at the store that another one replaces: for the pruner. Borrowed. */
void index_superseded(const struct index *ix, const struct pack_name **ret, size_t *ret_count);
/* 0: found; 1: not. A chunk that lies whole somewhere is given whole. Any thread. */
int must_check index_find(struct index *ix, const struct chunk_id *id, struct index_entry *ret,
                          struct err *e);
/* Every copy of a chunk, in no order, at most `room`: for a reader that found one of them damaged. Any thread. */
int must_check index_find_all(struct index *ix, const struct chunk_id *id, struct index_entry *ret,
                              size_t room, size_t *ret_count, struct err *e);
/* For a reader that did not find what must be there, or met a page that is damaged: once, segments with such
 * pages are left out, and the packs that no segment names are looked up at the store and read; then index_find
 * knows what they hold. Any thread. */
int must_check index_search_packs(struct index *ix, struct err *e);
/* What these packs hold counts as absent from now on: they are on trash, or damaged. Copied. */
void index_exclude(struct index *ix, const struct pack_name *packs, size_t count);
/* The same, but what lies nowhere else is still found there: for readers, of packs that are damaged or on trash. It holds for
 * all that is excluded. */
void index_avoid(struct index *ix, const struct pack_name *packs, size_t count);
/* As index_exclude for packs that are not at the store, or not with their length: how many. Lists the packs. Blocks. */
int must_check index_exclude_missing(struct index *ix, struct store *s, size_t *ret_count,
                                     struct err *e);
/* Entries, doubles included; more than there are, when there is no cache and they were not merged. */
uint64_t index_count(const struct index *ix);

/* Every pack that a segment names, each once; callback -1 ends it. */
struct index_pack {
    struct pack_name name;
    uint32_t len;         /* of the object */
    uint32_t chunk_bytes; /* boxes in it */
};
int must_check index_each_pack(struct index *ix,
                               int (*each)(void *arg, const struct index_pack *p, struct err *e),
                               void *arg, struct err *e);
/* Every entry in ascending order of ids, doubles one after the other; not what a writer has not flushed
 * yet. Nobody merges or adds meanwhile. `ordinal` counts from 0 and
 * is what index_ordinal gives for the first of an id. */
int must_check index_each(struct index *ix,
                          int (*each)(void *arg, const struct index_entry *x, uint64_t ordinal,
                                      struct err *e),
                          void *arg, struct err *e);
/* For bitmaps over chunks: 0 and the ordinal of an id, below index_count; 1: not there. Only on an
 * index of one segment (index_merge first). */
int must_check index_ordinal(struct index *ix, const struct chunk_id *id, uint64_t *ret,
                             struct err *e);

/* --- writing: entries gathered in memory (at most 65,536), sorted, sealed, put at every replica --- */
struct index_writer;
struct index_writer *index_writer_new(const struct keys *k, const char *cache_dir);
void index_writer_free(struct index_writer *w);
/* Every chunk of a pack that is durable. Seen by index_find of `ix` (may be NULL) from now on. */
int must_check index_writer_add(struct index_writer *w, struct index *ix,
                                const struct pack_built *p, struct err *e);
bool index_writer_is_full(const struct index_writer *w);
/* The segment of what was added since the last flush, as an object to put (borrowed until the next
 * call); also into the cache. 1: nothing was added. */
int must_check index_writer_flush(struct index_writer *w, const char **ret_name,
                                  const uint8_t **ret_data, size_t *ret_len, struct err *e);
/* All segments that count become one, without the packs in `without`, streamed through the cache
 * folder or a temporary file, and put at s; it replaces what it was made of. Nobody else uses ix
 * meanwhile. Nothing to do is fine: one segment is left, unless there was none. */
int must_check index_merge(struct index *ix, struct store *s, const struct pack_name *without,
                           size_t without_count, struct err *e);
/* Worth merging: so many segments of like size that lookups suffer. */
bool index_wants_merge(const struct index *ix);
/* Those of like size, and all smaller ones, become one: cheap, since an entry is written anew once in eight
 * such. Segments with a pack on trash are left alone. *ret: the object that is new at s, for other replicas; 1:
 * nothing was to be done. */
int must_check index_merge_tier(struct index *ix, struct store *s, char ret[80], struct err *e);
