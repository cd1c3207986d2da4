#include "http/connection/address_count.h"

#include "base/error.h"
#include "base/memory.h"

#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#define BUCKETS 4096

typedef struct entry {
    struct entry *next;
    uint64_t high, low;
    unsigned count;
} entry;

struct address_count {
    unsigned max_per_address;
    uint64_t seed; /* so that nobody can choose addresses that share a bucket */
    pthread_mutex_t lock;
    entry *buckets[BUCKETS];
};

aki_status address_count_open(address_count **out, unsigned max_per_address, aki_error *error)
{
    *out = mem_zalloc(1, sizeof **out);
    if (*out == NULL)
        return error_set(error, AKI_OUT_OF_MEMORY, "no memory to count connections by address");
    (*out)->max_per_address = max_per_address;
    if (getrandom(&(*out)->seed, sizeof(*out)->seed, GRND_NONBLOCK) < 0)
        (*out)->seed = (uint64_t)(uintptr_t)*out;
    pthread_mutex_init(&(*out)->lock, NULL);
    return AKI_OK;
}

void address_count_close(address_count *counts)
{
    if (counts == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (entry *e = counts->buckets[i], *next; e != NULL; e = next) {
            next = e->next;
            mem_free(e);
        }
    pthread_mutex_destroy(&counts->lock);
    mem_free(counts);
}

/* False for addresses that are not counted. */
static bool key_of(const struct sockaddr *address, entry *key)
{
    *key = (entry){0};
    if (address == NULL)
        return false;
    if (address->sa_family == AF_INET) {
        key->low = ((const struct sockaddr_in *)address)->sin_addr.s_addr;
        return true;
    }
    if (address->sa_family != AF_INET6)
        return false;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(v6)) {
        uint32_t v4;
        memcpy(&v4, v6->s6_addr + 12, sizeof v4);
        key->low = v4;
    } else {
        memcpy(&key->high, v6->s6_addr, sizeof key->high);
        key->low = UINT64_MAX; /* not to be taken for an IPv4 address */
    }
    return true;
}

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Where the entry hangs, or would. */
static entry **find(address_count *counts, const entry *key)
{
    entry **at = &counts->buckets[mix(mix(key->high ^ counts->seed) ^ key->low) % BUCKETS];
    while (*at != NULL && ((*at)->high != key->high || (*at)->low != key->low))
        at = &(*at)->next;
    return at;
}

bool address_count_add(address_count *counts, const struct sockaddr *address)
{
    entry key;
    if (counts == NULL || !key_of(address, &key))
        return true;
    pthread_mutex_lock(&counts->lock);
    entry **at = find(counts, &key);
    if (*at == NULL && (*at = mem_alloc(1, sizeof key)) != NULL)
        **at = key;
    bool room = *at != NULL && (*at)->count < counts->max_per_address;
    if (room)
        (*at)->count++;
    pthread_mutex_unlock(&counts->lock);
    return room;
}

unsigned address_count_get(address_count *counts, const struct sockaddr *address)
{
    entry key;
    if (counts == NULL || !key_of(address, &key))
        return 0;
    pthread_mutex_lock(&counts->lock);
    const entry *found = *find(counts, &key);
    const unsigned count = found != NULL ? found->count : 0;
    pthread_mutex_unlock(&counts->lock);
    return count;
}

bool address_count_has_room(address_count *counts, const struct sockaddr *address)
{
    entry key;
    if (counts == NULL || !key_of(address, &key))
        return true;
    pthread_mutex_lock(&counts->lock);
    const entry *found = *find(counts, &key);
    bool room = found == NULL || found->count < counts->max_per_address;
    pthread_mutex_unlock(&counts->lock);
    return room;
}

void address_count_remove(address_count *counts, const struct sockaddr *address)
{
    entry key;
    if (counts == NULL || !key_of(address, &key))
        return;
    pthread_mutex_lock(&counts->lock);
    entry **at = find(counts, &key), *found = *at;
    if (found != NULL && --found->count == 0) {
        *at = found->next;
        mem_free(found);
    }
    pthread_mutex_unlock(&counts->lock);
}
