#include "base/curl_share.h"

#include <stdbool.h>

CURLSH *curl_share_open(void)
{
    static const curl_lock_data kept[] = {CURL_LOCK_DATA_CONNECT, CURL_LOCK_DATA_SSL_SESSION,
                                          CURL_LOCK_DATA_DNS};
    CURLSH *share = curl_share_init();
    bool usable = share != NULL;
    for (size_t i = 0; usable && i < sizeof kept / sizeof kept[0]; i++)
        usable = curl_share_setopt(share, CURLSHOPT_SHARE, kept[i]) == CURLSHE_OK;
    if (usable)
        return share;
    curl_share_cleanup(share);
    return NULL;
}
