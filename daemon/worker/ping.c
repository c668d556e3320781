/* ping.c — tell a healthchecks-style service what happened: URL, URL/start, URL/fail, URL/log or
 * URL/STATUS, with rid=UUID so that an end finds its start. 10 seconds, two tries; the daemon
 * decides about later ones. Certificates are always checked. The URL is a capability: errors leave
 * it out. */
#include <curl/curl.h>
#include <string.h>

#include "daemon/worker/worker.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"

enum { TIMEOUT_S = 10, TRIES = 2, BODY_MAX = 10000, PAUSE_MS = 1000 };

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is libcurl's */
static size_t discard(char *data, size_t size, size_t count, void *arg)
{
    (void)data;
    (void)arg;
    return size * count;
}

/* BASE[/suffix]?rid=..., keeping a query that the configured URL has already. Owned. */
static char *ping_url(const char *base, const char *event, int64_t status, const char *rid)
{
    const char *query = strchr(base, '?');
    size_t len = query != NULL ? (size_t)(query - base) : strlen(base);
    char suffix[32] = "";

    while (len > 0 && base[len - 1] == '/')
        len--;
    if (status >= 0)
        (void)snprintf(suffix, sizeof(suffix), "/%lld", (long long)status);
    else if (strcmp(event, "success") != 0)
        (void)snprintf(suffix, sizeof(suffix), "/%s", event);
    return mem_printf("%.*s%s%s%srid=%s", (int)len, base, suffix, query != NULL ? query : "?",
                      query != NULL ? "&" : "", rid);
}

static int send_once(const char *url, const char *body, long *http, struct err *e)
{
    CURL *curl = curl_easy_init();

    if (curl == NULL)
        return err_set(e, ERR_INTERNAL, "curl does not start");
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 3L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "synbak/" SYNBAK_VERSION);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, http);
    curl_easy_cleanup(curl);
    if (code != CURLE_OK)
        return err_set(e, ERR_UNAVAILABLE, "ping: %s", curl_easy_strerror(code));
    if (*http < 200 || *http > 299)
        return err_set(e, ERR_UNAVAILABLE, "ping: the service answered %ld%s", *http,
                       *http == 404 ? " (check the ping URL)" : "");
    return 0;
}

int verb_ping(struct worker *w, const json_t *job, json_t **ret_result, struct err *e)
{
    const char *base, *event, *rid, *body;
    long http = 0;
    int rc = -1;

    if (json_get_string(job, "url", &base, e) < 0 || json_get_string(job, "event", &event, e) < 0 ||
        json_get_string(job, "rid", &rid, e) < 0 || json_get_string(job, "body", &body, e) < 0)
        return -1;
    char *url = ping_url(base, event, json_opt_i64(job, "status", -1), rid);
    _cleanup_free_ char *cut = mem_strndup(body, BODY_MAX);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    for (int i = 0; i < TRIES && rc < 0 && !worker_cancelled(w); i++) {
        if (i > 0)
            clock_sleep_ms(PAUSE_MS);
        rc = send_once(url, cut, &http, e);
    }
    curl_global_cleanup();
    mem_wipe(url, strlen(url));
    free(url);
    if (rc < 0)
        return -1;
    *ret_result = json_pack("{s:i}", "http", (int)http);
    return 0;
}
