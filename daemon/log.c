/* log.c — see log.h. The happy path is: format the sentence once, make it printable, hand it to the
 * chosen output. Possible failure modes: the journal's socket is gone (then stderr takes the line);
 * stderr is closed (then the line is lost: the daemon's own journal has what matters). */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "daemon/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/json.h"

enum { SENTENCE_MAX = 4096, LINE_MAX_BYTES = 32768 };

struct log {
    enum log_format format; /* resolved: never LOG_AUTO */
};

static const char *const message_ids[LOG_EVENT_COUNT] = {
    [LOG_STARTED] = "cf15f5e705ff4808a4f69dc482bdc5cf",
    [LOG_STOPPING] = "01811b006f2b4cb1bbd84a7945a784d4",
    [LOG_RUN_STARTED] = "98b9d8e24d414fa6b4f35122b670c30a",
    [LOG_RUN_GOOD] = "51af2e04582b46bb95d649b41cc38ea6",
    [LOG_RUN_FAILED] = "c4c5c18538da4e15b4db4f58e4d94c2a",
    [LOG_RUN_PARTIAL] = "981d7e4c5aac4e1296c5934a2fb5b1a5",
    [LOG_RUN_CANCELLED] = "ad2b3f0171164c3785cedf54a38a6cb0",
    [LOG_QUEUE_ALARM] = "5b11873ecc494a5d8788d7be5fe9b72a",
    [LOG_SETS_REMOVED] = "53c27812ae9843e0903e94397323fd5d",
    [LOG_COPIED] = "68bdbdec43bc4a03a495663ac19279a6",
    [LOG_COPY_FAILED] = "8f91160a8f3b4ae28efdef85884dc292",
    [LOG_VERIFY_FAILED] = "f97b81e7582a446da6bff7d91131ec0c",
    [LOG_VERIFY_GOOD] = "e7dd49f0df604938925846b5f21ae187",
    [LOG_RELOADED] = "096ec4d5479a4b0380256cba5331fed5",
    [LOG_RELOAD_REFUSED] = "3ac07fe5d1444b78a32ece0118195272",
    [LOG_PING_FAILED] = "34b3eeababb4415ab005c70520b51aba",
    [LOG_CLOCK_IN_DOUBT] = "8ef4523819c84fd486c7da03b1c1718f",
    [LOG_DESTINATION_PROBLEM] = "0275f1c4e91841fa86fba38cbec6ceae",
    [LOG_DENIED] = "e62febd48e7e4c9aafec7482eba3b24e",
    [LOG_JOURNAL_FAILED] = "86c7a59fdc3d4a4aafda3c89e390cc78",
    [LOG_ALARM] = "58d24913bdf14d3c9b079666b3cd1c34",
    [LOG_ALARM_OVER] = "b9ff6a8335d742f595f44509e49f66f7",
};
static const char *const level_words[] = {"error", "warning", "info"};
static const int priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO};

