#include "hub/url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef struct origin {
    char *scheme, *host, *port; /* libcurl's memory */
} origin;

static void origin_free(origin *o)
{
    curl_free(o->scheme);
    curl_free(o->host);
    curl_free(o->port);
}

static bool origin_of(const char *url, origin *o)
{
    memset(o, 0, sizeof *o);
    CURLU *parsed = curl_url();
    if (parsed == NULL)
        return false;
    bool valid = curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
                 curl_url_get(parsed, CURLUPART_SCHEME, &o->scheme, 0) == CURLUE_OK &&
                 curl_url_get(parsed, CURLUPART_HOST, &o->host, 0) == CURLUE_OK &&
                 curl_url_get(parsed, CURLUPART_PORT, &o->port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    curl_url_cleanup(parsed);
    if (!valid) {
        origin_free(o);
        memset(o, 0, sizeof *o);
    }
    return valid;
}

bool url_same_origin(const char *a, const char *b)
{
    origin first, second;
    bool same = origin_of(a, &first);
    if (origin_of(b, &second))
        same = same && strcasecmp(first.scheme, second.scheme) == 0 &&
               strcasecmp(first.host, second.host) == 0 && strcmp(first.port, second.port) == 0;
    else
        same = false;
    origin_free(&first);
    origin_free(&second);
    return same;
}

bool url_is_https(const char *url)
{
    origin o;
    const bool secure = origin_of(url, &o) && strcasecmp(o.scheme, "https") == 0;
    origin_free(&o);
    return secure;
}

void url_host(const char *url, char host[URL_HOST_MAX])
{
    origin o;
    if (!origin_of(url, &o)) {
        snprintf(host, URL_HOST_MAX, "?");
        return;
    }
    bool usual = (strcasecmp(o.scheme, "https") == 0 && strcmp(o.port, "443") == 0) ||
                 (strcasecmp(o.scheme, "http") == 0 && strcmp(o.port, "80") == 0);
    snprintf(host, URL_HOST_MAX, "%s%s%s", o.host, usual ? "" : ":", usual ? "" : o.port);
    origin_free(&o);
}

void url_origin(const char *url, char text[URL_ORIGIN_MAX])
{
    char host[URL_HOST_MAX];
    url_host(url, host);
    snprintf(text, URL_ORIGIN_MAX, "%s://%s", url_is_https(url) ? "https" : "http", host);
}

/* Appends `text` with everything but unreserved characters (and '/', where wanted) percent-encoded. */
static size_t append_encoded(char *url, size_t used, const char *text, bool keep_slashes)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    for (; *text != '\0' && used + 4 < URL_MAX; text++) {
        if (strchr(plain, *text) != NULL || (*text == '/' && keep_slashes))
            url[used++] = *text;
        else
            used += (size_t)snprintf(url + used, 4, "%%%02X", (unsigned)(unsigned char)*text);
    }
    url[used] = '\0';
    return used;
}

bool url_of_file(const char *endpoint, const char *id, const char *revision, const char *file,
                 char url[URL_MAX])
{
    size_t length = strlen(endpoint);
    while (length > 0 && endpoint[length - 1] == '/')
        length--;
    int written = snprintf(url, URL_MAX, "%.*s/%s/resolve/", (int)length, endpoint, id);
    if (written < 0 || written >= URL_MAX / 2)
        return false; /* the other half is more than an encoded revision and file name can take */
    size_t used = append_encoded(url, (size_t)written, revision, false);
    url[used++] = '/';
    append_encoded(url, used, file, true);
    return true;
}
