/* Options of the HTTP front: addresses, time, threads, TLS, keys, limits of requests and connections. base/option.h explains the rows. */
#ifndef HTTP_OPTION_LIST_H
#define HTTP_OPTION_LIST_H

#include "base/option.h"

/* Permissions of the unix socket, in octal. */
#define HTTP_UNIX_SOCKET_MODE HTTP_OCTAL(HTTP_UNIX_SOCKET_DIGITS)
#define HTTP_UNIX_SOCKET_DIGITS 660
#define HTTP_OCTAL(digits) HTTP_OCTAL_AS_IS(digits)
#define HTTP_OCTAL_AS_IS(digits) 0##digits

#define HTTP_ADDRESS_OPTIONS(OPTION, SETTING)                                                                \
    SETTING(HOST, "host", "Service", TEXT, BY_SERVE, const char *, host, 1, .default_text = "127.0.0.1",     \
            .value_name = "ADDRESS",                                                                         \
            .help = "address or name to listen on; 0.0.0.0 or :: lets other machines in, none "              \
                    "listens on --unix-socket only")                                                         \
    SETTING(PORT, "port", "Service", NUMBER, BY_SERVE, uint16_t, port, 1, .maximum = 65535,                  \
            .default_text = "8080", .help = "TCP port to listen on; 0 takes any free one and prints it")     \
    SETTING(UNIX_SOCKET, "unix-socket", "Service", PATH, BY_SERVE, const char *, unix_socket, 1,             \
            .help = "unix socket to listen at as well; plain HTTP, also where TCP has TLS")                  \
    OPTION(UNIX_SOCKET_MODE, "unix-socket-mode", "Service", TEXT, BY_SERVE,                                  \
           .default_text = OPTION_QUOTED(HTTP_UNIX_SOCKET_DIGITS), .value_name = "MODE",                     \
           .check = file_mode_check,                                                                         \
           .help = "permissions of the unix socket, as chmod takes them in digits")

#define HTTP_TIME_OPTIONS(OPTION, SETTING)                                                                   \
    SETTING(HEADER_TIMEOUT, "header-timeout", "Service", DURATION, BY_SERVE, int64_t, header_timeout_ms, 1,  \
            .minimum = 100, .maximum = OPTION_HOUR_MS, .default_text = "10s",                                \
            .help = "longest time for a request's headers, and on a new connection for the TLS "             \
                    "handshake and them; later it is closed")                                                \
    SETTING(IDLE_TIMEOUT, "idle-timeout", "Service", DURATION, BY_SERVE, int64_t, idle_timeout_ms, 1,        \
            .minimum = 1000, .maximum = OPTION_HOUR_MS, .default_text = "60s",                               \
            .help = "a connection that is silent for this long is closed")                                   \
    SETTING(WRITE_TIMEOUT, "write-timeout", "Service", DURATION, BY_SERVE, int64_t, write_timeout_ms, 1,     \
            .minimum = 100, .maximum = OPTION_HOUR_MS, .default_text = "30s",                                \
            .help = "longest time for a client to take its reply; later it is closed")

#define HTTP_THREAD_OPTIONS(OPTION, SETTING)                                                                 \
    SETTING(HTTP_THREADS, "http-threads", "Service", NUMBER, BY_SERVE, unsigned, http_threads, 1,            \
            .minimum = 1, .maximum = 256, .default_text = "2",                                               \
            .help = "threads that read requests and write replies")

#define HTTP_ACCESS_OPTIONS(OPTION, SETTING)                                                                 \
    SETTING(TLS_CERTIFICATE, "tls-certificate", "Access", PATH, BY_SERVE, const char *, tls_certificate, 1,  \
            .help = "serve HTTPS with this certificate (PEM, with those between it and its CA); "            \
                    "read again on SIGHUP")                                                                  \
    SETTING(TLS_KEY, "tls-key", "Access", PATH, BY_SERVE, const char *, tls_key, 1,                          \
            .help = "private key of --tls-certificate (PEM, without a passphrase)")                          \
    SETTING(TLS_CLIENT_CA, "tls-client-ca", "Access", PATH, BY_SERVE, const char *, tls_client_ca, 1,        \
            .help = "take only clients that show a certificate of one of these CAs (PEM)")                   \
    SETTING(TLS_OCSP, "tls-ocsp", "Access", PATH, BY_SERVE, const char *, tls_ocsp, 1,                       \
            .help = "OCSP response of the CA about --tls-certificate (DER or PEM), for clients "             \
                    "that ask (stapling); read again on SIGHUP")                                             \
    SETTING(API_KEYS, "api-keys", "Access", PATH, BY_SERVE, const char *, api_keys_file, 1,                  \
            .help = "take only requests with an API key of this file: a line name:digest for "               \
                    "each, with the key's SHA-256 in hexadecimal, and "                                      \
                    "roles=embed,metrics,operator for what it may do (embed and metrics where "              \
                    "nothing is said); read again on SIGHUP")                                                \
    SETTING(CORS_ORIGIN, "cors-origin", "Access", TEXT, BY_SERVE, const char *, cors_origins, 1,             \
            .value_name = "ORIGIN",                                                                          \
            .help = "let scripts of web pages from here use the service: https://example.org, "              \
                    "several separated by commas, or * for all")

#define HTTP_VERSION_OPTIONS(OPTION, SETTING)                                                                \
    SETTING(H2C, "h2c", "Access", SWITCH, BY_SERVE, bool, h2c, 1, .default_text = "false",                   \
            .help = "speak HTTP/2, and gRPC over it, without TLS as well, to clients that begin "            \
                    "with it; over TLS it is always offered")

#define HTTP_LIMIT_OPTIONS(OPTION, SETTING)                                                                  \
    SETTING(MAX_BODY_BYTES, "max-body-bytes", "Limits", BYTES, BY_SERVE, size_t, max_body_bytes, 1,          \
            .minimum = OPTION_KIB(1), .maximum = OPTION_GIB(1), .default_text = "8MiB",                      \
            .help = "bytes of a request's body; more is 413")                                                \
    SETTING(MAX_HEADER_BYTES, "max-header-bytes", "Limits", BYTES, BY_SERVE, size_t, max_header_bytes, 1,    \
            .minimum = OPTION_KIB(1), .maximum = OPTION_MIB(1), .default_text = "16KiB",                     \
            .help = "bytes of a request's line and headers; more is 431")                                    \
    SETTING(MAX_CONNECTIONS, "max-connections", "Limits", NUMBER, BY_SERVE, unsigned, max_connections, 1,    \
            .minimum = 1, .maximum = 1000000, .default_text = "4096",                                        \
            .help = "connections open at once; more are refused with 503")                                   \
    SETTING(MAX_CONNECTIONS_PER_ADDRESS, "max-connections-per-address", "Limits", NUMBER, BY_SERVE,          \
            unsigned, max_connections_per_address, 1, .maximum = 1000000, .zero_word = "none",               \
            .default_text = "none",                                                                          \
            .help = "connections open at once from one IPv4 address or IPv6 /64 network; leave "             \
                    "it at none behind a proxy, whose address all clients share")                            \
    SETTING(MIN_BODY_RATE, "min-body-rate", "Limits", BYTES, BY_SERVE, size_t, min_body_rate, 1,             \
            .maximum = OPTION_GIB(1), .zero_word = "none", .default_text = "1KiB",                           \
            .help = "bytes per second that a body must come at, on average after its first five "            \
                    "seconds; slower connections are closed")

#endif