/* systemd sets JOURNAL_STREAM=DEVICE:INODE of the stream that it connected to us; a shell started
 * from such a service inherits the variable with another stderr, hence the comparison. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    unsigned long long device, inode;

    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_set_format(struct log *l, enum log_format format)
{
    l->format = format != LOG_AUTO ? format : stderr_is_journal() ? LOG_JOURNAL : LOG_TEXT;
}

struct log *log_new(enum log_format format)
{
    struct log *l = mem_alloc(sizeof(*l));

    log_set_format(l, format);
    return l;
}

void log_free(struct log *l)
{
    free(l);
}

static void add_field(struct iovec *iov, int *n, char *owned)
{
    iov[(*n)++] = (struct iovec){owned, strlen(owned)};
}

static int to_journal(enum log_level level, enum log_event event, const struct log_fields *f,
                      const char *text)
{
    struct iovec iov[10];
    int n = 0;

    add_field(iov, &n, mem_printf("MESSAGE=%s", text));
    add_field(iov, &n, mem_printf("PRIORITY=%d", priorities[level]));
    add_field(iov, &n, mem_strdup("SYSLOG_IDENTIFIER=synbakd"));
    if (message_ids[event] != NULL)
        add_field(iov, &n, mem_printf("MESSAGE_ID=%s", message_ids[event]));
    if (f->job != NULL)
        add_field(iov, &n, mem_printf("SYNBAK_JOB=%s", f->job));
    if (f->destination != NULL)
        add_field(iov, &n, mem_printf("SYNBAK_DESTINATION=%s", f->destination));
    if (f->id != NULL)
        add_field(iov, &n, mem_printf("SYNBAK_ID=%s", f->id));
    if (f->code != NULL)
        add_field(iov, &n, mem_printf("SYNBAK_CODE=%s", f->code));
    if (f->run != 0)
        add_field(iov, &n, mem_printf("SYNBAK_RUN=%lld", (long long)f->run));
    int rc = sd_journal_sendv(iov, n);
    for (int i = 0; i < n; i++)
        free(iov[i].iov_base);
    return rc;
}

static void put_line(const char *line, size_t len)
{
    ssize_t n;

    do /* one write, so that lines of several processes do not mix */
        n = write(STDERR_FILENO, line, len);
    while (n < 0 && errno == EINTR);
}

static void to_text(enum log_level level, const struct log_fields *f, const char *text)
{
    char time[32];
    struct buf line = BUF_INIT(LINE_MAX_BYTES);
    int rc = buf_printf(&line, NULL, "%s %s: %s", clock_iso8601(clock_wall(), time),
                        level_words[level], text);

    if (rc == 0 && f->run != 0)
        rc = buf_printf(&line, NULL, " run=%lld", (long long)f->run);
    if (rc == 0 && f->job != NULL)
        rc = buf_printf(&line, NULL, " job=%s", f->job);
    if (rc == 0 && f->destination != NULL)
        rc = buf_printf(&line, NULL, " destination=%s", f->destination);
    if (rc == 0 && f->id != NULL)
        rc = buf_printf(&line, NULL, " id=%s", f->id);
    if (rc == 0 && f->code != NULL)
        rc = buf_printf(&line, NULL, " code=%s", f->code);
    if (rc == 0)
        rc = buf_append(&line, "\n", 1, NULL);
    if (rc == 0)
        put_line((const char *)line.data, line.len);
    buf_deinit(&line);
}

static void to_json(enum log_level level, enum log_event event, const struct log_fields *f,
                    const char *text)
{
    char time[32];
    struct buf line = BUF_INIT(LINE_MAX_BYTES);
    _cleanup_json_ json_t *o = json_pack(
        "{s:s,s:s,s:s,s:s*,s:s*,s:s*,s:s*,s:s*}", "time", clock_iso8601(clock_wall(), time),
        "level", level_words[level], "message", text, "message_id", message_ids[event], "job",
        f->job, "destination", f->destination, "id", f->id, "code", f->code);

    if (o != NULL && f->run != 0)
        (void)json_object_set_new(o, "run", json_integer(f->run));
    if (o != NULL && json_write(o, &line, NULL) == 0 && buf_append(&line, "\n", 1, NULL) == 0)
        put_line((const char *)line.data, line.len);
    buf_deinit(&line);
}

void log_write(struct log *l, enum log_level level, enum log_event event,
               const struct log_fields *fields, const char *fmt, ...)
{
    static const struct log_fields none;
    char sentence[SENTENCE_MAX];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(sentence, sizeof(sentence), fmt, args);
    va_end(args);
    _cleanup_free_ char *text = str_printable(sentence, strlen(sentence));
    const struct log_fields *f = fields != NULL ? fields : &none;
    if (l->format == LOG_JOURNAL && to_journal(level, event, f, text) == 0)
        return;
    if (l->format == LOG_JSON)
        to_json(level, event, f, text);
    else
        to_text(level, f, text);
}
