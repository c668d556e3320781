/* bench_artifact.c — the artifact writer alone: standard input to an artifact below a folder.
 *
 *   bench_artifact DIR clear|gzip|enc [LEVEL [THREADS [TARGETS]]] < INPUT
 *
 * Prints bytes in, bytes stored, wall and CPU seconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/plain/artifact.h"

enum { TARGETS_MAX = 4 };

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static int copy_input(struct artifact_writer *w, struct err *e)
{
    static char data[1 << 20];
    ssize_t n;

    while ((n = read(STDIN_FILENO, data, sizeof(data))) > 0)
        if (artifact_write(w, data, (size_t)n, e) < 0)
            return -1;
    return n < 0 ? err_set(e, ERR_IO, "read") : 0;
}

static int measure(struct artifact_target *targets, size_t count, int threads, uint64_t *raw,
                   struct artifact_result *results, struct err *e)
{
    struct artifact_writer *w = NULL;

    if (artifact_create(&w, "bench/input", targets, count, threads, e) < 0)
        return -1;
    if (copy_input(w, e) < 0) {
        artifact_abort(w);
        return -1;
    }
    *raw = artifact_raw_bytes(w);
    return artifact_finish(w, results, e);
}

int main(int argc, char **argv)
{
    const struct secret key = secret_copy("bench-bench-bench-bench-bench", 29);
    struct artifact_target targets[TARGETS_MAX] = {0};
    struct artifact_result results[TARGETS_MAX] = {0};
    struct err e = {0};
    struct rusage use;
    uint64_t raw = 0;

    if (argc < 3)
        return 2;
    size_t count = argc > 5 ? (size_t)atoi(argv[5]) : 1;
    if (count < 1 || count > TARGETS_MAX)
        return 2;
    for (size_t i = 0; i < count; i++) {
        char path[4096];
        (void)snprintf(path, sizeof(path), "%s/%zu", argv[1], i);
        if (store_open_directory(path, true, &targets[i].store, &e) < 0)
            goto fail;
        targets[i].set_prefix = "bench/20260101_000000";
        targets[i].volume_bytes = 64ULL << 30;
        targets[i].codec =
            (struct artifact_codec){.gzip = strcmp(argv[2], "clear") != 0,
                                    .level = argc > 3 ? atoi(argv[3]) : 1,
                                    .key = strcmp(argv[2], "enc") == 0 ? &key : NULL};
    }
    struct mono begin = clock_mono();
    if (measure(targets, count, argc > 4 ? atoi(argv[4]) : 2, &raw, results, &e) < 0)
        goto fail;
    double wall = (double)(clock_mono().us - begin.us) / 1e6;
    (void)getrusage(RUSAGE_SELF, &use);
    printf("in %llu stored %llu wall %.2f s user %.2f s sys %.2f s peak %ld KiB\n",
           (unsigned long long)raw, (unsigned long long)results[0].stored_bytes, wall,
           seconds(use.ru_utime), seconds(use.ru_stime), use.ru_maxrss);
    for (size_t i = 0; i < count; i++) {
        artifact_result_deinit(&results[i]);
        store_close(targets[i].store);
    }
    return 0;
fail:
    (void)fprintf(stderr, "%s\n", e.text);
    return 1;
}
