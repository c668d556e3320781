/* set_fixture.h — a small committed set, and its objects as files to be damaged. */
#pragma once

#include <dirent.h>
#include <sys/stat.h>

#include "lib/base/buf.h"
#include "lib/base/fs.h"
#include "lib/plain/marks.h"
#include "lib/plain/set_verify.h"
#include "tests/unit/plain/fixture.h"

#include <fcntl.h>
#include <unistd.h>

/* A MAC key without its 0.2 s of stretching; what it authenticates is the same. */
static inline struct mac_key quick_key(char fill)
{
    struct mac_key k = {0};

    memset(k.bytes, fill, sizeof(k.bytes));
    memset(k.id, 'a' + fill % 6, 16);
    return k;
}

static inline struct manifest_artifact artifact_of(const char *source, const char *type,
                                                   const char *kind, struct artifact_result *r,
                                                   uint64_t raw_bytes, struct artifact_codec codec)
{
    return (struct manifest_artifact){.source = mem_strdup(source),
                                      .source_type = mem_strdup(type),
                                      .kind = mem_strdup(kind),
                                      .volumes = TAKE(r->volumes),
                                      .volume_count = r->volume_count,
                                      .segments = r->segments,
                                      .raw_bytes = raw_bytes,
                                      .stored_bytes = r->stored_bytes,
                                      .gzip = codec.gzip,
                                      .encrypted = codec.key != NULL,
                                      .details = json_object()};
}

static inline struct manifest base_manifest(const char *job, const char *id)
{
    struct manifest m = {.job = mem_strdup(job),
                         .id = mem_strdup(id),
                         .sequence = 7,
                         .reason = mem_strdup("daily"),
                         .host = mem_strdup("host1"),
                         .version = mem_strdup("0.1.0"),
                         .readback = mem_strdup("read"),
                         .destination_id = "00112233445566778899aabbccddeeff",
                         .salt = "ffeeddccbbaa99887766554433221100"};

    if (clock_parse_set_id(id, &m.started) < 0)
        abort();
    m.finished = m.started;
    strlist_add(&m.tiers, "daily");
    return m;
}

/* JOB/ID of two encrypted artifacts whose bytes depend on the id, in volumes of that size. */
static inline struct manifest commit_volumes(struct store *s, const char *job, const char *id,
                                             const struct mac_key *k, size_t len,
                                             uint64_t volume_bytes)
{
    const struct artifact_codec gzip = {.gzip = true, .level = 1, .key = &test_key};
    const struct artifact_codec plain = {.key = &test_key};
    struct manifest m = base_manifest(job, id);
    _cleanup_free_ char *prefix = mem_printf("%s/%s", job, id);
    _cleanup_free_ uint8_t *data = mem_alloc(len);
    struct err e = {0};

    memcpy(m.key_id, k->id, sizeof(m.key_id));
    m.artifacts = mem_alloc(2 * sizeof(*m.artifacts));
    m.artifact_count = 2;
    m.sources = mem_alloc(2 * sizeof(*m.sources));
    m.source_count = 2;
    m.sources[0] = (struct manifest_source){
        .name = mem_strdup("media"), .type = mem_strdup("files"), .whole = true};
    m.sources[1] = (struct manifest_source){
        .name = mem_strdup("notes"), .type = mem_strdup("command"), .whole = true};
    fill_bytes(data, len, 't', (uint64_t)m.started.us);
    struct artifact_result r =
        write_artifact(s, prefix, "media/media.tar", gzip, volume_bytes, data, len);
    m.artifacts[0] = artifact_of("media", "files", "tar", &r, len, gzip);
    fill_bytes(data, len, 'r', (uint64_t)m.started.us + 1);
    r = write_artifact(s, prefix, "notes/notes.out", plain, volume_bytes, data, len);
    m.artifacts[1] = artifact_of("notes", "command", "out", &r, len, plain);
    ASSERT_OK(manifest_commit(s, &m, k, "none", &e), e);
    return m;
}

static inline struct manifest commit_set(struct store *s, const char *job, const char *id,
                                         const struct mac_key *k, size_t len)
{
    return commit_volumes(s, job, id, k, len, 1 << 20);
}

/* Read and verify everything; 0 or -1 with the reason in *e. */
static inline int check_set(struct store *s, const char *job, const char *id,
                            const struct mac_key *k, struct err *e)
{
    struct manifest m;

    if (manifest_read(s, job, id, k, &m, e) < 0)
        return -1;
    int rc = set_verify(s, &m, NULL, NULL, e);
    manifest_deinit(&m);
    return rc;
}

/* --- objects as files --- */

struct object_file {
    char path[512];
    struct buf bytes;
};

static inline struct object_file load_object(const char *store, const char *name)
{
    struct object_file o = {.bytes = BUF_INIT(64 << 20)};
    struct err e = {0};

    (void)snprintf(o.path, sizeof(o.path), "%s/%s/%s", test_dir(), store, name);
    ASSERT_OK(fs_read_file(AT_FDCWD, o.path, &o.bytes, &e), e);
    return o;
}

static inline void write_bytes(const char *path, const void *data, size_t len)
{
    struct err e = {0};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    ASSERT(fd >= 0);
    ASSERT_OK(fs_write_all(fd, data, len, &e), e);
    (void)close(fd);
}

static inline void restore_object(const struct object_file *o)
{
    write_bytes(o->path, o->bytes.len > 0 ? (const void *)o->bytes.data : "", o->bytes.len);
}
